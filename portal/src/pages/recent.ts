// The queries that this browser ran last, newest first.
const kKey = 'vedette.queries';
const kKept = 10;

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
