// Keyboard shortcuts. Sequences such as `g a` are two keys within a second.
export interface Shortcut {
  // 'j', '?', or a sequence 'g a'.
  keys: string;
  run: () => void;
}

const kSequenceMs = 1_000;

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable ||
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  );
}

export class Shortcuts {
  #active = new Set<readonly Shortcut[]>();
  #pending = '';
  #pendingAt = 0;
  #enabled: () => boolean;

  constructor(enabled: () => boolean) {
    this.#enabled = enabled;
  }

  add(shortcuts: readonly Shortcut[]): () => void {
    this.#active.add(shortcuts);
    return () => this.#active.delete(shortcuts);
  }

  // Returns whether the key was a shortcut, or the beginning of one.
  press(key: string, now: number): boolean {
    const sequence = now - this.#pendingAt < kSequenceMs && this.#pending !== '' ? `${this.#pending} ${key}` : key;
    this.#pending = '';
    const all = [...this.#active].flat();
    const found = all.findLast((shortcut) => shortcut.keys === sequence);
    if (found !== undefined) {
      found.run();
      return true;
    }
    if (all.some((shortcut) => shortcut.keys.startsWith(`${key} `))) {
      this.#pending = key;
      this.#pendingAt = now;
      return true;
    }
    return false;
  }

  handle = (event: KeyboardEvent): void => {
    if (!this.#enabled() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    // A composed path looks into the editor's shadow root.
    if (isTyping(event.composedPath()[0] ?? event.target) || document.querySelector('dialog[open]') !== null) return;
    if (this.press(event.key, event.timeStamp)) event.preventDefault();
  };
}

// j and k move the focus between the elements that `rows` finds.
export function moveFocus(rows: HTMLElement[], step: 1 | -1): void {
  const current = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = current === -1 ? 0 : Math.min(Math.max(current + step, 0), rows.length - 1);
  rows[next]?.focus();
}
