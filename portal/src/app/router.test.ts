import { describe, expect, test } from 'vitest';
import { location, matchPath, navigate, setSearch, startRouter } from './router.svelte';
import { href, page } from './routes';
import { safeNext } from './session.svelte';

describe('matchPath', () => {
  test.each([
    ['/', 'home', {}],
    ['/alerts', 'alerts', {}],
    ['/alerts/', 'alerts', {}],
    ['/alerts/a%2Fb', 'alert', { id: 'a/b' }],
    ['/devices/caf%C3%A9', 'device', { id: 'café' }],
  ])('%s is %s', (path, name, params) => {
    expect(page(path)).toEqual({ name, params });
  });

  test.each(['/nowhere', '/alerts/a/b', '/alerts/%zz', '/Alerts'])('%s is nothing', (path) => {
    expect(page(path)).toBeUndefined();
  });

  test('what href makes comes back', () => {
    const id = 'line 3/plc?#%';
    expect(matchPath([{ name: 'device', pattern: '/devices/:id' }], href.device(id))?.params.id).toBe(id);
  });
});

describe('navigation', () => {
  test('changes of the query are not visits', () => {
    navigate('/alerts');
    const { visit } = location;
    setSearch({ search: 'a b', severity: 'High' });
    expect(window.location.search).toBe('?search=a+b&severity=High');
    expect(location.search.get('search')).toBe('a b');
    setSearch({ search: '' });
    expect(window.location.search).toBe('?severity=High');
    expect(location.visit).toBe(visit);
    navigate('/devices');
    expect(location.visit).toBe(visit + 1);
  });

  test('links of this site are followed in place, others are left alone', () => {
    const stop = startRouter();
    document.body.innerHTML =
      '<a id="own" href="/query?q=x"><b>in</b></a><a id="out" href="https://example.org/alerts">out</a><a id="tab" target="_blank" href="/alerts">tab</a>';
    const click = (selector: string, init: MouseEventInit = {}) => {
      const event = new MouseEvent('click', { bubbles: true, cancelable: true, ...init });
      // jsdom would try to load what nobody prevented.
      const prevented = { value: false };
      const last = (seen: Event) => {
        prevented.value = seen.defaultPrevented;
        seen.preventDefault();
      };
      window.addEventListener('click', last, { once: true });
      document.querySelector(selector)?.dispatchEvent(event);
      return prevented.value;
    };
    navigate('/alerts');
    expect(click('#own b')).toBe(true);
    expect(location.path).toBe('/query');
    expect(click('#out')).toBe(false);
    expect(click('#tab')).toBe(false);
    expect(click('#own', { ctrlKey: true })).toBe(false);
    stop();
  });
});

test.each([
  [null, '/alerts'],
  ['/devices?search=x', '/devices?search=x'],
  ['https://evil.example/alerts', '/alerts'],
  ['//evil.example', '/alerts'],
  ['/\\evil.example', '/alerts'],
  ['javascript:alert(1)', '/alerts'],
  ['/login?next=/login', '/alerts'],
])('after the login, next=%s leads to %s', (next, expected) => {
  expect(safeNext(next)).toBe(expected);
});
