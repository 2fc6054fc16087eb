import { expect, test } from 'vitest';
import { fieldChoices, scopeOf } from './suppression';

const form = { rule: 'r', device: ' press-* ', entity: '', field: '', test: 'equals' as const, value: '' };

test('a scope has only what was given', () => {
  expect(scopeOf(form)).toEqual({ ruleId: 'r', device: 'press-*' });
  expect(scopeOf({ ...form, device: '  ', field: 'CommandLine', value: 'a b', test: 'contains' })).toEqual({
    ruleId: 'r',
    fields: [{ field: 'CommandLine', test: 'contains', value: 'a b' }],
  });
  expect(scopeOf({ ...form, field: 'CommandLine' })).not.toHaveProperty('fields');
});

test('fields come from the latest event, those that the rule looked at first', () => {
  const event = (details: Record<string, unknown>, matched: string[]) => ({
    eventId: 'e',
    time: '2026-01-01T00:00:00Z',
    name: 'ProcessCreate',
    details,
    matched: matched.map((field) => ({ field, value: `${field}!`, pattern: '', found: '' })),
  });
  const alert = {
    evidence: [event({ Old: 'x' }, []), event({ ProcessId: 7, CommandLine: 'ls', ExtraDetails: { Cwd: '/' }, Empty: null }, ['CommandLine'])],
  };
  expect(fieldChoices(alert)).toEqual([
    { name: 'CommandLine', value: 'CommandLine!' },
    { name: 'ProcessId', value: '7' },
  ]);
  expect(fieldChoices({ evidence: [] })).toEqual([]);
});
