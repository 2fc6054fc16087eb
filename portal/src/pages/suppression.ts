// Scopes of suppressions, as the dialog makes them.
import type { Alert, SuppressionScope } from '../api/types';

const kMaxValue = 1024;

// Fields of the alert's latest event that a suppression may look at, with their values: texts and numbers.
export function fieldChoices(alert: Pick<Alert, 'evidence'>): { name: string; value: string }[] {
  const latest = alert.evidence.at(-1);
  if (latest === undefined) return [];
  const choices = new Map<string, string>();
  // What the rule looked at is the likeliest to be wanted.
  for (const match of latest.matched) choices.set(match.field, match.value);
  for (const [name, value] of Object.entries(latest.details)) {
    if (choices.has(name)) continue;
    if (typeof value === 'string' || typeof value === 'number') choices.set(name, String(value));
  }
  return [...choices].map(([name, value]) => ({ name, value: value.slice(0, kMaxValue) }));
}

export interface ScopeForm {
  rule: string;
  device: string;
  entity: string;
  field: string;
  test: 'equals' | 'contains' | 'startsWith' | 'matches';
  value: string;
}

export function scopeOf(form: ScopeForm): SuppressionScope {
  const scope: SuppressionScope = { ruleId: form.rule };
  if (form.device.trim() !== '') scope.device = form.device.trim();
  if (form.entity.trim() !== '') scope.entity = form.entity.trim();
  if (form.field !== '' && form.value !== '') scope.fields = [{ field: form.field, test: form.test, value: form.value }];
  return scope;
}
