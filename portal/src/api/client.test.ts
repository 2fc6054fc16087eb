import { describe, expect, test, vi } from 'vitest';
import { ApiError, call, searchString, setSignedOutHandler } from './client';

function answer(status: number, body: unknown, headers: Record<string, string> = {}) {
  const fetch = vi.fn(async (_url: string, _init?: RequestInit) => {
    const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
    return new Response(text, { status, headers });
  });
  vi.stubGlobal('fetch', fetch);
  return fetch;
}

async function refused(promise: Promise<unknown>): Promise<ApiError> {
  return promise.then(
    () => Promise.reject(new Error('was not refused')),
    (error: unknown) => {
      expect(error).toBeInstanceOf(ApiError);
      return error as ApiError;
    },
  );
}

describe('call', () => {
  test('only what changes something carries the header against forgery', async () => {
    const fetch = answer(200, { ok: true });
    await call('GET', '/alerts', { query: { status: 'new', search: '', limit: 5, cursor: undefined } });
    await call('PATCH', '/alerts/1', { body: { status: 'closed' } });
    const [read, write] = fetch.mock.calls;
    expect(read?.[0]).toBe('/api/v1/alerts?status=new&limit=5');
    expect(read?.[1]?.headers).not.toHaveProperty('X-Vedette-Csrf');
    expect(write?.[1]?.headers).toMatchObject({ 'X-Vedette-Csrf': '1', 'Content-Type': 'application/json' });
    expect(write?.[1]?.body).toBe('{"status":"closed"}');
  });

  test('204 is nothing', async () => {
    answer(204, undefined);
    expect(await call('DELETE', '/session')).toBeUndefined();
  });

  test('the error of the hub arrives whole', async () => {
    const diagnostics = [{ severity: 'error', message: 'unknown', line: 1, column: 3, offset: 2, length: 4 }];
    answer(400, { error: { code: 'BadQuery', message: 'no', requestId: 'r1', diagnostics } });
    expect(await refused(call('POST', '/query', { body: {} }))).toMatchObject({
      status: 400, code: 'BadQuery', message: 'no', requestId: 'r1', diagnostics,
    });
  });

  test("a proxy's page is an error with the status", async () => {
    answer(502, '<html>bad gateway</html>', { 'x-request-id': 'p9' });
    expect(await refused(call('GET', '/alerts'))).toMatchObject({ status: 502, code: 'Http502', requestId: 'p9' });
  });

  test('how long to wait after too many failures', async () => {
    answer(429, { error: { code: 'TooManyRequests', message: 'wait', requestId: 'r' } }, { 'retry-after': '30' });
    expect((await refused(call('POST', '/session', { body: {} }))).retryAfterSeconds).toBe(30);
  });

  test('no answer at all', async () => {
    vi.stubGlobal('fetch', vi.fn().mockRejectedValue(new TypeError('Failed to fetch')));
    expect(await refused(call('GET', '/alerts'))).toMatchObject({ status: 0, code: 'Unreachable' });
  });

  test('an ended session is reported, a refused login is not', async () => {
    const signedOut = vi.fn();
    setSignedOutHandler(signedOut);
    answer(401, { error: { code: 'Unauthorized', message: 'Sign in first.', requestId: 'r' } });
    await refused(call('POST', '/session', { body: {} }));
    expect(signedOut).not.toHaveBeenCalled();
    await refused(call('GET', '/alerts'));
    expect(signedOut).toHaveBeenCalledOnce();
    setSignedOutHandler(() => {});
  });
});

test('searchString leaves out what is empty', () => {
  expect(searchString({ a: '', b: undefined, c: null })).toBe('');
  expect(searchString({ a: 'x&y', n: 0, b: false })).toBe('?a=x%26y&n=0&b=false');
});
