// Splits KQL into coloured pieces. Only for the eye: what a query means is the hub's business.
export type TokenKind =
  | 'keyword'
  | 'function'
  | 'table'
  | 'string'
  | 'number'
  | 'comment'
  | 'operator'
  | 'name'
  | 'space';

export interface Token {
  kind: TokenKind;
  text: string;
}

// A ``` string may span lines; a line then begins inside it.
export type LineState = 'plain' | 'block';

const keywords = new Set(
  `and or not in has contains startswith endswith between matches regex by asc desc nulls first last on kind
  where project extend summarize join take limit top order sort distinct count union let render search parse
  mv-expand mv-apply make-series lookup evaluate range print datatable serialize sample as with step from to of
  project-away project-rename project-keep project-reorder parse-where getschema
  inner innerunique leftouter rightouter fullouter leftanti rightanti leftsemi rightsemi anti
  has_any has_all has_cs contains_cs startswith_cs endswith_cs hasprefix hassuffix in~ typeof
  true false null dynamic datetime timespan guid bool int long real decimal string`.split(/\s+/),
);

const patterns: readonly [TokenKind, RegExp][] = [
  ['space', /\s+/y],
  ['comment', /\/\/.*/y],
  ['string', /[hH]?@"(?:[^"]|"")*(?:"|$)|[hH]?@'(?:[^']|'')*(?:'|$)/y],
  ['string', /[hH]?"(?:[^"\\]|\\.)*(?:"|$)|[hH]?'(?:[^'\\]|\\.)*(?:'|$)/y],
  ['number', /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:microseconds?|milliseconds?|seconds?|minutes?|hours?|days?|ticks?|ms|[dhms])?\b/y],
  ['operator', /==|!=|=~|!~|<=|>=|\.\.|[-+*/%=<>|!:.,;()[\]{}]/y],
];
const word = /[A-Za-z_$][A-Za-z0-9_]*(?:-(?:expand|apply|series|away|rename|keep|reorder|where)\b)?~?/y;
const call = /\s*\(/y;

function at(pattern: RegExp, text: string, position: number): string | undefined {
  pattern.lastIndex = position;
  return pattern.exec(text)?.[0];
}

// The piece of `line` at `position`, at least one character long.
export function nextToken(
  line: string,
  position: number,
  state: LineState,
  tables: ReadonlySet<string>,
): { token: Token; state: LineState } {
  if (state === 'block' || line.startsWith('```', position)) {
    const from = state === 'block' ? position : position + 3;
    const end = line.indexOf('```', from);
    const stop = end === -1 ? line.length : end + 3;
    return {
      token: { kind: 'string', text: line.slice(position, stop) },
      state: end === -1 ? 'block' : 'plain',
    };
  }
  for (const [kind, pattern] of patterns) {
    const text = at(pattern, line, position);
    if (text) return { token: { kind, text }, state };
  }
  const text = at(word, line, position);
  if (text === undefined) return { token: { kind: 'name', text: line.charAt(position) }, state };
  let kind: TokenKind = 'name';
  if (tables.has(text)) kind = 'table';
  else if (keywords.has(text)) kind = 'keyword';
  else if (at(call, line, position + text.length) !== undefined) kind = 'function';
  return { token: { kind, text }, state };
}

export function tokenize(query: string, tables: ReadonlySet<string> = defaultTables): Token[][] {
  let state: LineState = 'plain';
  return query.split('\n').map((line) => {
    const tokens: Token[] = [];
    for (let position = 0; position < line.length; ) {
      const step = nextToken(line, position, state, tables);
      tokens.push(step.token);
      state = step.state;
      position += step.token.text.length;
    }
    return tokens;
  });
}

// Enough for a query shown without the catalogue at hand.
export const defaultTables: ReadonlySet<string> = new Set([
  'SecurityIoTRawEvent',
  'SecurityAlert',
  'IoTHubOperations',
  'ProcessCreate',
  'Login',
  'ConnectionCreate',
  'ListeningPorts',
  'LocalUsers',
  'OSBaseline',
]);
