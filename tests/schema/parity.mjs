// Compares our verdicts with ajv's: node parity.mjs published|reference
// published: on the schema that we publish, with samples of ours. reference: on the schemas of the
// security message format and their samples, where VEDETTE_SHARED has them.
import {spawnSync} from 'node:child_process';
import {readFileSync, readdirSync} from 'node:fs';
import {join} from 'node:path';

import Ajv from 'ajv';
import addFormats from 'ajv-formats';

import {mutants, replacements} from './mutations.mjs';
import {fromValue, toText} from './tree.mjs';

const kSeed = 20260301;
const kMutants = 20000;
const kShown = 10;

const load = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));

function published() {
  // JSON Schema calls 1e400 an integer; ajv does so only without strictNumbers.
  const ajv = addFormats(new Ajv({strict: true, strictNumbers: false, strictRequired: false, strictTypes: false}));
  return {
    mode: 'strict',
    check: ajv.compile(load(process.env.SOURCE_DIR, 'docs/reference/security-message.schema.json')),
    valid: load(process.env.SOURCE_DIR, 'tests/schema/samples.json'),
    invalid: ['', [], {}, null, 1, {Events: []}],
  };
}

function reference() {
  const folder = join(process.env.VEDETTE_SHARED, 'reference/security-message');
  const ajv = addFormats(new Ajv({strict: false}));
  for (const name of readdirSync(join(folder, 'schemas'))) ajv.addSchema(load(folder, 'schemas', name));
  const samples = load(folder, 'samples/samples.json');
  const ours = load(process.env.SOURCE_DIR, 'tests/schema/samples.json');
  // The events that the format itself has; the others are additions of ours.
  const events = join(process.env.SOURCE_DIR, 'src/schema/events');
  const classic = new Set(readdirSync(events).map((name) => load(events, name)).filter((event) => event.classic)
    .map((event) => event.name));
  return {
    mode: 'classic',
    check: ajv.getSchema('messageRoot.json'),
    valid: [...samples.valid, ...ours.filter((message) => message.Events.every((event) => classic.has(event.Name)))],
    invalid: samples.invalid,
  };
}

function verdictOf(check, text) {
  try {
    return check(JSON.parse(text)) ? '1' : '0';
  } catch (error) {
    if (error instanceof SyntaxError) return '0';
    throw error;
  }
}

function ourVerdicts(mode, texts) {
  const run = spawnSync(process.env.VERDICTS, [mode], {input: texts.join('\n') + '\n', maxBuffer: 1 << 30});
  if (run.status !== 0) throw new Error(`${process.env.VERDICTS}: ${run.stderr || run.error || run.signal}`);
  return run.stdout.toString().trimEnd().split('\n');
}

const {mode, check, valid, invalid} = process.argv[2] === 'reference' ? reference() : published();
const trees = valid.map(fromValue);
const texts = [
  ...trees.map(toText),
  ...invalid.map((message) => JSON.stringify(message)),
  ...replacements(trees),
  ...mutants(trees, kSeed, kMutants),
];

const theirs = texts.map((text) => verdictOf(check, text));
const ours = ourVerdicts(mode, texts);
const failures = [];
if (ours.length !== texts.length) failures.push(`${texts.length} messages, ${ours.length} verdicts`);
valid.forEach((_, i) => theirs[i] === '1' || failures.push(`ajv refuses sample ${i}: ${JSON.stringify(check.errors)}`));
let differences = 0;
texts.forEach((text, i) => {
  if (ours[i] === theirs[i]) return;
  if (differences++ < kShown) failures.push(`ajv says ${theirs[i]}, we say ${ours[i]}: ${text}`);
});
// Mutations that leave nothing valid, or nothing invalid, would prove nothing.
const share = theirs.filter((verdict) => verdict === '1').length / theirs.length;
if (share < 0.1 || share > 0.9) failures.push(`${(share * 100).toFixed(1)} % of the messages are valid, expected 10 to 90 %`);

console.log(`${texts.length} messages, ${(share * 100).toFixed(1)} % valid, ${differences} different verdicts`);
for (const failure of failures) console.log(failure);
process.exit(failures.length > 0 ? 1 : 0);
