import { hub } from '../api/hub';
import { Stream } from '../api/stream.svelte';

// The one stream of this page. When it breaks, asking for the session tells a lost hub (which the
// stream survives) from an expired login (which leads to the login page).
export const stream = new Stream('/api/v1/stream', () => {
  hub.session().then(
    () => {},
    (error: unknown) => {
      if ((error as { status?: number }).status === 401) expired();
    },
  );
});

let expired = () => {};
export function onExpired(handler: () => void): void {
  expired = handler;
}
