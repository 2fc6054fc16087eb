// What may come next in a query, from the catalogue. A help for the fingers: the hub has the grammar.
import type { Table } from '../api/types';
import { operators, tokenize } from './tokens';

export interface Option {
  label: string;
  detail?: string;
  type: string;
  apply?: string;
}

const functions: readonly string[] = [
  'ago', 'now', 'count', 'dcount', 'min', 'max', 'sum', 'avg', 'arg_max', 'make_set', 'make_list',
  'tostring', 'parse_json', 'extractjson', 'tolower', 'strcat', 'iff', 'bin', 'isnotempty', 'isempty',
];
const connectives: readonly string[] = ['by', 'and', 'or', 'contains', 'has', 'startswith', 'endswith', 'in', 'asc', 'desc', 'on'];

const word = /[\w-]*$/;

// `before` is the query up to the cursor.
export function complete(
  before: string,
  tables: readonly Table[],
  asked: boolean,
): { from: number; options: Option[] } | undefined {
  const typed = word.exec(before)?.[0] ?? '';
  if (typed === '' && !asked) return undefined;
  if (/^\d/.test(typed)) return undefined;
  const from = before.length - typed.length;
  const lines = tokenize(before, new Set(tables.map((table) => table.name)));
  const last = lines.at(-1)?.at(-1);
  if (last?.kind === 'comment' || (last?.kind === 'string' && typed === last.text.slice(-typed.length))) return undefined;

  const head = before.slice(0, from).trimEnd();
  if (head === '' || /[(;,]\s*$/.test(head) && /\b(join|union|lookup)\b[^|]*$/.test(head)) {
    return { from, options: tables.map((table) => ({ label: table.name, detail: 'table', type: 'class' })) };
  }
  if (head.endsWith('|')) {
    return { from, options: operators.map((label) => ({ label, detail: 'operator', type: 'keyword', apply: `${label} ` })) };
  }
  const used = new Set(lines.flat().filter((token) => token.kind === 'table').map((token) => token.text));
  const columns = new Map<string, Option>();
  for (const table of tables) {
    if (used.size > 0 && !used.has(table.name)) continue;
    for (const column of table.columns) columns.set(column.name, { label: column.name, detail: column.type, type: 'property' });
  }
  return {
    from,
    options: [
      ...columns.values(),
      ...functions.map((label) => ({ label, detail: 'function', type: 'function', apply: `${label}(` })),
      ...connectives.map((label) => ({ label, type: 'keyword' })),
    ],
  };
}
