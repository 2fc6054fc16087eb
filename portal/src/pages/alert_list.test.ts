import { beforeEach, describe, expect, test, vi } from 'vitest';
import { hub, type AlertFilter } from '../api/hub';
import type { AlertStatus, AlertSummary, StreamAlert } from '../api/types';
import { AlertList } from './alert_list.svelte';

function alert(id: string, status: AlertStatus = 'new', hitCount = 1): AlertSummary {
  return {
    id, status, hitCount, title: `Alert ${id}`, severity: 'High', deviceId: 'd1', moduleId: 'm', rule: { id: 'r', title: 'R' },
    firstSeen: '2026-01-01T00:00:00Z', lastSeen: '2026-01-01T00:00:00Z', description: '', whyFlagged: '', remediation: [],
    tactics: [], techniques: [], verdict: null, assignee: null, entity: '', closed: null, suppressionId: null,
    falsePositives: [], aliases: [], etag: '1',
  };
}
const named = ({ id, severity, title, status, deviceId }: AlertSummary): StreamAlert => ({ id, severity, title, status, deviceId });

let stored: AlertSummary[];
let asked: AlertFilter[];
beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  vi.spyOn(hub, 'alerts').mockImplementation(async (filter) => {
    asked.push(filter);
    const all = stored.filter((one) => filter.status === undefined || (filter.status === 'open' ? one.status !== 'closed' : filter.status === one.status));
    const from = Number(filter.cursor ?? 0);
    const limit = filter.limit ?? 50;
    return { items: all.slice(from, from + limit), total: all.length, nextCursor: from + limit < all.length ? String(from + limit) : null };
  });
});

async function shownList(quiet: () => boolean) {
  const heard: string[][] = [];
  const list = new AlertList({ view: 'open', severity: undefined, device: '', search: '' }, quiet, (alerts) =>
    heard.push(alerts.map((one) => one.id)),
  );
  list.load();
  await vi.runAllTimersAsync();
  const ids = () => list.page.data?.items.map((one) => one.id);
  const arrive = async (...alerts: AlertSummary[]) => {
    stored = [...alerts, ...stored];
    for (const one of alerts) list.change({ kind: 'alert', alert: named(one) });
    await vi.runAllTimersAsync();
  };
  return { list, heard, ids, arrive };
}

describe('AlertList', () => {
  test('inserts arrivals when nobody is in the list', async () => {
    stored = [alert('1')];
    const { list, heard, ids, arrive } = await shownList(() => true);
    await arrive(alert('2'));
    expect(ids()).toEqual(['2', '1']);
    expect([...list.fresh]).toEqual(['2']);
    expect(list.arrived.size).toBe(0);
    expect(heard).toEqual([['2']]);
  });

  test('holds arrivals back while someone is in the list, and shows them when asked', async () => {
    stored = [alert('1')];
    const { list, heard, ids, arrive } = await shownList(() => false);
    await arrive(alert('2'));
    await arrive(alert('3'));
    expect(ids()).toEqual(['1']);
    expect([...list.arrived].sort()).toEqual(['2', '3']);
    expect(heard, 'each is announced once').toEqual([['2'], ['3']]);
    await list.show();
    expect(ids()).toEqual(['3', '2', '1']);
    expect(list.arrived.size).toBe(0);
  });

  test('a burst is one refresh', async () => {
    stored = [];
    const { arrive, heard } = await shownList(() => true);
    const before = asked.filter((filter) => filter.limit !== 1).length;
    await arrive(alert('1'), alert('2'), alert('3'));
    expect(asked.filter((filter) => filter.limit !== 1).length).toBe(before + 1);
    expect(heard).toEqual([['1', '2', '3']]);
  });

  test('known rows change where they are, also when the hub would order them anew', async () => {
    stored = [alert('1'), alert('2')];
    const { list, ids } = await shownList(() => true);
    stored = [alert('2', 'new', 9), alert('1')];
    list.change({ kind: 'alert', alert: named(alert('2')) });
    await vi.runAllTimersAsync();
    expect(ids()).toEqual(['1', '2']);
    expect(list.page.data?.items[1]?.hitCount).toBe(9);
  });

  test('a row that no longer belongs leaves only when nobody is in the list', async () => {
    for (const [quiet, expected] of [[true, ['1']], [false, ['1', '2']]] as const) {
      stored = [alert('1'), alert('2')];
      let inside = false;
      const { list, ids } = await shownList(() => !inside);
      inside = !quiet;
      stored = [alert('3'), alert('1'), alert('2', 'closed')];
      list.change({ kind: 'alert', alert: named(alert('2', 'closed')) });
      await vi.runAllTimersAsync();
      expect(ids()?.filter((id) => id !== '3')).toEqual(expected);
      if (!quiet) expect(list.page.data?.items[1]?.status).toBe('closed');
    }
  });

  test('goes on with the next page, without doubles when the list has grown meanwhile', async () => {
    stored = Array.from({ length: 60 }, (_, index) => alert(String(index)));
    const { list, ids } = await shownList(() => true);
    expect(ids()).toHaveLength(50);
    stored = [alert('new'), ...stored];
    await list.more();
    expect(new Set(ids()).size).toBe(ids()?.length);
    expect(ids()).toContain('59');
  });

  test('counts what every choice would show', async () => {
    stored = [alert('1'), alert('2', 'closed')];
    const { list } = await shownList(() => true);
    expect(list.counts).toMatchObject({ open: 1, closed: 1 });
  });
});
