// One function per endpoint that the portal uses.
import { call } from './client';
import type {
  Alert,
  AlertStatus,
  AlertSummary,
  Device,
  HubStatus,
  Page,
  QueryResult,
  Severity,
  Session,
  Table,
  Validation,
} from './types';

const segment = encodeURIComponent;

export interface AlertFilter {
  status?: AlertStatus | 'open';
  severity?: Severity;
  device?: string;
  search?: string;
  limit?: number;
  cursor?: string;
}

export const hub = {
  session: (signal?: AbortSignal) => call<Session>('GET', '/session', { signal }),
  signIn: (credentials: { username: string; password: string } | { oneTimeToken: string }) =>
    call<Session>('POST', '/session', { body: credentials }),
  signOut: () => call<void>('DELETE', '/session'),

  status: (signal?: AbortSignal) => call<HubStatus>('GET', '/status', { signal }),

  alerts: (filter: AlertFilter, signal?: AbortSignal) =>
    call<Page<AlertSummary>>('GET', '/alerts', { query: { ...filter }, signal }),
  alert: (id: string, signal?: AbortSignal) => call<Alert>('GET', `/alerts/${segment(id)}`, { signal }),
  setAlertStatus: (id: string, status: AlertStatus, comment?: string) =>
    call<Alert>('PATCH', `/alerts/${segment(id)}`, { body: { status, ...(comment ? { comment } : {}) } }),

  devices: (filter: { search?: string; limit?: number; cursor?: string }, signal?: AbortSignal) =>
    call<Page<Device>>('GET', '/devices', { query: { ...filter }, signal }),
  device: (id: string, signal?: AbortSignal) => call<Device>('GET', `/devices/${segment(id)}`, { signal }),

  query: (query: string, options: { limit?: number; signal?: AbortSignal } = {}) =>
    call<QueryResult>('POST', '/query', { body: { query, limit: options.limit }, signal: options.signal }),
  validate: (query: string, signal?: AbortSignal) =>
    call<Validation>('POST', '/query/validate', { body: { query }, signal }),
  schema: (signal?: AbortSignal) => call<{ tables: Table[] }>('GET', '/query/schema', { signal }),
};
