import { describe, expect, test } from 'vitest';
import { fields, headline, markMatch, matchedNames } from './evidence';
import { kqlString, recentEventsQuery } from './device';

const shown = (value: string, pattern: string) =>
  markMatch(value, pattern).map((piece) => (piece.marked ? `[${piece.text}]` : piece.text)).join('');

describe('markMatch', () => {
  test.each([
    ['sh -c "echo cpuminer-multi"', "contains 'CPUminer'", 'sh -c "echo [cpuminer]-multi"'],
    ['/tmp/x/sh /sh', "ends with '/sh'", '/tmp/x/sh [/sh]'],
    ['useradd -m x', "starts with 'useradd'", '[useradd] -m x'],
    ['wget http://x | sh', "contains 'wget*| sh'", '[wget] http://x [| sh]'],
    ['exact', "is 'exact'", '[exact]'],
    ["it's here", "contains 't's'", "i[t's] here"],
    ['nothing of it', "contains 'other'", 'nothing of it'],
    ['203.0.113.7', 'in 203.0.113.0/24', '203.0.113.7'],
    ['', "contains 'x'", ''],
  ])('%s / %s', (value, pattern, expected) => expect(shown(value, pattern)).toBe(expected));

  test('what is shown is the value, whatever the pattern', () => {
    const value = 'a*b?c[d] \u{1F600} İi';
    for (const pattern of ["contains '*'", "contains '?'", "contains 'İ'", "contains 'i'", "is ''", '']) {
      expect(markMatch(value, pattern).map((piece) => piece.text).join('')).toBe(value);
    }
  });
});

test('fields lists ExtraDetails among the others and leaves out what is empty', () => {
  const details = { Executable: '/bin/sh', UserName: '', ProcessId: 0, ExtraDetails: { Cwd: '/', ContainerId: '' }, Odd: { a: [1] } };
  expect(fields(details)).toEqual([
    { name: 'Executable', value: '/bin/sh' },
    { name: 'ProcessId', value: '0' },
    { name: 'Cwd', value: '/' },
    { name: 'Odd', value: '{"a":[1]}' },
  ]);
});

test.each([
  ['ProcessCreate', { CommandLine: 'ls -l', Executable: '/bin/ls' }, 'ls -l'],
  ['ProcessCreate', { Executable: '/bin/ls' }, '/bin/ls'],
  ['ProcessTerminate', { Executable: '/bin/ls', ExitStatus: 0 }, '/bin/ls → 0'],
  ['LocalUsers', { UserName: 'root', UserId: 0 }, 'UserName=root UserId=0'],
])('%s %j', (name, details, expected) => expect(headline(name, details)).toBe(expected));

test('matchedNames knows fields inside ExtraDetails', () => {
  expect(matchedNames([{ field: 'ExtraDetails.Cwd', value: '/', pattern: '' }]).has('Cwd')).toBe(true);
});

test('a device id cannot end the string that it stands in', () => {
  expect(kqlString('a"b\\c\n')).toBe('"a\\"b\\\\c\\n"');
  expect(recentEventsQuery('x" or true //')).toContain('DeviceId == "x\\" or true //"');
});
