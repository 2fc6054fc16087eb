import { beforeEach, expect, test, vi } from 'vitest';
import { preferences } from './preferences.svelte';

beforeEach(() => {
  localStorage.clear();
  preferences.restore();
});

test('a chosen theme is on the document and is remembered', () => {
  expect(document.documentElement.dataset.theme).toBeUndefined();
  preferences.save({ theme: 'dark', shortcuts: false });
  expect(document.documentElement.dataset.theme).toBe('dark');
  preferences.theme = 'system';
  preferences.restore();
  expect(preferences).toMatchObject({ theme: 'dark', shortcuts: false, times: 'local' });
  preferences.save({ theme: 'system' });
  expect(document.documentElement.dataset.theme).toBeUndefined();
});

test.each(['not json', '{"theme":"pink","times":7}', 'null'])('what is stored may be anything: %s', (stored) => {
  localStorage.setItem('vedette.preferences', stored);
  preferences.restore();
  expect(preferences).toMatchObject({ theme: 'system', times: 'local', shortcuts: true });
});

test('without storage a choice lasts as long as the page', () => {
  const refuse = vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('', 'QuotaExceededError');
  });
  preferences.save({ times: 'utc' });
  expect(preferences.times).toBe('utc');
  refuse.mockRestore();
});
