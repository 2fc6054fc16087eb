import { describe, expect, test } from 'vitest';
import { draftOf, idIn, lineOf, rangeOf } from './analytic_rule';

const at = (line: number, offset: number, length: number) =>
  ({ severity: 'error', message: '', line, column: 1, offset, length }) as const;

describe('an analytic rule as text', () => {
  test('its id is read, whatever stands around it', () => {
    expect(idIn(draftOf('3a1f6f0e-7d1c-4b55-8f6e-0c8f1f7d2a11'))).toBe('3a1f6f0e-7d1c-4b55-8f6e-0c8f1f7d2a11');
    expect(idIn('name: x\nid: "3A1F"  # ours\n')).toBe('3a1f');
    expect(idIn('name: x\nquery: |\n  id: 1\n')).toBe('');
    expect(idIn('id:\nname: x')).toBe('');
  });

  test('places count bytes there and characters here', () => {
    const text = 'name: Füße 🦊\nquery: wher';
    const offset = new TextEncoder().encode(text.slice(0, text.indexOf('wher'))).length;
    const [start, end] = rangeOf(text, at(2, offset, 4));
    expect(text.slice(start, end)).toBe('wher');
    expect(lineOf(text, at(2, offset, 4))).toBe('query: wher');
    expect(lineOf(text, at(9, offset, 4))).toBe('');
  });
});
