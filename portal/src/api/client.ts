// Talks to the hub's REST API.
//
// Every call resolves to the decoded body or rejects with ApiError. The session is a cookie that
// scripts cannot read; unsafe methods carry the header that a foreign page cannot send.
import type { Diagnostic, ErrorBody } from './types';

export class ApiError extends Error {
  constructor(
    // 0 when the hub was not reached.
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId?: string,
    readonly diagnostics: Diagnostic[] = [],
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export type Parameters = Record<string, string | number | boolean | undefined | null>;

export interface CallOptions {
  query?: Parameters;
  // A Blob goes as it is, everything else as JSON.
  body?: unknown;
  // What it must be at present, for a change.
  etag?: string;
  signal?: AbortSignal;
}

let onSignedOut: () => void = () => {};

// Called whenever the hub answers 401 to anything but a login.
export function setSignedOutHandler(handler: () => void): void {
  onSignedOut = handler;
}

export function searchString(query: Parameters = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') parameters.set(key, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

async function failure(response: Response): Promise<ApiError> {
  // Not only the hub answers: a proxy may, with anything.
  let body: { error?: Partial<ErrorBody['error']> } = {};
  try {
    body = (await response.json()) as typeof body;
  } catch {
    // Not JSON: the status line has to do.
  }
  const retryAfter = Number(response.headers.get('retry-after'));
  return new ApiError(
    response.status,
    body.error?.code ?? `Http${response.status}`,
    body.error?.message ?? (response.statusText || `HTTP ${response.status}`),
    body.error?.requestId ?? response.headers.get('x-request-id') ?? undefined,
    body.error?.diagnostics ?? [],
    Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : undefined,
  );
}

export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-Vedette-Csrf'] = '1';
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' };
  if (options.etag !== undefined) headers['If-Match'] = `"${options.etag}"`;
  if (options.signal) init.signal = options.signal;
  if (options.body instanceof Blob) {
    headers['Content-Type'] = 'application/octet-stream';
    init.body = options.body;
  } else if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(options.body);
  }
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}${searchString(options.query)}`, init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'Unreachable', 'The hub did not answer.');
  }
  if (!response.ok) {
    const error = await failure(response);
    if (error.status === 401 && path !== '/session') onSignedOut();
    throw error;
  }
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, 'PortalFault', error instanceof Error ? error.message : String(error));
}
