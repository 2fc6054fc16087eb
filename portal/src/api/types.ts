// The portal's names for the shapes of the REST API. schema.d.ts is generated from
// docs/reference/openapi.yaml: `npm run types`.
import type { components, operations } from './schema';

type Schemas = components['schemas'];

export type Severity = Schemas['Severity'];
export type AlertStatus = Schemas['AlertStatus'];
export type Role = Schemas['Role'];
export type Session = Schemas['Session'];
export type AlertSummary = Schemas['Alert'];
export type Alert = Schemas['AlertDetail'];
export type Evidence = Schemas['Evidence'];
export type Match = Evidence['matched'][number];
export type HistoryEntry = Alert['history'][number];
export type ConnectionState = Schemas['ConnectionState'];
export type Device = Schemas['Device'];
export type Module = Schemas['ModuleSummary'];
export type Column = Schemas['Column'];
export type ColumnType = Column['type'];
export type Diagnostic = Schemas['Diagnostic'];
export type QueryResult = Schemas['QueryResult'];
export type Validation = operations['validateQuery']['responses']['200']['content']['application/json'];
export type Table = operations['getQuerySchema']['responses']['200']['content']['application/json']['tables'][number];
export type StreamAlert = Schemas['StreamAlert'];
export type StreamDevice = Schemas['StreamDevice'];
export type ErrorBody = Schemas['Error'];
export type HubStatus = Schemas['Status'];

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
  total: number;
}

export const severities: readonly Severity[] = ['High', 'Medium', 'Low', 'Informational'];
