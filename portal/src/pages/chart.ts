// What a query's `render` asks for, as numbers to draw: pure, so that it can be judged without a screen.
import type { Column, Render } from '../api/types';

export type ChartKind = 'line' | 'area' | 'column' | 'bar' | 'scatter' | 'pie';

export interface Series {
  name: string;
  points: { x: number; y: number }[]; // x: a time in ms, a number, or the place of a category
}

export interface Chart {
  kind: ChartKind;
  title: string;
  xName: string;
  time: boolean;
  categories: string[] | undefined; // of x, where it is neither time nor number
  series: Series[];
  low: number;
  high: number;
  left: number;
  right: number;
}

export const kMaxSeries = 12;
export const kMaxCategories = 60;

const kinds: Record<string, ChartKind> = {
  timechart: 'line',
  linechart: 'line',
  anomalychart: 'line',
  areachart: 'area',
  stackedareachart: 'area',
  columnchart: 'column',
  barchart: 'bar',
  scatterchart: 'scatter',
  piechart: 'pie',
};

const numeric = new Set(['int', 'long', 'real', 'decimal']);

function property(render: Render, name: string): string {
  return render.properties[name] ?? '';
}

function listed(render: Render, name: string, columns: readonly Column[]): number[] {
  const names = property(render, name).split(',').map((each) => each.trim());
  return names.map((each) => columns.findIndex((column) => column.name === each)).filter((at) => at !== -1);
}

// Which columns are drawn: x, the values, and those that tell series apart.
function roles(columns: readonly Column[], render: Render): { x: number; ys: number[]; by: number[] } | undefined {
  const [givenX] = listed(render, 'xcolumn', columns);
  const time = columns.findIndex((column) => column.type === 'datetime');
  const text = columns.findIndex((column) => column.type === 'string');
  const x = givenX ?? (time !== -1 ? time : text !== -1 ? text : 0);
  const givenYs = listed(render, 'ycolumns', columns);
  const ys = givenYs.length > 0 ? givenYs : columns.flatMap((column, at) => (at !== x && numeric.has(column.type) ? [at] : []));
  if (ys.length === 0) return undefined;
  const givenBy = listed(render, 'series', columns);
  const by = givenBy.length > 0 ? givenBy : columns.flatMap((column, at) => (at !== x && !ys.includes(at) && column.type === 'string' ? [at] : []));
  return { x, ys, by };
}

// undefined: nothing that can be drawn, as for `render table`.
export function makeChart(columns: readonly Column[], rows: readonly (readonly unknown[])[], render: Render): Chart | undefined {
  const kind = kinds[render.kind];
  const role = kind === undefined ? undefined : roles(columns, render);
  if (kind === undefined || role === undefined || rows.length === 0) return undefined;
  const type = columns[role.x]?.type ?? 'string';
  const time = type === 'datetime';
  const ordered = time || (numeric.has(type) && kind !== 'pie' && kind !== 'column' && kind !== 'bar');
  const categories: string[] = [];
  const places = new Map<string, number>();
  const place = (value: unknown): number | undefined => {
    if (time) return Number.isNaN(Date.parse(String(value))) ? undefined : Date.parse(String(value));
    if (ordered) return value === null ? undefined : Number(value);
    const name = value === null ? '' : String(value);
    if (!places.has(name)) {
      if (categories.length === kMaxCategories) return undefined;
      places.set(name, categories.length);
      categories.push(name);
    }
    return places.get(name);
  };
  const series = new Map<string, Series>();
  for (const row of rows) {
    const x = place(row[role.x]);
    if (x === undefined) continue;
    for (const at of role.ys) {
      const y = row[at] === null ? Number.NaN : Number(row[at]);
      if (!Number.isFinite(y)) continue;
      const parts = role.by.map((each) => String(row[each] ?? ''));
      if (role.ys.length > 1 || parts.length === 0) parts.push(columns[at]?.name ?? '');
      const name = parts.join(' · ');
      let one = series.get(name);
      if (one === undefined) {
        if (series.size === kMaxSeries) continue;
        series.set(name, (one = { name, points: [] }));
      }
      one.points.push({ x, y });
    }
  }
  const all = [...series.values()].flatMap((one) => one.points);
  if (all.length === 0) return undefined;
  if (ordered) for (const one of series.values()) one.points.sort((a, b) => a.x - b.x);
  const ys = all.map((point) => point.y);
  const xs = all.map((point) => point.x);
  return {
    kind,
    title: property(render, 'title'),
    xName: columns[role.x]?.name ?? '',
    time,
    categories: ordered ? undefined : categories,
    series: [...series.values()],
    // Bars and areas begin at nothing; lines may tell more from near.
    low: Math.min(0, ...ys),
    high: Math.max(0, ...ys),
    left: ordered ? Math.min(...xs) : -0.5,
    right: ordered ? Math.max(...xs) : categories.length - 0.5,
  };
}

// Round numbers between two bounds, about `count` of them.
export function ticks(low: number, high: number, count: number): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(count, 1);
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((each) => each * magnitude >= rough) ?? 10) * magnitude;
  const out: number[] = [];
  for (let n = Math.ceil(low / step); n * step <= high + step * 1e-9; n += 1) out.push(Number((n * step).toPrecision(12)));
  return out;
}
