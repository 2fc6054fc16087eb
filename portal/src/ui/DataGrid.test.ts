import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Column } from '../api/types';
import DataGrid from './DataGrid.svelte';

const columns: Column[] = [{ name: 'N', type: 'long' }, { name: 'Details', type: 'string' }];
const rows = Array.from({ length: 1_000 }, (_, index) => [999 - index, index === 3 ? '{"a":1}' : null]);
let grid: Record<string, unknown>;
let opened: [number, number][];

beforeEach(() => {
  opened = [];
  Element.prototype.scrollTo = vi.fn() as unknown as typeof Element.prototype.scrollTo;
  Element.prototype.scrollIntoView = vi.fn();
  grid = mount(DataGrid, {
    target: document.body,
    props: { columns, rows, label: 'Result', onopen: (column: number, row: number) => opened.push([column, row]) },
  });
  flushSync();
});
afterEach(() => unmount(grid));

const root = () => document.querySelector<HTMLElement>('[role=grid]')!;
const active = () => document.getElementById(root().getAttribute('aria-activedescendant') ?? '')?.textContent?.trim();
function press(key: string, init: KeyboardEventInit = {}): void {
  root().dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init }));
  flushSync();
}

test('says how much there is and holds only what is in sight', () => {
  expect(root().getAttribute('aria-rowcount')).toBe('1001');
  expect(document.querySelectorAll('[role=gridcell]').length).toBeLessThan(100);
});

test('arrow keys move a cell and stop at the edges', () => {
  expect(active()).toBe('999');
  press('ArrowUp');
  press('ArrowDown');
  expect(active()).toBe('998');
  press('ArrowRight');
  press('ArrowRight');
  expect(active()).toBe('null');
  press('Home', { ctrlKey: true });
  expect(active()).toBe('999');
});

test('Enter opens the cell that is seen, also when sorted', () => {
  press('Enter');
  document.querySelector<HTMLElement>('[role=columnheader] button')?.click();
  flushSync();
  expect(active()).toBe('0');
  press('Enter');
  expect(opened).toEqual([[0, 0], [0, 999]]);
});

test('headings sort up, down, and not at all', () => {
  const heading = document.querySelector('[role=columnheader]');
  const orders = [0, 1, 2].map(() => {
    heading?.querySelector('button')?.click();
    flushSync();
    return heading?.getAttribute('aria-sort');
  });
  expect(orders).toEqual(['ascending', 'descending', 'none']);
});

test('a value with structure can be opened with the pointer', () => {
  document.querySelector<SVGElement>('.open svg')?.dispatchEvent(new MouseEvent('click', { bubbles: true }));
  expect(opened).toEqual([[1, 3]]);
});
