// Running one query at a time, and what came of it.
import { ApiError, asApiError, isAbort } from '../api/client';
import { hub } from '../api/hub';
import type { Diagnostic, QueryResult } from '../api/types';

const kTickMs = 100;

export class QueryRun {
  result = $state.raw<QueryResult | undefined>();
  error = $state.raw<ApiError | undefined>();
  // What the hub says about the text in the editor; belongs to exactly that text.
  diagnostics = $state.raw<Diagnostic[]>([]);
  running = $state(false);
  stopped = $state(false);
  elapsedMs = $state(0);
  #abort: AbortController | undefined;
  #id = '';
  #checking: AbortController | undefined;

  async run(text: string): Promise<void> {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    const id = crypto.randomUUID();
    this.#id = id;
    this.#checking?.abort();
    this.running = true;
    this.stopped = false;
    this.elapsedMs = 0;
    const begun = performance.now();
    const timer = setInterval(() => (this.elapsedMs = performance.now() - begun), kTickMs);
    try {
      const result = await hub.query(text, { id, signal: abort.signal });
      if (abort.signal.aborted) return;
      this.result = result;
      this.error = undefined;
      this.diagnostics = result.warnings;
    } catch (cause) {
      if (abort.signal.aborted || isAbort(cause)) return;
      this.error = asApiError(cause);
      this.diagnostics = this.error.diagnostics;
    } finally {
      clearInterval(timer);
      if (this.#abort === abort) this.running = false;
    }
  }

  stop(): void {
    if (this.#abort !== undefined && this.running) {
      this.stopped = true;
      // A proxy between here and the hub may keep the connection open.
      hub.cancelQuery(this.#id).catch(() => {});
    }
    this.#abort?.abort();
    this.running = false;
  }

  // Asks what is wrong with a text without running it. Failing to ask is no news for anybody.
  async check(text: string): Promise<void> {
    this.#checking?.abort();
    if (text.trim() === '') {
      this.diagnostics = [];
      return;
    }
    const abort = new AbortController();
    this.#checking = abort;
    try {
      const { diagnostics } = await hub.validate(text, abort.signal);
      if (!abort.signal.aborted) this.diagnostics = diagnostics;
    } catch {
      if (!abort.signal.aborted) this.diagnostics = [];
    }
  }

  dispose(): void {
    this.#abort?.abort();
    this.#checking?.abort();
  }
}
