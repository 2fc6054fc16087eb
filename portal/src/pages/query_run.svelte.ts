// Running one query at a time, and what came of it.
import { ApiError, asApiError, isAbort } from '../api/client';
import { hub } from '../api/hub';
import type { Diagnostic, QueryParameter, QueryResult } from '../api/types';
import { besideFields, type Values } from './query_parameters';

const kTickMs = 100;

export class QueryRun {
  result = $state.raw<QueryResult | undefined>();
  error = $state.raw<ApiError | undefined>();
  // What the hub says about the text in the editor; belongs to exactly that text.
  diagnostics = $state.raw<Diagnostic[]>([]);
  // What that text declares, and what is wrong with the values that it was given, by name.
  parameters = $state.raw<QueryParameter[]>([]);
  valueErrors = $state.raw<Values>({});
  running = $state(false);
  stopped = $state(false);
  elapsedMs = $state(0);
  #abort: AbortController | undefined;
  #id = '';
  #checking: AbortController | undefined;

  async run(text: string, values: Values = {}): Promise<void> {
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
      const result = await hub.query(text, { id, parameters: values, signal: abort.signal });
      if (abort.signal.aborted) return;
      this.result = result;
      this.error = undefined;
      this.diagnostics = result.warnings;
      this.valueErrors = {};
    } catch (cause) {
      if (abort.signal.aborted || isAbort(cause)) return;
      this.error = asApiError(cause);
      this.#judge(text, values, this.error.diagnostics);
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
  async check(text: string, values: Values = {}): Promise<void> {
    this.#checking?.abort();
    if (text.trim() === '') {
      this.diagnostics = [];
      this.parameters = [];
      this.valueErrors = {};
      return;
    }
    const abort = new AbortController();
    this.#checking = abort;
    try {
      const { diagnostics, parameters } = await hub.validate(text, { parameters: values, signal: abort.signal });
      if (abort.signal.aborted) return;
      this.parameters = parameters;
      this.#judge(text, values, diagnostics);
    } catch {
      if (!abort.signal.aborted) this.diagnostics = [];
    }
  }

  #judge(text: string, values: Values, diagnostics: Diagnostic[]): void {
    const { errors, others } = besideFields(text, this.parameters, values, diagnostics);
    this.valueErrors = errors;
    this.diagnostics = others;
  }

  dispose(): void {
    this.#abort?.abort();
    this.#checking?.abort();
  }
}
