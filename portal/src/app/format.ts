// Times as people read them. Pure: the present moment and the choice of zone are parameters.
import { m } from '../i18n';
import type { Times } from './preferences.svelte';

const kMinute = 60_000;
const kHour = 60 * kMinute;
const kDay = 24 * kHour;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' });

// "5 min. ago"; from a week on, the date says more.
export function relativeTime(time: Date, now: number, zone: Times): string {
  const age = now - time.getTime();
  if (Math.abs(age) < 45_000) return m.common.justNow;
  const size = Math.abs(age);
  if (size < kHour) return relative.format(-Math.round(age / kMinute), 'minute');
  if (size < kDay) return relative.format(-Math.round(age / kHour), 'hour');
  if (size < 7 * kDay) return relative.format(-Math.round(age / kDay), 'day');
  return dateOnly(time, zone);
}

function formatter(options: Intl.DateTimeFormatOptions): (zone: Times) => Intl.DateTimeFormat {
  const made = new Map<Times, Intl.DateTimeFormat>();
  return (zone) => {
    let format = made.get(zone);
    if (format === undefined) {
      format = new Intl.DateTimeFormat('en-GB', zone === 'utc' ? { ...options, timeZone: 'UTC' } : options);
      made.set(zone, format);
    }
    return format;
  };
}

const dateFormat = formatter({ day: 'numeric', month: 'short', year: 'numeric' });
const fullFormat = formatter({
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});
const clockFormat = formatter({ hour: '2-digit', minute: '2-digit', second: '2-digit' });

export function dateOnly(time: Date, zone: Times): string {
  return dateFormat(zone).format(time);
}
export function fullTime(time: Date, zone: Times): string {
  return fullFormat(zone).format(time);
}
export function clockTime(time: Date, zone: Times): string {
  return clockFormat(zone).format(time);
}

function two(value: number, digits = 2): string {
  return String(value).padStart(digits, '0');
}

// "2026-03-01 12:00:00.123", sortable, for tables of events.
export function stamp(time: Date, zone: Times): string {
  if (zone === 'utc') return time.toISOString().replace('T', ' ').slice(0, 23);
  const date = `${two(time.getFullYear(), 4)}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return `${date} ${clock}.${two(time.getMilliseconds(), 3)}`;
}
