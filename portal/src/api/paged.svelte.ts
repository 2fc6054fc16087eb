// A list that the hub gives page by page: what is shown, and what "Show more" adds to it.
import { asApiError, isAbort } from './client';
import { Resource } from './resource.svelte';
import type { Page } from './types';

export interface Slice {
  limit: number;
  cursor?: string;
}

// The API gives no more at once.
const kLargest = 1_000;

export class Paged<T, P extends Page<T> = Page<T>> extends Resource<P> {
  loadingMore = $state(false);
  moreError = $state('');
  #shown: number;
  readonly #pageSize: number;
  readonly #fetch: (slice: Slice, signal: AbortSignal) => Promise<P>;
  #abortMore: AbortController | undefined;

  // `fetch` reads the filters when it is called.
  constructor(pageSize: number, fetch: (slice: Slice, signal: AbortSignal) => Promise<P>) {
    // As many as are shown already: a refresh takes nothing from below the reader.
    super((signal) => fetch({ limit: Math.min(this.#shown, kLargest) }, signal));
    this.#pageSize = pageSize;
    this.#shown = pageSize;
    this.#fetch = fetch;
  }

  // For another filter: from the first page.
  restart(): Promise<void> {
    this.#shown = this.#pageSize;
    return this.refresh();
  }

  override async refresh(): Promise<void> {
    // What is on its way would be added to another list.
    this.#stopMore();
    this.moreError = '';
    await super.refresh();
  }

  async more(): Promise<void> {
    const page = this.data;
    if (page?.nextCursor == null || this.loadingMore) return;
    const abort = new AbortController();
    this.#abortMore = abort;
    this.loadingMore = true;
    this.moreError = '';
    try {
      const next = await this.#fetch({ limit: this.#pageSize, cursor: page.nextCursor }, abort.signal);
      if (abort.signal.aborted) return;
      this.data = { ...next, items: [...page.items, ...next.items] };
      this.#shown = Math.max(this.#shown, this.data.items.length);
    } catch (error) {
      if (abort.signal.aborted || isAbort(error)) return;
      this.moreError = asApiError(error).message;
    }
    this.#stopMore();
  }

  override dispose(): void {
    this.#stopMore();
    super.dispose();
  }

  #stopMore(): void {
    this.#abortMore?.abort();
    this.#abortMore = undefined;
    this.loadingMore = false;
  }
}
