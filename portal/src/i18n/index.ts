import { en, type Messages } from './en';

export type { Messages };

// The catalogue in use. Components read it as `m.alerts.page`.
export const m: Messages = en;
