import type { Component } from 'svelte';
import { matchPath, type Match, type Route } from './router.svelte';

export type PageName =
  | 'login'
  | 'home'
  | 'alerts'
  | 'alert'
  | 'suppressions'
  | 'devices'
  | 'device'
  | 'rules'
  | 'rule'
  | 'analytics'
  | 'analyticRule'
  | 'query'
  | 'recommendations'
  | 'recommendation'
  | 'vulnerabilities'
  | 'vulnerability'
  | 'advisoryBundles'
  | 'network'
  | 'networkAsset'
  | 'customAlerts'
  | 'storage'
  | 'usage';

const routes: readonly Route<PageName>[] = [
  { name: 'home', pattern: '/' },
  { name: 'login', pattern: '/login' },
  { name: 'alerts', pattern: '/alerts' },
  { name: 'alert', pattern: '/alerts/:id' },
  { name: 'suppressions', pattern: '/suppressions' },
  { name: 'devices', pattern: '/devices' },
  { name: 'device', pattern: '/devices/:id' },
  { name: 'rules', pattern: '/rules' },
  { name: 'rule', pattern: '/rules/:id' },
  { name: 'analytics', pattern: '/analytics' },
  { name: 'analyticRule', pattern: '/analytics/:id' },
  { name: 'query', pattern: '/query' },
  { name: 'recommendations', pattern: '/recommendations' },
  { name: 'recommendation', pattern: '/recommendations/:name' },
  { name: 'vulnerabilities', pattern: '/vulnerabilities' },
  { name: 'vulnerability', pattern: '/vulnerabilities/:name' },
  { name: 'advisoryBundles', pattern: '/advisory-bundles' },
  { name: 'network', pattern: '/network' },
  { name: 'networkAsset', pattern: '/network/:id' },
  { name: 'customAlerts', pattern: '/custom-alerts' },
  { name: 'storage', pattern: '/storage' },
  { name: 'usage', pattern: '/usage' },
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
  suppressions: () => import('../pages/Suppressions.svelte'),
  devices: () => import('../pages/Devices.svelte'),
  device: () => import('../pages/Device.svelte'),
  rules: () => import('../pages/Rules.svelte'),
  rule: () => import('../pages/Rule.svelte'),
  analytics: () => import('../pages/Analytics.svelte'),
  analyticRule: () => import('../pages/AnalyticRule.svelte'),
  query: () => import('../pages/Query.svelte'),
  recommendations: () => import('../pages/Recommendations.svelte'),
  recommendation: () => import('../pages/Recommendation.svelte'),
  vulnerabilities: () => import('../pages/Vulnerabilities.svelte'),
  vulnerability: () => import('../pages/Vulnerability.svelte'),
  advisoryBundles: () => import('../pages/AdvisoryBundles.svelte'),
  network: () => import('../pages/Network.svelte'),
  networkAsset: () => import('../pages/NetworkAsset.svelte'),
  customAlerts: () => import('../pages/CustomAlerts.svelte'),
  storage: () => import('../pages/Storage.svelte'),
  usage: () => import('../pages/Usage.svelte'),
};

export const href = {
  alert: (id: string) => `/alerts/${encodeURIComponent(id)}`,
  device: (id: string) => `/devices/${encodeURIComponent(id)}`,
  rule: (id: string) => `/rules/${encodeURIComponent(id)}`,
  analyticRule: (id: string) => `/analytics/${encodeURIComponent(id)}`,
  ruleAlerts: (id: string) => `/alerts?rule=${encodeURIComponent(id)}`,
  deviceAlerts: (id: string) => `/alerts?device=${encodeURIComponent(id)}`,
  recommendation: (name: string) => `/recommendations/${encodeURIComponent(name)}`,
  // Devices that can be mended; those of one source package.
  mend: (item?: string) =>
    `/recommendations/IoT_KnownVulnerabilities${item === undefined ? '' : `?item=${encodeURIComponent(item)}`}`,
  vulnerability: (name: string) => `/vulnerabilities/${encodeURIComponent(name)}`,
  networkAsset: (id: string) => `/network/${encodeURIComponent(id)}`,
  usageOf: (table: string, days?: string) => `/usage?table=${encodeURIComponent(table)}${days === undefined ? '' : `&days=${days}`}`,
  // With values of what the query declares.
  query: (text: string, values: Readonly<Record<string, string>> = {}) =>
    [`/query?q=${encodeURIComponent(text.trim())}`, ...Object.entries(values).map((each) => `p.${each.map(encodeURIComponent).join('=')}`)].join('&'),
};
