// Something the hub is asked for, with every state a page must show.
//
// Data stays while it is refreshed or when refreshing fails; a newer load cancels the one before.
import { asApiError, isAbort, ApiError } from './client';
import { m } from '../i18n';

// Nothing is shown for a wait this short, words after the second, a way out after the third.
const kPatience = [150, 3_000, 10_000] as const;
export type Patience = 0 | 1 | 2 | 3;

export class Resource<T> {
  data = $state.raw<T | undefined>();
  error = $state.raw<ApiError | undefined>();
  loading = $state(false);
  patience = $state<Patience>(0);
  loadedAt = $state(0);
  #abort: AbortController | undefined;
  #timers: ReturnType<typeof setTimeout>[] = [];
  #load: (signal: AbortSignal) => Promise<T>;

  constructor(load: (signal: AbortSignal) => Promise<T>) {
    this.#load = load;
  }

  async refresh(): Promise<void> {
    this.#stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.loading = true;
    this.#timers = kPatience.map((ms, index) =>
      setTimeout(() => {
        this.patience = (index + 1) as Patience;
      }, ms),
    );
    try {
      const data = await this.#load(abort.signal);
      if (abort.signal.aborted) return;
      this.data = data;
      this.error = undefined;
      this.loadedAt = Date.now();
    } catch (error) {
      if (abort.signal.aborted || isAbort(error)) return;
      this.error = asApiError(error);
    }
    this.#settle(abort);
  }

  // Forgets what is shown: for another device, another filter.
  reset(): void {
    this.data = undefined;
    this.error = undefined;
  }

  // The user lost patience.
  cancel(): void {
    this.#stop();
    this.error = new ApiError(0, 'Cancelled', m.failure.cancelled);
  }

  dispose(): void {
    this.#stop();
  }

  #settle(abort: AbortController): void {
    if (this.#abort === abort) this.#stop();
  }

  #stop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    this.#timers.forEach(clearTimeout);
    this.#timers = [];
    this.loading = false;
    this.patience = 0;
  }
}
