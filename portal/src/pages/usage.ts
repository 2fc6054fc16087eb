// What the page of usage says and asks. Pure.
import type { UsageBy } from '../api/types';

const kDayMs = 86_400_000;

// The first of so many days in UTC, the last of which is today.
export function periodStart(days: number, now: number): string {
  return new Date(Math.floor(now / kDayMs) * kDayMs - (days - 1) * kDayMs).toISOString();
}

// Sums of money: to the cent, and small ones to two digits that count.
export function costText(cost: number, currency: string): string {
  const digits = cost === 0 || cost >= 1 ? 2 : Math.min(8, Math.max(2, 1 - Math.floor(Math.log10(cost))));
  return `${cost.toFixed(digits)} ${currency}`.trim();
}

const kColumns: Record<UsageBy, string> = { table: 'DataType', device: 'DeviceId', eventType: 'EventType', day: 'StartTime' };

// The same question in KQL, to go on from.
export function usageQuery({ by, days, table, device }: { by: UsageBy; days: number; table: string; device: string }): string {
  const where = [
    `| where StartTime >= startofday(ago(${days - 1}d))`,
    ...(table === '' ? [] : [`| where DataType == ${JSON.stringify(table)}`]),
    ...(device === '' ? [] : [`| where DeviceId == ${JSON.stringify(device)}`]),
  ];
  const order = by === 'day' ? '| order by StartTime asc\n| render timechart' : '| order by Bytes desc';
  return ['Usage', ...where, `| summarize Rows = sum(RowCount), Bytes = sum(ByteCount) by ${kColumns[by]}`, order].join('\n');
}
