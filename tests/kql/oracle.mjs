// The cases of src/kql/testdata beside the language's own front end: what we answer, it must accept, and
// give its columns the same names and types; what we refuse, it must refuse. kql_test proves that the
// columns are what our engine gives. So for a call of every function. Differences that are meant stand in differences.txt with their
// reason; one that is no longer there fails, too.
import { createRequire } from 'node:module';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
const { Kusto } = globalThis;
const source = process.env.SOURCE_DIR;
const here = process.env.ORACLE_DIR;

function readCases(file) {
  const cases = [];
  let inQuery = false;
  readFileSync(join(source, 'src/kql/testdata', file), 'utf8').split('\n').forEach((line) => {
    if (line.startsWith('=== ')) {
      cases.push({ file, name: line.slice(4), query: '', verdict: [] });
      inQuery = true;
    } else if (cases.length === 0) {
      // the file's introduction
    } else if (line.startsWith('---')) {
      inQuery = false;
    } else if (inQuery) {
      cases.at(-1).query += (cases.at(-1).query === '' ? '' : '\n') + line;
    } else if (line !== '') {
      cases.at(-1).verdict.push(line);
    }
  });
  return cases;
}

// The table that kqltest_test.cc makes; keep both alike.
const kEvents = '(TimeGenerated:datetime, DeviceId:string, EventDetails:string, RawEventName:string, '
    + 'Hits:long, [\'odd "name\']:string)';

function globals() {
  const { TableSymbol, DatabaseSymbol } = Kusto.Language.Symbols;
  const table = new TableSymbol.$ctor7('Events', kEvents, null);
  const database = new DatabaseSymbol.ctor('db', [table]);
  return Kusto.Language.GlobalState.Default.WithDatabase(database);
}

// What the front end makes of it: its errors, or the columns.
function ask(query, state) {
  const code = Kusto.Language.KustoCode.ParseAndAnalyze(query, state);
  const found = code.GetDiagnostics();
  const errors = [];
  for (let i = 0; i < found.Count; i += 1) {
    const each = found.getItem(i);
    if (each.Severity === 'Error') errors.push(each.Message);
  }
  const columns = [];
  const list = code.ResultType?.Columns;
  for (let i = 0; list && i < list.Count; i += 1) {
    const column = list.getItem(i);
    columns.push(`${column.Name}:${column.Type.Name}`);
  }
  return { errors, columns: columns.join(' | ') };
}

// What differs between a case and the front end; '' when nothing does.
function difference(one, answer) {
  const wanted = one.verdict.find((line) => !line.startsWith('warning '));
  if (wanted === undefined) return 'the case has no verdict';
  if (wanted.startsWith('error ')) {
    return answer.errors.length > 0 ? '' : 'we refuse what it accepts';
  }
  if (answer.errors.length > 0) return `it refuses what we answer: ${answer.errors[0]}`;
  return answer.columns === wanted ? '' : `columns: ours ${wanted}, its ${answer.columns}`;
}

// The calls of every function, from kql_test: the table's first line, then signature, query, columns.
function readCalls(file) {
  const [table, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [where, query, columns] = line.split('\t');
    return { where, query: `${table}\n${query}`, verdict: [columns] };
  });
}

const meant = new Map();
for (const line of readFileSync(join(here, 'differences.txt'), 'utf8').split('\n')) {
  if (line === '' || line.startsWith('#')) continue;
  const [where, reason] = line.split(' :: ');
  meant.set(where, reason);
}

const state = globals();
let failed = 0;
let same = 0;
function check(where, one) {
  const what = difference(one, ask(one.query, state));
  if (what === '' && meant.has(where)) {
    console.log(`${where}\n  no longer differs: take it out of differences.txt`);
    failed += 1;
  } else if (what !== '' && !meant.has(where)) {
    console.log(`${where}\n  ${what}`);
    failed += 1;
  } else if (what === '') {
    same += 1;
  }
  meant.delete(where);
}
for (const file of readdirSync(join(source, 'src/kql/testdata')).sort()) {
  if (!file.endsWith('.kqltest')) continue;
  for (const one of readCases(file)) check(`${file}: ${one.name}`, one);
}
for (const one of readCalls(process.argv[2])) check(one.where, one);
for (const where of meant.keys()) {
  console.log(`${where}\n  no such case, though differences.txt names it`);
  failed += 1;
}
console.log(`${same} cases and calls are as the language's own front end has them; ${failed} differ unexpectedly`);
process.exit(failed === 0 ? 0 : 1);
