import { expect, test } from 'vitest';
import { fullTime, relativeTime, stamp } from './format';

const now = Date.UTC(2026, 2, 10, 12, 0, 0);

test.each([
  [0, 'just now'],
  [44, 'just now'],
  [-20, 'just now'],
  [60, '1 min. ago'],
  [59 * 60, '59 min. ago'],
  [3 * 3600, '3 hr. ago'],
  [2 * 86_400, '2 days ago'],
  [30 * 86_400, '8 Feb 2026'],
  [-3600, 'in 1 hr.'],
])('%i seconds ago is "%s"', (seconds, text) => {
  expect(relativeTime(new Date(now - seconds * 1000), now, 'utc')).toBe(text);
});

test('exact times', () => {
  const time = new Date(Date.UTC(2026, 2, 1, 4, 5, 6, 78));
  expect(stamp(time, 'utc')).toBe('2026-03-01 04:05:06.078');
  expect(stamp(time, 'local')).toMatch(/^2026-0[23]-\d\d \d\d:\d\d:06\.078$/);
  expect(fullTime(time, 'utc')).toBe('1 Mar 2026, 04:05:06 UTC');
});
