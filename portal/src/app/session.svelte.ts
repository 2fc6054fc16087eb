// Who is signed in, as far as this page knows; the hub decides on every request.
import { asApiError, setSignedOutHandler } from '../api/client';
import { hub } from '../api/hub';
import type { Role, Session } from '../api/types';
import { navigate } from './router.svelte';

type State = 'unknown' | 'signedIn' | 'signedOut' | 'unreachable';
export type LoginReason = 'expired' | 'signedOut';

const ranks: Record<Role, number> = { reader: 0, analyst: 1, admin: 2 };

class CurrentSession {
  state = $state<State>('unknown');
  session = $state.raw<Session | undefined>();
  reason = $state<LoginReason | undefined>();

  get user(): Session['user'] | undefined {
    return this.session?.user;
  }

  allows(role: Role): boolean {
    return this.session !== undefined && ranks[this.session.user.role] >= ranks[role];
  }

  async restore(): Promise<void> {
    try {
      this.adopt(await hub.session());
    } catch (error) {
      this.state = asApiError(error).status === 401 ? 'signedOut' : 'unreachable';
    }
  }

  adopt(session: Session): void {
    this.session = session;
    this.state = 'signedIn';
    this.reason = undefined;
  }

  async signOut(): Promise<void> {
    await hub.signOut();
    this.#leave('signedOut');
    navigate('/login');
  }

  // The hub does not know the session any more.
  expire(): void {
    if (this.state === 'signedIn') this.#leave('expired');
  }

  #leave(reason: LoginReason): void {
    this.session = undefined;
    this.reason = reason;
    this.state = 'signedOut';
  }
}

export const session = new CurrentSession();
setSignedOutHandler(() => session.expire());

// Where to go after the login: only a path of this portal, never another site.
export function safeNext(next: string | null): string {
  if (next === null) return '/alerts';
  try {
    const target = new URL(next, window.location.origin);
    if (target.origin !== window.location.origin || !next.startsWith('/') || target.pathname === '/login') {
      return '/alerts';
    }
    return target.pathname + target.search;
  } catch {
    return '/alerts';
  }
}
