import { beforeEach, describe, expect, test } from 'vitest';
import type { Diagnostic, QueryParameter } from '../api/types';
import { href } from '../app/routes';
import { besideFields, declarations, fieldsOf, givenIn, missingOf, valuesIn } from './query_parameters';
import { recallValues, rememberValues } from './recent';

const query = 'declare query_parameters(device:string, span:timespan = 7d);\nLogin | where DeviceId == device';
const parameters: QueryParameter[] = [
  { name: 'device', type: 'string', required: true },
  { name: 'span', type: 'timespan', required: false },
];

function at(text: string, name: string, message: string, severity: Diagnostic['severity'] = 'error'): Diagnostic {
  return { severity, message, line: 1, column: 1, offset: text.indexOf(name), length: name.length };
}

describe('declarations', () => {
  test.each<[string, [string, string?][]]>([
    ['Login | take 5', []],
    [query, [['device'], ['span', '7d']]],
    ['let a = 1; // a\ndeclare query_parameters ( a : long=-5 ,b:dynamic = dynamic({"x": [1, 2]}), c:string=")," );T', [['a', '-5'], ['b', 'dynamic({"x": [1, 2]})'], ['c', '")'+ ',"']]],
    ["declare query_parameters(['a b']:datetime = datetime(2026-01-31)); T", [['a b', 'datetime(2026-01-31)']]],
    ['declare query_parameters(a:long, a:string = "x"); T', [['a']]],
    ['declare query_parameters(a:long, b', [['a']]],
    ['// declare query_parameters(a:long);\nT', []],
    ['print "declare query_parameters(a:long)"', []],
  ])('%s', (text, expected) =>
    expect(declarations(text).map((each) => (each.otherwise === undefined ? [each.name] : [each.name, each.otherwise]))).toEqual(expected));

  test('tell where the names stand', () => {
    for (const { name, index } of declarations(query)) expect(query.slice(index, index + name.length)).toBe(name);
  });
});

test('fields have the types of the hub and the defaults of the text', () => {
  expect(fieldsOf(query, parameters)).toEqual([
    { name: 'device', type: 'string', required: true },
    { name: 'span', type: 'timespan', required: false, otherwise: '7d' },
  ]);
});

test('only what is declared and filled in is given', () => {
  const given = givenIn(query, { device: 'd1', span: '', other: 'x' });
  expect(given).toEqual({ device: 'd1' });
  expect(missingOf(parameters, given)).toEqual([]);
  expect(missingOf(parameters, {}).map((each) => each.name)).toEqual(['device']);
});

test('what is said of a value goes beside its field', () => {
  const text = '// é\n' + query;
  const offset = new TextEncoder().encode(text.slice(0, text.indexOf('span'))).length;
  const wrong = { ...at(text, 'span', 'it should be a timespan'), offset };
  const missing = { ...at(text, 'device', 'it needs a value'), offset: text.indexOf('device') + 1 };
  const elsewhere = at(text, 'Login', 'no such table');
  const warning = at(text, 'Login', 'slow', 'warning');
  const found = besideFields(text, parameters, { span: 'x' }, [wrong, missing, elsewhere, warning]);
  expect(found.errors).toEqual({ span: 'it should be a timespan' });
  expect(found.others).toEqual([elsewhere, warning]);
});

test('a wrong default is the fault of the query', () => {
  const fault = at(query, 'span', 'expected a timespan');
  expect(besideFields(query, parameters, { device: 'd' }, [fault])).toEqual({ errors: {}, others: [fault] });
});

test('a link has the values, whatever is in them', () => {
  const values = { device: 'a&b=c#d', span: '1h', 'a b': '\u{1F600}' };
  const url = new URL(href.query(query, values), 'https://hub');
  expect(url.searchParams.get('q')).toBe(query);
  expect(valuesIn(url.searchParams)).toEqual(values);
  expect(href.query('T')).toBe('/query?q=T');
});

describe('values are remembered with their query', () => {
  beforeEach(() => localStorage.clear());
  test('the last ones', () => {
    rememberValues('a', { x: '1' });
    rememberValues('b', { y: '2' });
    rememberValues('a', { x: '3' });
    expect(recallValues('a')).toEqual({ x: '3' });
    expect(recallValues('b')).toEqual({ y: '2' });
    expect(recallValues('c')).toEqual({});
  });
  test('none are forgotten ones', () => {
    rememberValues('a', { x: '1' });
    rememberValues('a', {});
    expect(recallValues('a')).toEqual({});
  });
  test('what somebody else wrote there does no harm', () => {
    for (const text of ['{', '7', '[[1, 2]]', '[["a", {"x": 1, "y": "2"}], ["a"], null]']) {
      localStorage.setItem('vedette.values', text);
      expect(recallValues('a')).toEqual(text.includes('"y"') ? { y: '2' } : {});
    }
  });
});
