// How an event of an alert is shown. Pure.
import type { Evidence, Match } from '../api/types';

export interface Piece {
  text: string;
  marked: boolean;
}

// Marks in `value` every place of what a rule found there.
export function markFound(value: string, found: string): Piece[] {
  if (found === '') return value === '' ? [] : [{ text: value, marked: false }];
  return value
    .split(found)
    .flatMap((text, index) => (index === 0 ? [{ text, marked: false }] : [{ text: found, marked: true }, { text, marked: false }]))
    .filter((piece) => piece.text !== '');
}

function text(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// The fields of an event, those of ExtraDetails among them under their own name.
export function fields(details: Record<string, unknown>): { name: string; value: string }[] {
  const flat: { name: string; value: string }[] = [];
  for (const [name, value] of Object.entries(details)) {
    if (name === 'ExtraDetails' && value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [inner, part] of Object.entries(value)) flat.push({ name: inner, value: text(part) });
    } else {
      flat.push({ name, value: text(value) });
    }
  }
  return flat.filter((field) => field.value !== '');
}

// One line that says what an event was, for lists.
export function headline(name: string, details: Record<string, unknown>): string {
  const field = (key: string) => text(details[key]);
  const first = (...keys: string[]) => keys.map(field).find((value) => value !== '') ?? '';
  switch (name) {
    case 'ProcessCreate':
      return first('CommandLine', 'Executable');
    case 'ProcessTerminate':
      return `${first('Executable', 'CommandLine')} → ${field('ExitStatus')}`;
    case 'ConnectionCreate':
      return `${field('Direction')} ${field('Protocol')} ${field('RemoteAddress')}:${field('RemotePort')} ${field('Executable')}`;
    case 'Login':
      return `${field('UserName')} ${field('Result')} ${field('RemoteAddress')}`.trim();
    default:
      return fields(details)
        .slice(0, 4)
        .map((entry) => `${entry.name}=${entry.value}`)
        .join(' ');
  }
}

// Who started what, where the first event of an alert says so.
export function startedProcess(evidence: readonly Evidence[]): { user: string; command: string } | undefined {
  const [first] = evidence;
  if (first?.name !== 'ProcessCreate') return undefined;
  const command = headline(first.name, first.details);
  if (command === '') return undefined;
  const user = text(first.details.UserName) || (first.details.UserId === undefined ? '' : `uid ${text(first.details.UserId)}`);
  return { user, command };
}

export function matchedNames(matched: readonly Match[]): Set<string> {
  return new Set(matched.map((match) => match.field.replace(/^ExtraDetails\./, '')));
}
