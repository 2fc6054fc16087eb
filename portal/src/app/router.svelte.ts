// Where the portal is: a path, its parameters and its query, kept in step with the address bar.
//
// Links are ordinary <a href>: clicks on those of this origin become navigations, everything else
// (new tab, other site, download) stays with the browser.

export interface Route<Name extends string> {
  name: Name;
  // '/alerts/:id' binds one segment; a trailing segment never binds an empty text.
  pattern: string;
}

export interface Match<Name extends string> {
  name: Name;
  params: Record<string, string>;
}

export function matchPath<Name extends string>(
  routes: readonly Route<Name>[],
  path: string,
): Match<Name> | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  for (const route of routes) {
    const pattern = route.pattern.split('/').filter((part) => part !== '');
    if (pattern.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = pattern.every((expected, index) => {
      const found = parts[index] ?? '';
      if (!expected.startsWith(':')) return expected === found;
      try {
        params[expected.slice(1)] = decodeURIComponent(found);
      } catch {
        return false; // "%zz" is nobody's identifier.
      }
      return true;
    });
    if (fits) return { name: route.name, params };
  }
  return undefined;
}

class Location {
  path = $state(window.location.pathname);
  search = $state.raw(new URLSearchParams(window.location.search));
  // Counts navigations to another page, not changes of the query: what moves the focus follows it.
  visit = $state(0);
}

export const location = new Location();

function adopt(): void {
  const { pathname, search } = window.location;
  if (pathname !== location.path) location.visit += 1;
  location.path = pathname;
  location.search = new URLSearchParams(search);
}

export function navigate(url: string, mode: 'push' | 'replace' = 'push'): void {
  const target = new URL(url, window.location.href);
  const moves = target.pathname !== window.location.pathname;
  if (mode === 'replace') history.replaceState(history.state, '', target);
  else history.pushState(null, '', target);
  adopt();
  if (moves) window.scrollTo(0, 0);
}

// Changes parameters of the current page's query in place; empty or undefined removes one.
export function setSearch(changes: Record<string, string | undefined>): void {
  const next = new URLSearchParams(window.location.search);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined || value === '') next.delete(key);
    else next.set(key, value);
  }
  const text = next.toString();
  navigate(window.location.pathname + (text === '' ? '' : `?${text}`), 'replace');
}

function onClick(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.('a[href]');
  if (!(link instanceof HTMLAnchorElement)) return;
  if (link.target !== '' || link.hasAttribute('download') || link.origin !== window.location.origin) return;
  if (link.hash !== '' && link.pathname === window.location.pathname) return;
  event.preventDefault();
  navigate(link.href);
}

export function startRouter(): () => void {
  window.addEventListener('popstate', adopt);
  document.addEventListener('click', onClick);
  return () => {
    window.removeEventListener('popstate', adopt);
    document.removeEventListener('click', onClick);
  };
}
