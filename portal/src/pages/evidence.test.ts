import { expect, test } from 'vitest';
import { fields, headline, markFound, matchedNames, startedProcess } from './evidence';
import { kqlString, recentEventsQuery } from './device';

test.each([
  ['sh -c "echo cpuminer-multi"', 'cpuminer-multi', 'sh -c "echo [cpuminer-multi]"'],
  ['sh sh', 'sh', '[sh] [sh]'],
  ['no part of it', '', 'no part of it'],
  ['cut before it', 'something', 'cut before it'],
  ['', 'x', ''],
])('what was found is marked: %s / %s', (value, found, expected) => {
  const shown = markFound(value, found).map((piece) => (piece.marked ? `[${piece.text}]` : piece.text));
  expect(shown.join('')).toBe(expected);
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

test('startedProcess says who started what', () => {
  const event = (details: Record<string, unknown>, name = 'ProcessCreate') => [{ eventId: '', time: '', name, details, matched: [] }];
  expect(startedProcess(event({ UserName: 'root', UserId: '0', CommandLine: 'ls' }))).toEqual({ user: 'root', command: 'ls' });
  expect(startedProcess(event({ UserId: '0', Executable: '/bin/ls' }))).toEqual({ user: 'uid 0', command: '/bin/ls' });
  expect(startedProcess(event({ CommandLine: 'ls' }))).toEqual({ user: '', command: 'ls' });
  expect(startedProcess(event({ CommandLine: 'ls' }, 'Login'))).toBeUndefined();
  expect(startedProcess([])).toBeUndefined();
});

test('matchedNames knows fields inside ExtraDetails', () => {
  expect(matchedNames([{ field: 'ExtraDetails.Cwd', value: '/', pattern: '', found: '' }]).has('Cwd')).toBe(true);
});

test('a device id cannot end the string that it stands in', () => {
  expect(kqlString('a"b\\c\n')).toBe('"a\\"b\\\\c\\n"');
  expect(recentEventsQuery('x" or true //')).toContain('DeviceId == "x\\" or true //"');
});
