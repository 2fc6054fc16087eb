import type { Diagnostic } from '../api/types';

// The value of the line `id: ...` of a rule's YAML; '' when there is none. The hub reads the rest.
export function idIn(yaml: string): string {
  const found = /^id:[ \t]*["']?([^"'#\s]+)/m.exec(yaml);
  return found?.[1]?.toLowerCase() ?? '';
}

// Where a diagnostic begins and ends in the text, in UTF-16 units as a text field counts them.
export function rangeOf(text: string, at: Diagnostic): [number, number] {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  const units = (end: number) => decoder.decode(bytes.subarray(0, end)).length;
  return [units(at.offset), units(at.offset + at.length)];
}

export function lineOf(text: string, at: Diagnostic): string {
  return text.split('\n')[at.line - 1] ?? '';
}

// What a new rule begins with.
export function draftOf(id: string): string {
  return `id: ${id}
name: Many failed logins on one device
description: Somebody may be guessing passwords.
severity: Medium
queryFrequency: 10m
queryPeriod: 1h
triggerOperator: gt
triggerThreshold: 0
tactics: [CredentialAccess]
relevantTechniques: [T1110]
query: |
  Login
  | where Result == "Fail"
  | summarize Failures = count() by DeviceId
  | where Failures > 100
  | project DeviceId
eventGroupingSettings:
  aggregationKind: AlertPerResult
entityMappings:
  - entityType: IoTDevice
    fieldMappings:
      - identifier: DeviceId
        columnName: DeviceId
`;
}
