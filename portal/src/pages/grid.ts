// A query's result as people read, order and take it away. Pure.
import { stamp } from '../app/format';
import type { Times } from '../app/preferences.svelte';
import type { Column, ColumnType } from '../api/types';
import { kqlString } from './device';

export type Order = 'ascending' | 'descending';

const numeric: ReadonlySet<ColumnType> = new Set(['int', 'long', 'real', 'decimal']);

export function isNumeric(type: ColumnType): boolean {
  return numeric.has(type);
}

export function cellText(value: unknown, type: ColumnType, zone: Times): string {
  if (value === null || value === undefined) return '';
  if (type === 'datetime') {
    const time = new Date(String(value));
    return Number.isNaN(time.getTime()) ? String(value) : stamp(time, zone);
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// What a cell holds when that is an object or a list; a string that spells one counts.
export function structured(value: unknown): object | undefined {
  if (value !== null && typeof value === 'object') return value;
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    return parsed !== null && typeof parsed === 'object' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

function compareValues(a: unknown, b: unknown, type: ColumnType): number {
  if (isNumeric(type)) return Number(a) - Number(b);
  if (type === 'bool') return Number(a) - Number(b);
  // RFC 3339 in UTC orders as text, and so keeps what Date would round away.
  if (type === 'datetime') return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
  if (type === 'timespan') return spanTicks(String(a)) - spanTicks(String(b));
  const text = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
  return collator.compare(text(a), text(b));
}

// [-][d.]hh:mm:ss[.fffffff] in seconds.
export function spanTicks(text: string): number {
  const match = /^(-)?(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(text);
  if (match === null) return Number.NaN;
  const [, sign, days, hours, minutes, seconds] = match;
  const size = ((Number(days ?? 0) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return sign === undefined ? size : -size;
}

// Row numbers in order of a column; nulls come last either way, equals stay as they were.
export function sortedRows(rows: readonly unknown[][], column: number, type: ColumnType, order: Order): number[] {
  const empty = (value: unknown) => value === null || value === undefined;
  const sign = order === 'ascending' ? 1 : -1;
  return rows
    .map((_, index) => index)
    .sort((left, right) => {
      const a = rows[left]?.[column];
      const b = rows[right]?.[column];
      if (empty(a) || empty(b)) return Number(empty(a)) - Number(empty(b)) || left - right;
      return sign * compareValues(a, b, type) || left - right;
    });
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// RFC 4180. Text that a spreadsheet would take for a formula gets an apostrophe in front: what a device
// calls a process must not run on the analyst's desk.
export function toCsv(columns: readonly Column[], rows: readonly unknown[][]): string {
  const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cell = (value: unknown, type: ColumnType) => {
    const text = plain(value);
    const risky = !isNumeric(type) && type !== 'datetime' && type !== 'timespan' && /^[=+\-@\t\r]/.test(text);
    return quote(risky ? `'${text}` : text);
  };
  const lines = [columns.map((column) => cell(column.name, 'string')).join(',')];
  for (const row of rows) lines.push(columns.map((column, index) => cell(row[index], column.type)).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

// Tab-separated, as spreadsheets paste it.
export function toTsv(columns: readonly Column[], rows: readonly unknown[][]): string {
  const cell = (value: unknown) => plain(value).replace(/[\t\r\n]+/g, ' ');
  const lines = [columns.map((column) => column.name).join('\t')];
  for (const row of rows) lines.push(columns.map((_, index) => cell(row[index])).join('\t'));
  return lines.join('\n');
}

// Width of a column in characters, from its title and the first rows.
export function columnWidth(column: Column, index: number, rows: readonly unknown[][]): number {
  const kSample = 100;
  // The heading also says the type.
  let width = column.name.length + column.type.length + 4;
  for (const row of rows.slice(0, kSample)) {
    width = Math.max(width, cellText(row[index], column.type, 'utc').length + 2);
  }
  return Math.min(Math.max(width, 8), 56);
}

// A KQL literal of a value, or undefined where comparing with one makes no sense.
export function kqlLiteral(value: unknown, type: ColumnType): string | undefined {
  if (value === null || value === undefined || typeof value === 'object') return undefined;
  switch (type) {
    case 'string':
      return kqlString(String(value));
    case 'datetime':
    case 'timespan':
    case 'guid':
    case 'decimal':
      return `${type}(${String(value)})`;
    case 'dynamic':
      return undefined;
    default:
      return String(value);
  }
}

const simpleName = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function filterLine(column: Column, value: unknown, operator: '==' | '!='): string | undefined {
  const literal = kqlLiteral(value, column.type);
  if (literal === undefined) return undefined;
  const name = simpleName.test(column.name) ? column.name : `[${kqlString(column.name)}]`;
  return `| where ${name} ${operator} ${literal}`;
}
