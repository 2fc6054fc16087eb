// Changes as they happen, from the hub's event stream.
//
// A browser opens few connections to one site, so its tabs share one stream: the tab that holds the
// lock reads it and passes everything on, another takes over when that tab closes.
import type { StreamAlert, StreamDevice } from './types';

export type StreamState = 'connecting' | 'live' | 'lost';

export type Change =
  | { kind: 'alert'; alert: StreamAlert }
  | { kind: 'device'; device: StreamDevice }
  // Something was missed: read the lists again.
  | { kind: 'reset' };

type Shared = { change: Change } | { state: StreamState } | { ask: true };

const kLock = 'vedette.stream';
const kRetryMs = { first: 1_000, most: 30_000 };

export class Stream {
  state = $state<StreamState>('connecting');
  // When the stream was last known to be whole.
  lostAt = $state(0);
  #listeners = new Set<(change: Change) => void>();
  #source: EventSource | undefined;
  #channel: BroadcastChannel | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retryMs = kRetryMs.first;
  #release: (() => void) | undefined;
  #waiting: AbortController | undefined;
  #url: string;
  #onDoubt: () => void;

  // `onDoubt` is called when the stream breaks: an expired session looks the same from here.
  constructor(url: string, onDoubt: () => void) {
    this.#url = url;
    this.#onDoubt = onDoubt;
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    if (this.#channel !== undefined || this.#source !== undefined) return;
    if (!('locks' in navigator) || !('BroadcastChannel' in window)) {
      this.#open();
      return;
    }
    this.#channel = new BroadcastChannel(kLock);
    this.#channel.onmessage = (message: MessageEvent<Shared>) => this.#receive(message.data);
    this.#channel.postMessage({ ask: true } satisfies Shared);
    this.#waiting = new AbortController();
    navigator.locks
      .request(kLock, { signal: this.#waiting.signal }, () => {
        this.#open();
        return new Promise<void>((resolve) => {
          this.#release = resolve;
        });
      })
      .catch(() => {
        // Stopped while waiting for the lock.
      });
  }

  stop(): void {
    this.#waiting?.abort();
    this.#release?.();
    this.#close();
    this.#channel?.close();
    this.#waiting = undefined;
    this.#release = undefined;
    this.#channel = undefined;
    this.state = 'connecting';
  }

  #receive(message: Shared): void {
    if ('change' in message) this.#deliver(message.change);
    else if ('state' in message) this.#become(message.state);
    else if (this.#source !== undefined) this.#channel?.postMessage({ state: this.state } satisfies Shared);
  }

  #open(): void {
    this.#close();
    const source = new EventSource(this.#url);
    this.#source = source;
    source.onopen = () => {
      this.#retryMs = kRetryMs.first;
      this.#share({ state: 'live' });
    };
    source.onerror = () => {
      this.#share({ state: 'lost' });
      this.#onDoubt();
      // The browser retries by itself unless the answer was not a stream at all.
      if (source.readyState === EventSource.CLOSED) this.#reopenLater();
    };
    const on = (name: string, read: (data: string) => Change) =>
      source.addEventListener(name, (event) => this.#share({ change: read((event as MessageEvent<string>).data) }));
    on('alert', (data) => ({ kind: 'alert', alert: JSON.parse(data) as StreamAlert }));
    on('device', (data) => ({ kind: 'device', device: JSON.parse(data) as StreamDevice }));
    on('reset', () => ({ kind: 'reset' }));
  }

  #reopenLater(): void {
    this.#retry = setTimeout(() => {
      this.#open();
      // A stream opened anew does not know what the old one missed.
      this.#share({ change: { kind: 'reset' } });
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, kRetryMs.most);
  }

  #close(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = undefined;
  }

  #share(message: { change: Change } | { state: StreamState }): void {
    this.#channel?.postMessage(message satisfies Shared);
    this.#receive(message);
  }

  #become(state: StreamState): void {
    if (state === 'lost' && this.state !== 'lost') this.lostAt = Date.now();
    this.state = state;
  }

  #deliver(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
