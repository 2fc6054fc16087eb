import { afterEach, vi } from 'vitest';

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

// jsdom lays nothing out and so has no observer of sizes; Svelte's size bindings want one.
class NoResize {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
globalThis.ResizeObserver ??= NoResize as unknown as typeof ResizeObserver;

// Nor does it scroll.
window.scrollTo = () => {};
