import { describe, expect, test, vi } from 'vitest';
import { ApiError } from './client';
import { Paged, type Slice } from './paged.svelte';

// Numbers up to `total`; a cursor is where the next page begins.
function numbers(total: number) {
  return async ({ limit, cursor }: Slice) => {
    const from = Number(cursor ?? 0);
    const items = Array.from({ length: Math.min(limit, total - from) }, (_, index) => from + index);
    return { items, total, nextCursor: from + limit < total ? String(from + limit) : null };
  };
}

describe('Paged', () => {
  test('adds a page after the other, and keeps all of them when it is refreshed', async () => {
    const fetch = vi.fn(numbers(25));
    const list = new Paged(10, fetch);
    await list.refresh();
    await list.more();
    expect(list.data?.items.length).toBe(20);
    await list.refresh();
    expect(fetch.mock.lastCall?.[0]).toEqual({ limit: 20 });
    await list.more();
    expect(list.data?.items).toEqual(Array.from({ length: 25 }, (_, index) => index));
    expect(list.data?.nextCursor).toBeNull();
    const asked = fetch.mock.calls.length;
    await list.more();
    expect(fetch).toHaveBeenCalledTimes(asked);
  });

  test('begins again for another filter', async () => {
    const fetch = vi.fn(numbers(25));
    const list = new Paged(10, fetch);
    await list.refresh();
    await list.more();
    await list.restart();
    expect(list.data?.items.length).toBe(10);
  });

  test('never asks for more at once than the hub gives', async () => {
    const fetch = vi.fn(numbers(3_000));
    const list = new Paged(600, fetch);
    await list.refresh();
    await list.more();
    expect(list.data?.items.length).toBe(1_200);
    await list.refresh();
    expect(fetch.mock.lastCall?.[0]).toEqual({ limit: 1_000 });
  });

  test('adds nothing to a list that was refreshed meanwhile', async () => {
    let answer: ((page: { items: number[]; total: number; nextCursor: null }) => void) | undefined;
    const first = numbers(15);
    const list = new Paged<number>(10, (slice) =>
      slice.cursor === undefined ? first(slice) : new Promise((resolve) => (answer = resolve)),
    );
    await list.refresh();
    const waiting = list.more();
    expect(list.loadingMore).toBe(true);
    await list.restart();
    answer?.({ items: [99], total: 1, nextCursor: null });
    await waiting;
    expect(list.data?.items).not.toContain(99);
    expect(list.loadingMore).toBe(false);
  });

  test('says why no more came, and may be asked again', async () => {
    const good = numbers(15);
    let broken = true;
    const list = new Paged<number>(10, (slice) =>
      slice.cursor !== undefined && broken ? Promise.reject(new ApiError(503, 'Unavailable', 'later')) : good(slice),
    );
    await list.refresh();
    await list.more();
    expect(list).toMatchObject({ moreError: 'later', loadingMore: false });
    broken = false;
    await list.more();
    expect(list.moreError).toBe('');
    expect(list.data?.items.length).toBe(15);
  });
});
