// What a custom alert says, as a form and in words.
import type { CustomAlert, CustomAlertDraft, CustomAlertType, Severity } from '../api/types';
import { m } from '../i18n';

export interface CustomAlertForm {
  group: string;
  type: string;
  window: string;
  min: number | null;
  max: number | null;
  mode: 'allow' | 'deny';
  values: string; // one a line
  severity: Severity;
  enabled: boolean;
  description: string;
}

const kWindows = ['PT5M', 'PT10M', 'PT30M', 'PT1H', 'PT6H', 'PT12H', 'P1D'];

// The usual ones, and the one that is chosen.
export function windows(chosen: string): string[] {
  return kWindows.includes(chosen) ? kWindows : [...kWindows, chosen];
}

export function formOf(alert: CustomAlert | undefined, group: string): CustomAlertForm {
  return {
    group: alert?.group ?? group,
    type: alert?.type ?? '',
    window: alert?.window ?? 'PT1H',
    min: alert?.min ?? 0,
    max: alert?.max ?? null,
    mode: alert?.deny === undefined ? 'allow' : 'deny',
    values: (alert?.allow ?? alert?.deny ?? []).join('\n'),
    severity: alert?.severity ?? 'Low',
    enabled: alert?.enabled ?? true,
    description: alert?.description ?? '',
  };
}

// Only what belongs to the type: the hub refuses the rest.
export function draftOf(form: CustomAlertForm, type: CustomAlertType | undefined): CustomAlertDraft {
  const values = form.values.split('\n').map((value) => value.trim()).filter((value) => value !== '');
  const { severity, enabled } = form;
  const common = { group: form.group.trim(), type: form.type, severity, enabled, description: form.description.trim() };
  if (type?.kind === 'list') return { ...common, [form.mode]: values };
  return { ...common, window: form.window, min: form.min ?? 0, ...(form.max === null ? {} : { max: form.max }) };
}

// "0 to 10 in 1 hour"; "only 10.0.0.0/8, 192.0.2.1 and 3 more".
export function limitsOf(alert: CustomAlert): string {
  if (alert.kind === 'range') return m.customAlerts.range(alert.min ?? 0, alert.max, m.customAlerts.windows(alert.window ?? ''));
  const values = alert.allow ?? alert.deny ?? [];
  return m.customAlerts.listed(alert.allow === undefined ? 'deny' : 'allow', values.slice(0, 5).join(', '), Math.max(values.length - 5, 0));
}
