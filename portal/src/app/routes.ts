import type { Component } from 'svelte';
import { matchPath, type Match, type Route } from './router.svelte';

export type PageName = 'login' | 'home' | 'alerts' | 'alert' | 'devices' | 'device' | 'query';

const routes: readonly Route<PageName>[] = [
  { name: 'home', pattern: '/' },
  { name: 'login', pattern: '/login' },
  { name: 'alerts', pattern: '/alerts' },
  { name: 'alert', pattern: '/alerts/:id' },
  { name: 'devices', pattern: '/devices' },
  { name: 'device', pattern: '/devices/:id' },
  { name: 'query', pattern: '/query' },
];

export function page(path: string): Match<PageName> | undefined {
  return matchPath(routes, path);
}

// Some pages take `params`, some nothing.
export type PageComponent = Component<any>;

// Pages behind the login, each its own chunk.
export const loaders: Record<Exclude<PageName, 'login' | 'home'>, () => Promise<{ default: PageComponent }>> = {
  alerts: () => import('../pages/Alerts.svelte'),
  alert: () => import('../pages/Alert.svelte'),
  devices: () => import('../pages/Devices.svelte'),
  device: () => import('../pages/Device.svelte'),
  query: () => import('../pages/Query.svelte'),
};

export const href = {
  alert: (id: string) => `/alerts/${encodeURIComponent(id)}`,
  device: (id: string) => `/devices/${encodeURIComponent(id)}`,
  deviceAlerts: (id: string) => `/alerts?device=${encodeURIComponent(id)}`,
  query: (text: string) => `/query?q=${encodeURIComponent(text.trim())}`,
};
