import { describe, expect, test } from 'vitest';
import type { Signature } from '../api/types';
import { showSignature } from './signature.svelte';

const form = (label: string, parameters: string[], variadic = false) => ({ label, parameters, variadic });
const signature = (argument: number, ...forms: Signature['forms']): Signature => ({ name: 'f', documentation: 'Does it.', argument, forms });
const parts = (one: Signature) => {
  const { before, current, after } = showSignature(one);
  return [before, current, after];
};

describe('signature help', () => {
  const two = form('f(a: long, b: long): long', ['a: long', 'b: long']);
  const three = form('f(a: long, b: long, c: long): long', ['a: long', 'b: long', 'c: long']);
  const many = form('f(part: text...): string', ['part: text...'], true);

  test.each([
    ['the first argument', signature(0, two), ['f(', 'a: long', ', b: long): long']],
    ['the second', signature(1, two), ['f(a: long, ', 'b: long', '): long']],
    ['a longer form where the first is too short', signature(2, two, three), ['f(a: long, b: long, ', 'c: long', '): long']],
    ['the last of those that there are', signature(9, two), ['f(a: long, ', 'b: long', '): long']],
    ['what repeats', signature(4, many), ['f(', 'part: text...', '): string']],
    ['nothing where there are no parameters', signature(0, form('f(): long', [])), ['f(): long', '', '']],
    ['the same name twice', signature(1, form('f(x, x)', ['x', 'x'])), ['f(x, ', 'x', ')']],
  ])('marks %s', (_, one, expected) => expect(parts(one)).toEqual(expected));

  test('tells how many forms there are beside', () => expect(showSignature(signature(0, two, three)).more).toBe(1));
});
