// The alerts on the list page: pages of them, their counts, and what arrived meanwhile.
//
// Rows never move under the reader's hand: arrivals wait in `arrived` unless the caller says that
// the list stands at its beginning and nobody is in it.
import { alertCounts, kOpen, type AlertCounts } from '../api/counts';
import { hub, type AlertFilter } from '../api/hub';
import { Resource } from '../api/resource.svelte';
import type { Change } from '../api/stream.svelte';
import type { AlertSummary, Page, Severity, StreamAlert } from '../api/types';
import { asApiError } from '../api/client';

const kPageSize = 50;
// A burst of changes is one refresh.
const kSettleMs = 200;

export type View = 'open' | 'closed' | 'all';

export interface ListFilter {
  view: View;
  severity: Severity | undefined;
  device: string;
  search: string;
  rule?: string;
  assignee?: string;
  suppression?: string;
}

export function toApi(filter: ListFilter): AlertFilter {
  return {
    status: filter.view === 'open' ? kOpen : filter.view === 'closed' ? 'closed' : undefined,
    severity: filter.severity,
    device: filter.device || undefined,
    search: filter.search || undefined,
    rule: filter.rule || undefined,
    assignee: filter.assignee || undefined,
    suppression: filter.suppression || undefined,
  };
}

export class AlertList {
  page: Resource<Page<AlertSummary>>;
  counts = $state.raw<AlertCounts | undefined>();
  // Alerts of this filter that the hub has and the page does not show yet.
  arrived = $state.raw<ReadonlySet<string>>(new Set());
  // Rows that have just appeared by themselves.
  fresh = $state.raw<ReadonlySet<string>>(new Set());
  loadingMore = $state(false);
  moreError = $state('');

  #filter: ListFilter;
  #loaded = kPageSize;
  #quiet: () => boolean;
  #onArrival: (alerts: AlertSummary[]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #countsAbort: AbortController | undefined;
  // What the stream named since the last refresh.
  #named = new Map<string, StreamAlert>();

  // `quiet` answers whether rows may be inserted now; `onArrival` is told what a person should hear.
  constructor(filter: ListFilter, quiet: () => boolean, onArrival: (alerts: AlertSummary[]) => void) {
    this.#filter = filter;
    this.#quiet = quiet;
    this.#onArrival = onArrival;
    this.page = new Resource((signal) => this.#read(signal));
  }

  load(): void {
    void this.page.refresh();
    void this.#count();
  }

  change(change: Change): void {
    if (change.kind === 'device') return;
    if (change.kind === 'alert') this.#named.set(change.alert.id, change.alert);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#follow(), kSettleMs);
  }

  // The reader asked for what arrived.
  async show(): Promise<void> {
    const ids = this.arrived;
    this.arrived = new Set();
    await this.page.refresh();
    this.#mark(ids);
  }

  async more(): Promise<void> {
    const shown = this.page.data;
    if (shown?.nextCursor == null || this.loadingMore) return;
    this.loadingMore = true;
    this.moreError = '';
    try {
      const next = await hub.alerts({ ...toApi(this.#filter), limit: kPageSize, cursor: shown.nextCursor });
      const known = new Set(shown.items.map((alert) => alert.id));
      const items = [...shown.items, ...next.items.filter((alert) => !known.has(alert.id))];
      this.#loaded = items.length;
      this.page.data = { ...next, items };
    } catch (error) {
      this.moreError = asApiError(error).message;
    }
    this.loadingMore = false;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#countsAbort?.abort();
    this.page.dispose();
  }

  #read(signal: AbortSignal): Promise<Page<AlertSummary>> {
    return hub.alerts({ ...toApi(this.#filter), limit: Math.min(Math.max(this.#loaded, kPageSize), 1000) }, signal);
  }

  async #count(): Promise<void> {
    this.#countsAbort?.abort();
    this.#countsAbort = new AbortController();
    try {
      this.counts = await alertCounts(toApi(this.#filter), this.#countsAbort.signal);
    } catch {
      // Counts are a help; the list itself says what is wrong.
    }
  }

  // Reads the list again after changes, and decides what may be seen of it at once.
  async #follow(): Promise<void> {
    void this.#count();
    const shown = this.page.data;
    if (shown === undefined) return this.page.refresh();
    const named = this.#named;
    this.#named = new Map();
    let latest: Page<AlertSummary>;
    try {
      latest = await this.#read(new AbortController().signal);
    } catch {
      // The stream's own state tells the reader that the view is behind; the next change tries again.
      named.forEach((alert, id) => this.#named.set(id, alert));
      return;
    }
    const known = new Set(shown.items.map((alert) => alert.id));
    const newcomers = latest.items.filter((alert) => !known.has(alert.id));
    const unheard = newcomers.filter((alert) => !this.arrived.has(alert.id));
    if (unheard.length > 0) this.#onArrival(unheard);
    // Known rows change in place, whatever their order would be now: nothing moves under the eye.
    const byId = new Map(latest.items.map((alert) => [alert.id, alert]));
    if (newcomers.length === 0 || this.#quiet()) {
      const kept = shown.items.flatMap((alert) => byId.get(alert.id) ?? []);
      this.page.data = { ...latest, items: [...newcomers, ...kept] };
      this.arrived = new Set();
      this.#mark(new Set(newcomers.map((alert) => alert.id)));
      return;
    }
    const items = shown.items.map((alert) => byId.get(alert.id) ?? withStatus(alert, named.get(alert.id)));
    this.page.data = { ...shown, items, total: latest.total };
    this.arrived = new Set(newcomers.map((alert) => alert.id));
  }

  #mark(ids: ReadonlySet<string>): void {
    if (ids.size > 0) this.fresh = ids;
  }
}

function withStatus(alert: AlertSummary, named: StreamAlert | undefined): AlertSummary {
  return named === undefined ? alert : { ...alert, status: named.status };
}
