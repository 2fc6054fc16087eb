import { flushSync, mount, unmount } from 'svelte';
import { afterEach, expect, test, vi } from 'vitest';
import { ApiError } from '../api/client';
import { hub } from '../api/hub';
import { session } from '../app/session.svelte';
import Login from './Login.svelte';

const granted = { user: { name: 'admin', role: 'admin' as const }, expiresAt: null };
let page: Record<string, unknown> | undefined;

function open(hash = ''): void {
  window.history.replaceState(null, '', `/login${hash}`);
  page = mount(Login, { target: document.body });
  flushSync();
}
afterEach(async () => {
  if (page) await unmount(page);
  session.state = 'signedOut';
  session.session = undefined;
  vi.restoreAllMocks();
});

function type(id: string, value: string): void {
  const field = document.querySelector<HTMLInputElement>(`#${id}`)!;
  field.value = value;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  flushSync();
}
function submit(): void {
  document.querySelector('form')?.dispatchEvent(new SubmitEvent('submit', { bubbles: true, cancelable: true }));
  flushSync();
}
const problem = () => document.querySelector('[role=alert]')?.textContent ?? '';

test('asks for what is missing, and puts the cursor there', () => {
  const signIn = vi.spyOn(hub, 'signIn');
  open();
  submit();
  expect(document.activeElement?.id).toBe('username');
  type('username', 'admin');
  submit();
  expect(document.activeElement?.id).toBe('password');
  expect(document.querySelector('#password')?.getAttribute('aria-describedby')).toBe('password-problem');
  expect(signIn).not.toHaveBeenCalled();
});

test('signs in with name and password', async () => {
  const signIn = vi.spyOn(hub, 'signIn').mockResolvedValue(granted);
  open();
  type('username', ' admin ');
  type('password', ' with spaces ');
  submit();
  await vi.waitFor(() => expect(session.state).toBe('signedIn'));
  expect(signIn).toHaveBeenCalledWith({ username: 'admin', password: ' with spaces ' });
});

test.each([
  [new ApiError(401, 'Unauthorized', 'x'), /wrong/],
  [new ApiError(429, 'TooManyRequests', 'x', 'r', [], 30), /30 seconds/],
  [new ApiError(0, 'Unreachable', 'x'), /does not answer/],
  [new ApiError(500, 'Internal', 'Disk is full.', 'r42'), /Disk is full.*r42/],
])('says why it failed: %s', async (error, expected) => {
  vi.spyOn(hub, 'signIn').mockRejectedValue(error);
  open();
  type('username', 'admin');
  type('password', 'x');
  submit();
  await vi.waitFor(() => expect(problem()).toMatch(expected));
  expect(session.state).not.toBe('signedIn');
});

test('a login link is used at once and leaves the address', async () => {
  const signIn = vi.spyOn(hub, 'signIn').mockResolvedValue(granted);
  open('#token=abc%2Bd');
  expect(window.location.hash).toBe('');
  await vi.waitFor(() => expect(session.state).toBe('signedIn'));
  expect(signIn).toHaveBeenCalledWith({ oneTimeToken: 'abc+d' });
});

test('a used link leads back to the form', async () => {
  vi.spyOn(hub, 'signIn').mockRejectedValue(new ApiError(401, 'Unauthorized', 'x'));
  open('#token=abc');
  await vi.waitFor(() => expect(problem()).toMatch(/used already/));
  expect(document.querySelector('form')).not.toBeNull();
});
