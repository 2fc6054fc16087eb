import { describe, expect, test } from 'vitest';
import type { Column } from '../api/types';
import { kMaxSeries, makeChart, ticks } from './chart';

const column = (name: string, type: Column['type']): Column => ({ name, type });
const render = (kind: string, properties: Record<string, string> = {}) => ({ kind, properties });
const time = (hour: number) => `2026-01-01T0${hour}:00:00Z`;

describe('makeChart', () => {
  test('a line for each series over time, in order', () => {
    const chart = makeChart(
      [column('T', 'datetime'), column('Kind', 'string'), column('n', 'long')],
      [[time(2), 'a', 5], [time(1), 'a', 3], [time(1), 'b', -2]],
      render('timechart', { title: 'x' }),
    );
    expect(chart).toMatchObject({ kind: 'line', title: 'x', time: true, low: -2, high: 5 });
    expect(chart?.series.map((one) => one.name)).toEqual(['a', 'b']);
    expect(chart?.series[0]?.points.map((point) => point.y)).toEqual([3, 5]);
  });
  test('several values are several series', () => {
    const chart = makeChart([column('T', 'datetime'), column('a', 'long'), column('b', 'real')], [[time(1), 1, 2]], render('linechart'));
    expect(chart?.series.map((one) => one.name)).toEqual(['a', 'b']);
  });
  test('text is a category', () => {
    const chart = makeChart([column('Name', 'string'), column('n', 'long')], [['x', 1], ['y', 2], ['x', 3]], render('columnchart'));
    expect(chart?.categories).toEqual(['x', 'y']);
    expect(chart).toMatchObject({ left: -0.5, right: 1.5, low: 0, high: 3 });
  });
  test('the columns that render names', () => {
    const chart = makeChart(
      [column('a', 'long'), column('b', 'long'), column('c', 'string')],
      [[1, 7, 's']],
      render('scatterchart', { xcolumn: 'a', ycolumns: 'b', series: 'c' }),
    );
    expect(chart?.series).toEqual([{ name: 's', points: [{ x: 1, y: 7 }] }]);
  });
  test('what has no value is left out', () => {
    const chart = makeChart([column('T', 'datetime'), column('n', 'long')], [[time(1), null], [null, 4], [time(2), 4]], render('timechart'));
    expect(chart?.series[0]?.points).toHaveLength(1);
  });
  test('no more series than can be told apart', () => {
    const rows = Array.from({ length: 30 }, (_, at) => [time(1), `s${at}`, at]);
    const chart = makeChart([column('T', 'datetime'), column('k', 'string'), column('n', 'long')], rows, render('timechart'));
    expect(chart?.series).toHaveLength(kMaxSeries);
  });
  test.each([
    ['table', [[time(1), 1]]],
    ['card', [[time(1), 1]]],
    ['timechart', []],
  ])('nothing for %s', (kind, rows) =>
    expect(makeChart([column('T', 'datetime'), column('n', 'long')], rows, render(kind))).toBeUndefined(),
  );
  test('nothing without numbers', () =>
    expect(makeChart([column('a', 'string'), column('b', 'string')], [['x', 'y']], render('barchart'))).toBeUndefined());
});

describe('ticks', () => {
  test.each([
    [0, 10, 5, [0, 2, 4, 6, 8, 10]],
    [0, 1, 4, [0, 0.5, 1]],
    [-3, 3, 3, [-2, 0, 2]],
    [5, 5, 4, [5]],
  ])('between %d and %d', (low, high, count, expected) => expect(ticks(low, high, count)).toEqual(expected));
});
