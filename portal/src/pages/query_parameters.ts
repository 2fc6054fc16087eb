// The values that a query declares with 'declare query_parameters': where they stand in its text and in
// a link. Types, and whether a value is one, are the hub's business.
import type { Diagnostic, QueryParameter } from '../api/types';
import { spanOf } from '../kql/positions';
import { tokenize, type Token } from '../kql/tokens';

export type Values = Readonly<Record<string, string>>;

export interface Declaration {
  name: string;
  index: number; // of the name, in the text
  otherwise?: string; // the default, as it is written
}

export interface ParameterField extends QueryParameter {
  otherwise?: string;
}

interface Placed extends Token {
  index: number;
}

function placed(text: string): Placed[] {
  const out: Placed[] = [];
  let index = 0;
  for (const line of tokenize(text)) {
    for (const token of line) {
      if (token.kind !== 'space' && token.kind !== 'comment') out.push({ ...token, index });
      index += token.text.length;
    }
    index += 1; // the end of the line
  }
  return out;
}

// Where the declaration's parentheses open.
function opening(tokens: Placed[]): number {
  return tokens.findIndex(
    (token, at) => token.text === '(' && tokens[at - 1]?.text === 'query_parameters' && tokens[at - 2]?.text === 'declare',
  );
}

// A name, or ['a name'].
function nameAt(tokens: Placed[], at: number): { name: string; index: number } | undefined {
  const first = tokens[at];
  if (first === undefined) return undefined;
  if (/^[A-Za-z_]/.test(first.text)) return { name: first.text, index: first.index };
  const quoted = tokens[at + 1];
  if (first.text !== '[' || quoted?.kind !== 'string') return undefined;
  return { name: quoted.text.slice(1, -1), index: first.index };
}

const depthOf: Record<string, number> = { '(': 1, '[': 1, '{': 1, ')': -1, ']': -1, '}': -1 };

export function declarations(text: string): Declaration[] {
  const tokens = placed(text);
  const open = opening(tokens);
  if (open === -1) return [];
  const out: Declaration[] = [];
  let depth = 1;
  let begin = open + 1;
  let equals = -1;
  for (let at = begin; at < tokens.length && depth > 0; at += 1) {
    const token = tokens[at]!;
    if (token.kind === 'operator') depth += depthOf[token.text] ?? 0;
    if (depth === 1 && token.text === '=' && equals === -1) equals = token.index;
    if (depth > 1 || (depth === 1 && token.text !== ',')) continue;
    const found = nameAt(tokens, begin);
    if (found !== undefined && out.every((other) => other.name !== found.name)) {
      out.push(equals === -1 ? found : { ...found, otherwise: text.slice(equals + 1, token.index).trim() });
    }
    begin = at + 1;
    equals = -1;
  }
  return out;
}

// What is asked for, with the defaults as the query writes them.
export function fieldsOf(text: string, parameters: readonly QueryParameter[]): ParameterField[] {
  const written = declarations(text);
  return parameters.map((parameter) => {
    const otherwise = written.find((each) => each.name === parameter.name)?.otherwise;
    return otherwise === undefined || parameter.required ? { ...parameter } : { ...parameter, otherwise };
  });
}

// Those of the values that the query has a use for. An empty field gives none.
export function givenIn(text: string, values: Values): Values {
  const out: Record<string, string> = {};
  for (const { name } of declarations(text)) {
    const value = values[name];
    if (value !== undefined && value !== '') out[name] = value;
  }
  return out;
}

export function missingOf(parameters: readonly QueryParameter[], given: Values): QueryParameter[] {
  return parameters.filter((parameter) => parameter.required && given[parameter.name] === undefined);
}

// What is said of a value goes beside its field; that one is missing is asked for there.
export function besideFields(
  text: string,
  parameters: readonly QueryParameter[],
  given: Values,
  diagnostics: readonly Diagnostic[],
): { errors: Record<string, string>; others: Diagnostic[] } {
  const written = declarations(text);
  const errors: Record<string, string> = {};
  const others: Diagnostic[] = [];
  for (const diagnostic of diagnostics) {
    const { from } = spanOf(text, diagnostic);
    const name = diagnostic.severity === 'error' ? written.find((each) => each.index === from)?.name : undefined;
    const parameter = parameters.find((each) => each.name === name);
    if (name === undefined || parameter === undefined) others.push(diagnostic);
    else if (given[name] !== undefined) errors[name] = diagnostic.message;
    else if (!parameter.required) others.push(diagnostic);
  }
  return { errors, others };
}

// In a link: p.NAME=value.
const kPrefix = 'p.';

export function valuesIn(search: URLSearchParams): Values {
  const out: Record<string, string> = {};
  for (const [key, value] of search) {
    if (key.startsWith(kPrefix) && key.length > kPrefix.length) out[key.slice(kPrefix.length)] = value;
  }
  return out;
}
