import { describe, expect, it } from 'vitest';
import type { CustomAlert, CustomAlertType } from '../api/types';
import { draftOf, formOf, limitsOf, windows } from './custom_alert';

const range: CustomAlertType = {
  type: 'FileUploadsNotInAllowedRange', id: 'IoT_CA_FileUploadsNotInAllowedRange', title: 'T', alias: 'A',
  kind: 'range', source: 'hub', item: 'none', counts: 'file uploads',
};
const list: CustomAlertType = { ...range, type: 'ProcessNotAllowed', kind: 'list', source: 'agent', item: 'process' };
const alert: CustomAlert = {
  id: '1', group: 'pumps', type: range.type, window: 'PT15M', min: 1, max: 5, severity: 'High', enabled: false,
  description: 'd', title: 'T', kind: 'range', since: '', created: '', updated: '', updatedBy: 'ann', file: null, etag: '1',
};

describe('custom alerts', () => {
  it('come out of the form as they went in', () => {
    const { group, type, window, min, max, severity, enabled, description } = alert;
    expect(draftOf(formOf(alert, 'x'), range)).toEqual({ group, type, window, min, max, severity, enabled, description });
    const denied: CustomAlert = { ...alert, type: list.type, kind: 'list', deny: ['nc', 'a b'] };
    expect(draftOf(formOf(denied, 'x'), list)).toEqual({ group, type: list.type, deny: ['nc', 'a b'], severity, enabled, description });
  });
  it('leave out what the type does not have', () => {
    const form = { ...formOf(undefined, 'default'), type: range.type, min: null, max: null, values: 'left\nover' };
    expect(draftOf(form, range)).toEqual({
      group: 'default', type: range.type, window: 'PT1H', min: 0, severity: 'Low', enabled: true, description: '',
    });
    expect(draftOf({ ...form, type: list.type, values: ' a \n\n b' }, list)).toMatchObject({ allow: ['a', 'b'] });
  });
  it('say their limits', () => {
    expect(limitsOf(alert)).toBe('1 to 5 in 15 minutes');
    expect(limitsOf({ ...alert, max: undefined, window: 'P1D' })).toBe('1 or more in 1 day');
    expect(limitsOf({ ...alert, kind: 'list', allow: ['a', 'b', 'c', 'd', 'e', 'f'] })).toBe('Only a, b, c, d, e and 1 more');
    expect(limitsOf({ ...alert, kind: 'list', deny: ['a'] })).toBe('Never a');
  });
  it('offer the window that is set', () => {
    expect(windows('PT15M')).toContain('PT15M');
    expect(windows('PT1H')).toHaveLength(7);
  });
});
