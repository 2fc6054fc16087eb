import { expect, test, vi } from 'vitest';
import { Shortcuts, moveFocus } from './keys';

function press(shortcuts: Shortcuts, key: string, target: EventTarget = document.body, init: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, composed: true, ...init });
  document.addEventListener('keydown', shortcuts.handle, { once: true });
  target.dispatchEvent(event);
  return event;
}

test('single keys and sequences within a second', () => {
  const shortcuts = new Shortcuts(() => true);
  const [search, alerts] = [vi.fn(), vi.fn()];
  const remove = shortcuts.add([{ keys: '/', run: search }, { keys: 'g a', run: alerts }]);
  expect(shortcuts.press('/', 0)).toBe(true);
  expect(search).toHaveBeenCalledOnce();
  expect(shortcuts.press('g', 1_000)).toBe(true);
  expect(shortcuts.press('a', 1_900)).toBe(true);
  expect(alerts).toHaveBeenCalledOnce();
  shortcuts.press('g', 5_000);
  expect(shortcuts.press('a', 6_100)).toBe(false);
  shortcuts.press('g', 7_000);
  expect(shortcuts.press('x', 7_100)).toBe(false);
  expect(shortcuts.press('a', 7_200), 'a broken sequence is over').toBe(false);
  remove();
  expect(shortcuts.press('/', 8_000)).toBe(false);
});

test('the one added last wins', () => {
  const shortcuts = new Shortcuts(() => true);
  const [outer, inner] = [vi.fn(), vi.fn()];
  shortcuts.add([{ keys: '/', run: outer }]);
  shortcuts.add([{ keys: '/', run: inner }]);
  shortcuts.press('/', 0);
  expect(outer).not.toHaveBeenCalled();
  expect(inner).toHaveBeenCalledOnce();
});

test('nothing happens while someone types, holds Ctrl, has switched it off or looks at a dialog', () => {
  let enabled = true;
  const shortcuts = new Shortcuts(() => enabled);
  const run = vi.fn();
  shortcuts.add([{ keys: 'j', run }]);
  document.body.innerHTML = '<input><textarea></textarea><button></button>';
  for (const name of ['input', 'textarea']) press(shortcuts, 'j', document.querySelector(name)!);
  press(shortcuts, 'j', document.body, { ctrlKey: true });
  enabled = false;
  press(shortcuts, 'j');
  enabled = true;
  document.body.insertAdjacentHTML('beforeend', '<dialog open></dialog>');
  press(shortcuts, 'j');
  expect(run).not.toHaveBeenCalled();
  document.querySelector('dialog')?.remove();
  expect(press(shortcuts, 'j', document.querySelector('button')!).defaultPrevented).toBe(true);
  expect(run).toHaveBeenCalledOnce();
});

test('typing inside a shadow root is typing', () => {
  const shortcuts = new Shortcuts(() => true);
  const run = vi.fn();
  shortcuts.add([{ keys: 'j', run }]);
  const host = document.createElement('div');
  document.body.append(host);
  const field = document.createElement('textarea');
  host.attachShadow({ mode: 'open' }).append(field);
  press(shortcuts, 'j', field);
  expect(run).not.toHaveBeenCalled();
});

test('j and k move between rows and stay inside', () => {
  document.body.innerHTML = '<a href="/1">1</a><a href="/2">2</a>';
  const rows = [...document.querySelectorAll<HTMLElement>('a')];
  const texts = [1, 1, 1, -1, -1].map((step) => {
    moveFocus(rows, step as 1 | -1);
    return document.activeElement?.textContent;
  });
  expect(texts).toEqual(['1', '2', '2', '1', '1']);
  moveFocus([], 1);
});
