import { describe, expect, test } from 'vitest';
import type { RetentionStep, RetentionTable } from '../api/types';
import { ageText, bySize, dayEnd, dayStart, isTyped, limitsOf, sharesOf, tomlOf } from './storage';

const typed = (changes: Partial<{ table: string; days: string; gib: string; diskGib: string }>) => ({ table: '', days: '', gib: '', diskGib: '', ...changes });

test('an age is said in the largest unit that says it exactly', () => {
  expect([null, 90 * 86_400, 86_400, 36 * 3_600, 90].map(ageText)).toEqual(['for ever', '90 days', '1 day', '36 hours', '90 seconds']);
});

describe('limits to try', () => {
  test('what is empty stays as it is, and 0 is no limit', () => {
    expect(limitsOf(typed({}))).toEqual({ table: undefined, maxAge: undefined, maxBytes: undefined, diskMax: undefined });
    expect(isTyped(typed({ table: 'SecurityAlert' }))).toBe(false);
    expect(limitsOf(typed({ table: 'SecurityAlert', days: '0', gib: '0', diskGib: '0' }))).toEqual({ table: 'SecurityAlert', maxAge: '0h', maxBytes: 0, diskMax: 0 });
    expect(isTyped(typed({ days: '0' }))).toBe(true);
    expect(limitsOf(typed({ days: '1.5', gib: '0.5' }))).toMatchObject({ maxAge: '36h', maxBytes: 2 ** 29 });
  });

  test('are written as in hub.toml', () => {
    expect(tomlOf(typed({ days: '30', gib: '50' }))).toBe('[retention]\nmax_age = "30d"\nmax_size = "50GiB"');
    expect(tomlOf(typed({ table: 'Usage', days: '1.5' }))).toBe('[retention.table.Usage]\nmax_age = "36h"');
    expect(tomlOf(typed({ table: 'Usage', gib: '0', diskGib: '0.5' }))).toBe('[retention]\ndisk_max = 536870912\n\n[retention.table.Usage]\nmax_size = 0');
    expect(tomlOf(typed({ table: 'Usage', diskGib: '20' }))).toBe('[retention]\ndisk_max = "20GiB"');
  });
});

test('steps of a plan are added up by table and reason, the most rows first', () => {
  const step = (table: string, why: RetentionStep['why'], rows: number, newest: string, rowsHeld = 0): RetentionStep => ({ table, why, rows, rowsHeld, newest, oldest: newest, bytes: 1 });
  expect(
    sharesOf([step('A', 'age', 5, '2026-01-01T00:00:00Z'), step('B', 'age', 50, '2026-01-01T00:00:00Z', 2), step('A', 'age', 6, '2026-01-03T00:00:00Z'), step('A', 'diskLimit', 1, '2026-01-02T00:00:00Z')]),
  ).toEqual([
    { table: 'B', why: 'age', pieces: 1, rows: 50, held: 2, newest: '2026-01-01T00:00:00Z' },
    { table: 'A', why: 'age', pieces: 2, rows: 11, held: 0, newest: '2026-01-03T00:00:00Z' },
    { table: 'A', why: 'diskLimit', pieces: 1, rows: 1, held: 0, newest: '2026-01-02T00:00:00Z' },
  ]);
});

test('the largest tables come first', () => {
  const table = (name: string, bytes: number, rows: number) => ({ table: name, bytes, rows }) as RetentionTable;
  expect(bySize([table('c', 0, 0), table('b', 0, 0), table('small', 1, 9), table('hot', 0, 5), table('large', 7, 1)]).map((each) => each.table)).toEqual(['large', 'small', 'hot', 'b', 'c']);
});

test('a day of a hold ends where the next begins', () => {
  expect(dayStart('2026-12-31')).toBe('2026-12-31T00:00:00Z');
  expect(dayEnd('2026-12-31')).toBe('2027-01-01T00:00:00.000Z');
});
