// What pages about storage share. Pure.
import type { RetentionStep, RetentionTable } from '../api/types';
import type { TriedLimits } from '../api/hub';
import { m } from '../i18n';

export const kGib = 1024 ** 3;
const kHour = 3_600;
const kDay = 24 * kHour;

// How long a table is kept, in the largest unit that says it exactly.
export function ageText(seconds: number | null): string {
  if (seconds === null) return m.storage.forEver;
  if (seconds % kDay === 0) return m.storage.days(seconds / kDay);
  if (seconds % kHour === 0) return m.storage.hours(seconds / kHour);
  return m.storage.seconds(seconds);
}

// What a person typed into a form of a dry run; empty: as it is. A text that is no number gives NaN.
export interface TypedLimits {
  table: string;
  days: string;
  gib: string;
  diskGib: string;
}

function bytesOf(gib: string): number | undefined {
  return gib.trim() === '' ? undefined : Math.round(Number(gib) * kGib);
}

export function limitsOf(typed: TypedLimits): TriedLimits {
  const days = typed.days.trim();
  return {
    table: typed.table === '' ? undefined : typed.table,
    maxAge: days === '' ? undefined : `${Math.round(Number(days) * 24)}h`,
    maxBytes: bytesOf(typed.gib),
    diskMax: bytesOf(typed.diskGib),
  };
}

export function isTyped(typed: TypedLimits): boolean {
  return [typed.days, typed.gib, typed.diskGib].some((text) => text.trim() !== '');
}

// The same limits as they are written in hub.toml.
export function tomlOf(typed: TypedLimits): string {
  const hours = Math.round(Number(typed.days) * 24);
  const age = typed.days.trim() === '' ? [] : [`max_age = "${hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`}"`];
  const sizeOf = (gib: string) => (Number(gib) === 0 ? '0' : Number.isInteger(Number(gib)) ? `"${Number(gib)}GiB"` : String(bytesOf(gib)));
  const size = typed.gib.trim() === '' ? [] : [`max_size = ${sizeOf(typed.gib)}`];
  const disk = typed.diskGib.trim() === '' ? [] : [`disk_max = ${sizeOf(typed.diskGib)}`];
  const own = [...age, ...size];
  if (typed.table === '') return ['[retention]', ...disk, ...own].join('\n');
  return [...(disk.length > 0 ? ['[retention]', ...disk, ''] : []), ...(own.length > 0 ? [`[retention.table.${typed.table}]`, ...own] : [])].join('\n').trim();
}

// What a plan does to a table for one reason.
export interface PlanShare {
  table: string;
  why: RetentionStep['why'];
  pieces: number;
  rows: number;
  held: number;
  newest: string;
}

// Steps are of single pieces, of which there may be thousands.
export function sharesOf(steps: readonly RetentionStep[]): PlanShare[] {
  const shares = new Map<string, PlanShare>();
  for (const step of steps) {
    const key = `${step.table} ${step.why}`;
    const share = shares.get(key) ?? { table: step.table, why: step.why, pieces: 0, rows: 0, held: 0, newest: step.newest };
    shares.set(key, {
      ...share,
      pieces: share.pieces + 1,
      rows: share.rows + step.rows,
      held: share.held + step.rowsHeld,
      newest: Date.parse(step.newest) > Date.parse(share.newest) ? step.newest : share.newest,
    });
  }
  return [...shares.values()].sort((a, b) => b.rows - a.rows || a.table.localeCompare(b.table));
}

// The largest first; those without rows last, by name.
export function bySize(tables: readonly RetentionTable[]): RetentionTable[] {
  return [...tables].sort((a, b) => b.bytes - a.bytes || b.rows - a.rows || a.table.localeCompare(b.table));
}

// The first moment of a day of a date field, and of the day after it: UTC, as the store's days are.
export const dayStart = (date: string): string => `${date}T00:00:00Z`;
export function dayEnd(date: string): string {
  return new Date(Date.parse(dayStart(date)) + kDay * 1_000).toISOString();
}
