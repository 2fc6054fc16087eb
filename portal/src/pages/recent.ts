// The queries that this browser ran last, newest first, and the values that each was given.
const kKey = 'vedette.queries';
const kKept = 10;
const kValuesKey = 'vedette.values';
const kValuesKept = 50;

export function recentQueries(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(kKey) ?? '[]');
    return Array.isArray(stored) ? stored.filter((text): text is string => typeof text === 'string').slice(0, kKept) : [];
  } catch {
    return [];
  }
}

export function rememberQuery(text: string): string[] {
  const next = [text, ...recentQueries().filter((other) => other !== text)].slice(0, kKept);
  try {
    localStorage.setItem(kKey, JSON.stringify(next));
  } catch {
    // Not kept then.
  }
  return next;
}

type Given = [query: string, values: Record<string, string>];

function storedValues(): Given[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(kValuesKey) ?? '[]');
    if (!Array.isArray(stored)) return [];
    return stored.flatMap((each: unknown): Given[] => {
      if (!Array.isArray(each) || typeof each[0] !== 'string' || typeof each[1] !== 'object' || each[1] === null) return [];
      const texts = Object.entries(each[1] as object).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
      return [[each[0], Object.fromEntries(texts)]];
    });
  } catch {
    return [];
  }
}

export function recallValues(query: string): Readonly<Record<string, string>> {
  return storedValues().find(([text]) => text === query)?.[1] ?? {};
}

export function rememberValues(query: string, values: Readonly<Record<string, string>>): void {
  const others = storedValues().filter(([text]) => text !== query);
  const next: Given[] = Object.keys(values).length === 0 ? others : [[query, { ...values }], ...others];
  try {
    localStorage.setItem(kValuesKey, JSON.stringify(next.slice(0, kValuesKept)));
  } catch {
    // Not kept then.
  }
}
