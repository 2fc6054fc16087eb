// Fails the build when the portal grows past its budgets (gzip sizes of JavaScript and CSS).
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const kLimits = { 'first load': 60, 'lazy route': 140, total: 350 }; // kB
const out = process.argv[2] ?? join(import.meta.dirname, '../../build/portal');
const manifest = JSON.parse(readFileSync(join(out, '.vite/manifest.json'), 'utf8'));

const sizes = new Map();
function size(file) {
  if (!sizes.has(file)) sizes.set(file, gzipSync(readFileSync(join(out, file)), { level: 9 }).length);
  return sizes.get(file);
}

const isRoute = (key) => key.startsWith('src/pages/');

// Files that loading a chunk brings along: itself, its CSS and what it imports. With `later` also what it
// goes on to load by itself; another route is the visitor's doing.
function closure(key, later = false, files = new Set()) {
  const chunk = manifest[key];
  if (files.has(chunk.file)) return files;
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) closure(next, later, files);
  for (const next of later ? (chunk.dynamicImports ?? []) : []) if (!isRoute(next)) closure(next, later, files);
  return files;
}

const sum = (files) => [...files].reduce((total, file) => total + size(file), 0);
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
const failures = [];
function check(kind, name, bytes) {
  const over = bytes > kLimits[kind] * 1000;
  console.log(`budget: ${kind} ${name} ${kb(bytes)} of ${kLimits[kind]} kB${over ? ' EXCEEDED' : ''}`);
  if (over) failures.push(name);
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const first = closure(entry);
check('first load', manifest[entry].file, sum(first));

const all = new Set(first);
for (const key of Object.keys(manifest).filter((name) => manifest[name].isDynamicEntry)) {
  const files = closure(key, true);
  for (const file of files) all.add(file);
  if (isRoute(key)) check('lazy route', key, sum([...files].filter((file) => !first.has(file))));
}
check('total', 'all files', sum(all));
if (failures.length > 0) process.exit(1);
// Only what the hub serves stays.
rmSync(join(out, '.vite'), { recursive: true });
