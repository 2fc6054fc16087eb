import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Stream, type Change } from './stream.svelte';

class FakeSource extends EventTarget {
  static made: FakeSource[] = [];
  static readonly CLOSED = 2;
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {
    super();
    FakeSource.made.push(this);
  }
  close(): void {
    this.readyState = FakeSource.CLOSED;
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  fail(readyState: number): void {
    this.readyState = readyState;
    this.onerror?.();
  }
  send(name: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  }
}

const alert = { id: 'a1', severity: 'High' as const, title: 'T', status: 'new' as const, deviceId: 'd1' };

beforeEach(() => {
  FakeSource.made = [];
  vi.stubGlobal('EventSource', FakeSource);
});

function started(onDoubt = () => {}) {
  const stream = new Stream('/api/v1/stream', onDoubt);
  const changes: Change[] = [];
  stream.subscribe((change) => changes.push(change));
  stream.start();
  return { stream, changes };
}

describe('one tab', () => {
  test('passes on what the hub says', () => {
    const { stream, changes } = started();
    const [source] = FakeSource.made;
    expect(stream.state).toBe('connecting');
    source?.open();
    expect(stream.state).toBe('live');
    source?.send('alert', alert);
    source?.send('device', { deviceId: 'd1', change: 'connected' });
    source?.send('reset', {});
    expect(changes).toEqual([
      { kind: 'alert', alert },
      { kind: 'device', device: { deviceId: 'd1', change: 'connected' } },
      { kind: 'reset' },
    ]);
    stream.stop();
    expect(source?.readyState).toBe(FakeSource.CLOSED);
  });

  test('leaves retrying to the browser, and says that it is interrupted', () => {
    const doubt = vi.fn();
    const { stream } = started(doubt);
    FakeSource.made[0]?.open();
    FakeSource.made[0]?.fail(0);
    expect(stream.state).toBe('lost');
    expect(doubt).toHaveBeenCalledOnce();
    expect(FakeSource.made).toHaveLength(1);
    FakeSource.made[0]?.open();
    expect(stream.state).toBe('live');
    stream.stop();
  });

  test('opens anew when the browser gives up, later and later, and asks for everything again', () => {
    vi.useFakeTimers();
    const { stream, changes } = started();
    for (const [index, wait] of [1_000, 2_000, 4_000].entries()) {
      FakeSource.made[index]?.fail(FakeSource.CLOSED);
      vi.advanceTimersByTime(wait - 1);
      expect(FakeSource.made).toHaveLength(index + 1);
      vi.advanceTimersByTime(1);
      expect(FakeSource.made).toHaveLength(index + 2);
    }
    expect(changes).toEqual([{ kind: 'reset' }, { kind: 'reset' }, { kind: 'reset' }]);
    stream.stop();
    vi.advanceTimersByTime(60_000);
    expect(FakeSource.made).toHaveLength(4);
  });
});

describe('two tabs', () => {
  // As browsers have them, within one page.
  class Channel {
    static all: Channel[] = [];
    onmessage: ((event: { data: unknown }) => void) | null = null;
    constructor() {
      Channel.all.push(this);
    }
    postMessage(data: unknown): void {
      for (const other of Channel.all) if (other !== this) other.onmessage?.({ data });
    }
    close(): void {
      Channel.all = Channel.all.filter((other) => other !== this);
    }
  }
  function locks() {
    const queue: (() => Promise<unknown>)[] = [];
    let held = false;
    const next = () => {
      const run = held ? undefined : queue.shift();
      if (run === undefined) return;
      held = true;
      void run().finally(() => {
        held = false;
        next();
      });
    };
    return {
      request(_name: string, options: { signal: AbortSignal }, run: () => Promise<unknown>) {
        return new Promise((resolve, reject) => {
          const turn = () => run().then(resolve);
          options.signal.addEventListener('abort', () => {
            const at = queue.indexOf(turn);
            if (at === -1) return;
            queue.splice(at, 1);
            reject(new DOMException('', 'AbortError'));
          });
          queue.push(turn);
          next();
        });
      },
    };
  }

  test('share one stream, and the second goes on when the first closes', async () => {
    Channel.all = [];
    vi.stubGlobal('BroadcastChannel', Channel);
    Object.defineProperty(navigator, 'locks', { value: locks(), configurable: true });
    const first = started();
    const second = started();
    expect(FakeSource.made).toHaveLength(1);
    FakeSource.made[0]?.open();
    expect([first.stream.state, second.stream.state]).toEqual(['live', 'live']);
    FakeSource.made[0]?.send('alert', alert);
    expect(first.changes).toEqual([{ kind: 'alert', alert }]);
    expect(second.changes).toEqual(first.changes);

    const third = started();
    expect(third.stream.state, 'a newcomer asks how things stand').toBe('live');
    third.stream.stop();

    first.stream.stop();
    await vi.waitFor(() => expect(FakeSource.made).toHaveLength(2));
    FakeSource.made[1]?.open();
    FakeSource.made[1]?.send('alert', alert);
    expect(second.changes).toHaveLength(2);
    expect(first.changes).toHaveLength(1);
    second.stream.stop();
    Reflect.deleteProperty(navigator, 'locks');
  });
});
