import { expect, test } from 'vitest';
import { costText, periodStart, usageQuery } from './usage';

test('a period is whole days in UTC, today among them', () => {
  const now = Date.parse('2026-11-23T16:30:00Z');
  expect(periodStart(1, now)).toBe('2026-11-23T00:00:00.000Z');
  expect(periodStart(30, now)).toBe('2026-10-25T00:00:00.000Z');
});

test('small sums of money keep two digits that count', () => {
  expect([0, 12.5, 1, 0.5, 0.0123, 0.000_000_000_1].map((cost) => costText(cost, 'EUR'))).toEqual([
    '0.00 EUR', '12.50 EUR', '1.00 EUR', '0.50 EUR', '0.012 EUR', '0.00000000 EUR',
  ]);
  expect(costText(2, '')).toBe('2.00');
});

test('the question in KQL asks for the same', () => {
  expect(usageQuery({ by: 'eventType', days: 7, table: 'SecurityIoTRawEvent', device: 'a"b' })).toBe(
    [
      'Usage', '| where StartTime >= startofday(ago(6d))', '| where DataType == "SecurityIoTRawEvent"', '| where DeviceId == "a\\"b"',
      '| summarize Rows = sum(RowCount), Bytes = sum(ByteCount) by EventType', '| order by Bytes desc',
    ].join('\n'),
  );
  expect(usageQuery({ by: 'day', days: 1, table: '', device: '' })).toContain('| render timechart');
});
