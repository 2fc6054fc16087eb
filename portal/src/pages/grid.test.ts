import { describe, expect, test } from 'vitest';
import type { Column, ColumnType } from '../api/types';
import { cellText, columnWidth, filterLine, kqlLiteral, sortedRows, spanTicks, structured, toCsv, toTsv } from './grid';

const column = (name: string, type: ColumnType): Column => ({ name, type });

describe('sortedRows', () => {
  test.each<[ColumnType, unknown[], number[]]>([
    ['long', [10, 9, null, -1], [3, 1, 0, 2]],
    ['decimal', ['10.5', '9', '-1'], [2, 1, 0]],
    ['string', ['b', 'A', 'a10', 'a9'], [1, 3, 2, 0]],
    ['datetime', ['2026-01-01T00:00:00.0000002Z', '2026-01-01T00:00:00.0000001Z'], [1, 0]],
    ['timespan', ['1.00:00:00', '23:59:59.5', '-00:00:01'], [2, 1, 0]],
    ['bool', [true, false, null], [1, 0, 2]],
    ['dynamic', [{ b: 1 }, { a: 1 }], [1, 0]],
  ])('%s', (type, values, expected) => {
    const rows = values.map((value) => [value]);
    expect(sortedRows(rows, 0, type, 'ascending')).toEqual(expected);
  });

  test('nulls are last in both directions and equals keep their order', () => {
    const rows = [[1, 'a'], [null, 'b'], [1, 'c'], [2, 'd']];
    expect(sortedRows(rows, 0, 'long', 'ascending')).toEqual([0, 2, 3, 1]);
    expect(sortedRows(rows, 0, 'long', 'descending')).toEqual([3, 0, 2, 1]);
  });
});

describe('taking a result away', () => {
  const columns = [column('Time', 'datetime'), column('Command, line', 'string'), column('N', 'long'), column('D', 'dynamic')];
  test('CSV quotes what must be quoted and defuses formulas in texts only', () => {
    const rows = [
      ['2026-01-01T00:00:00Z', 'say "hi", bye', -5, { a: [1] }],
      [null, '=cmd|calc', null, null],
      ['2026-01-01T00:00:00Z', 'two\nlines', 1, '@x'],
    ];
    expect(toCsv(columns, rows)).toBe(
      'Time,"Command, line",N,D\r\n' +
        '2026-01-01T00:00:00Z,"say ""hi"", bye",-5,"{""a"":[1]}"\r\n' +
        ",'=cmd|calc,,\r\n" +
        '2026-01-01T00:00:00Z,"two\nlines",1,\'@x\r\n',
    );
  });
  test('TSV keeps one line for each row', () => {
    expect(toTsv([column('a', 'string'), column('b', 'string')], [['x\ty', 'p\nq']])).toBe('a\tb\nx y\tp q');
  });
});

describe('cells', () => {
  test.each<[unknown, ColumnType, string]>([
    [null, 'string', ''],
    ['2026-03-01T04:05:06.078Z', 'datetime', '2026-03-01 04:05:06.078'],
    ['not a time', 'datetime', 'not a time'],
    [{ a: 1 }, 'dynamic', '{"a":1}'],
    [false, 'bool', 'false'],
  ])('%j as %s', (value, type, text) => expect(cellText(value, type, 'utc')).toBe(text));

  test.each<[unknown, boolean]>([
    [{ a: 1 }, true], ['{"a":1}', true], [' [1]', true], ['{not json', false], ['"text"', false], ['12', false], [null, false],
  ])('%j has structure: %s', (value, expected) => expect(structured(value) !== undefined).toBe(expected));

  test('widths stay within reason', () => {
    expect(columnWidth(column('N', 'long'), 0, [[1]])).toBe(9);
    expect(columnWidth(column('Text', 'string'), 0, [['x'.repeat(500)]])).toBe(56);
  });
});

describe('filters from values', () => {
  test.each<[unknown, ColumnType, string | undefined]>([
    ['a "b" \\', 'string', '"a \\"b\\" \\\\"'],
    [5, 'long', '5'],
    [true, 'bool', 'true'],
    ['2026-03-01T04:05:06Z', 'datetime', 'datetime(2026-03-01T04:05:06Z)'],
    ['1.02:03:04', 'timespan', 'timespan(1.02:03:04)'],
    [null, 'string', undefined],
    [{ a: 1 }, 'dynamic', undefined],
  ])('%j of %s', (value, type, literal) => expect(kqlLiteral(value, type)).toBe(literal));

  test('a name that is no identifier is quoted', () => {
    expect(filterLine(column('count_', 'long'), 3, '!=')).toBe('| where count_ != 3');
    expect(filterLine(column('odd name', 'string'), 'x', '==')).toBe('| where ["odd name"] == "x"');
  });
});

test.each([
  ['00:00:01.5', 1.5], ['1.00:00:00', 86_400], ['-01:00:00', -3600], ['nonsense', Number.NaN],
])('timespan %s is %d seconds', (text, seconds) => expect(spanTicks(text)).toBe(seconds));
