import { describe, expect, test, vi } from 'vitest';
import { ApiError } from './client';
import { Resource } from './resource.svelte';

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

describe('Resource', () => {
  test('shows that it waits only when one notices, then words, then a way out', async () => {
    vi.useFakeTimers();
    const answer = deferred<string>();
    const resource = new Resource(() => answer.promise);
    const loading = resource.refresh();
    const steps = [[149, 0], [1, 1], [2_850, 2], [7_000, 3]] as const;
    for (const [ms, patience] of steps) {
      vi.advanceTimersByTime(ms);
      expect(resource.patience).toBe(patience);
    }
    answer.resolve('done');
    await loading;
    expect(resource).toMatchObject({ data: 'done', loading: false, patience: 0, error: undefined });
  });

  test('keeps what it has when a refresh fails', async () => {
    const load = vi.fn().mockResolvedValueOnce('old').mockRejectedValueOnce(new ApiError(503, 'Unavailable', 'later'));
    const resource = new Resource<string>(load);
    await resource.refresh();
    await resource.refresh();
    expect(resource.data).toBe('old');
    expect(resource.error?.code).toBe('Unavailable');
  });

  test('the newer question wins, however the answers arrive', async () => {
    const answers = [deferred<string>(), deferred<string>()];
    const signals: AbortSignal[] = [];
    const resource = new Resource<string>((signal) => {
      signals.push(signal);
      return answers[signals.length - 1]!.promise;
    });
    const first = resource.refresh();
    const second = resource.refresh();
    answers[1]!.resolve('new');
    answers[0]!.resolve('old');
    await Promise.all([first, second]);
    expect(resource.data).toBe('new');
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
  });

  test('can be given up', async () => {
    const resource = new Resource<string>(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')))),
    );
    const loading = resource.refresh();
    resource.cancel();
    await loading;
    expect(resource).toMatchObject({ loading: false });
    expect(resource.error?.code).toBe('Cancelled');
  });
});
