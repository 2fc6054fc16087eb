import { describe, expect, test } from 'vitest';
import { byteOfIndex, indexOfByte, spanOf } from './positions';
import { tokenize } from './tokens';

const kinds = (query: string) => tokenize(query).flat().filter((token) => token.kind !== 'space').map((token) => `${token.kind}:${token.text}`);

describe('tokenize', () => {
  test.each([
    ['SecurityAlert | take 5', ['table:SecurityAlert', 'operator:|', 'keyword:take', 'number:5']],
    ['| where a == "x\\"y" // done', ['operator:|', 'keyword:where', 'name:a', 'operator:==', 'string:"x\\"y"', 'comment:// done']],
    ["@'c:\\' 'b'", ["string:@'c:\\'", "string:'b'"]],
    ['ago(1d) 1.5h 10ms 7', ['function:ago', 'operator:(', 'number:1d', 'operator:)', 'number:1.5h', 'number:10ms', 'number:7']],
    ['mv-expand a-b', ['keyword:mv-expand', 'name:a', 'operator:-', 'name:b']],
    ['in~ (1)', ['keyword:in~', 'operator:(', 'number:1', 'operator:)']],
    ['"never closed', ['string:"never closed']],
    ['é#', ['name:é', 'name:#']],
  ])('%s', (query, expected) => expect(kinds(query)).toEqual(expected));

  test('a string of three backticks spans lines', () => {
    expect(kinds('a ```x\ny``` b')).toEqual(['name:a', 'string:```x', 'string:y```', 'name:b']);
  });

  test('every character comes back, whatever the text', () => {
    const text = 'T | where x == \'a\' and y !~ "b" // \u{1F600}\n```\n| ` weird ´ \\ @" @\'';
    expect(tokenize(text).map((line) => line.map((token) => token.text).join('')).join('\n')).toBe(text);
  });
});

describe('positions', () => {
  test('bytes of UTF-8 become places in the text', () => {
    const text = 'é€\u{1F600}x';
    expect([0, 2, 5, 9, 10, 99].map((byte) => indexOfByte(text, byte))).toEqual([0, 1, 2, 4, 5, 5]);
  });
  test('and back', () => {
    const text = 'é€\u{1F600}x';
    expect([0, 1, 2, 4, 5].map((index) => byteOfIndex(text, index))).toEqual([0, 2, 5, 9, 10]);
  });
  test.each([
    ['abc', 1, 1, { from: 1, to: 2 }],
    ['abc', 1, 0, { from: 1, to: 2 }],
    ['abc', 3, 0, { from: 2, to: 3 }],
    ['', 0, 0, { from: 0, to: 0 }],
  ])('%j %i+%i', (text, offset, length, span) => expect(spanOf(text, { offset, length })).toEqual(span));
});
