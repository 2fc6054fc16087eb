import type { Diagnostic } from '../api/types';

// The hub counts bytes of UTF-8; the browser counts UTF-16 units.
export function indexOfByte(text: string, byte: number): number {
  let bytes = 0;
  let index = 0;
  for (const character of text) {
    if (bytes >= byte) break;
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    index += character.length;
  }
  return index;
}

export function byteOfIndex(text: string, index: number): number {
  return new TextEncoder().encode(text.slice(0, index)).length;
}

export interface Span {
  from: number;
  to: number;
}

// What a diagnostic points at, at least one character wide where there is one.
export function spanOf(text: string, diagnostic: Pick<Diagnostic, 'offset' | 'length'>): Span {
  let from = indexOfByte(text, diagnostic.offset);
  let to = indexOfByte(text, diagnostic.offset + diagnostic.length);
  if (to <= from) {
    to = Math.min(from + 1, text.length);
    if (to <= from) from = Math.max(to - 1, 0);
  }
  return { from, to };
}
