import { hub, type AlertFilter } from './hub';
import { severities, type Severity } from './types';

export interface AlertCounts {
  open: number;
  closed: number;
  severity: Record<Severity, number>;
}

// New and active together.
export const kOpen = 'open';

// How many alerts each choice of the list would show, the other choices being as they are.
export async function alertCounts(filter: AlertFilter, signal?: AbortSignal): Promise<AlertCounts> {
  const total = async (part: AlertFilter) => (await hub.alerts({ ...filter, ...part, limit: 1 }, signal)).total;
  const [open, closed, ...bySeverity] = await Promise.all([
    total({ status: kOpen }),
    total({ status: 'closed' }),
    ...severities.map((severity) => total({ severity })),
  ]);
  const severity = Object.fromEntries(severities.map((name, index) => [name, bySeverity[index] ?? 0]));
  return { open, closed, severity: severity as Record<Severity, number> };
}
