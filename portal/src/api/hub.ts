// One function per endpoint that the portal uses.
import { call, searchString } from './client';
import type {
  AdvisoryBundles,
  AdvisoryImport,
  Alert,
  AlertBulkResult,
  AlertChange,
  AlertGroup,
  AlertPlan,
  AlertPredicate,
  AlertStatus,
  AlertSummary,
  AnalyticsRule,
  AnalyticsTrial,
  Assessment,
  CustomAlert,
  CustomAlertDraft,
  CustomAlertList,
  CustomAlertPreview,
  CustomAlertType,
  Completion,
  Device,
  DeviceNetwork,
  DeviceVulnerabilities,
  DeviceVulnerability,
  ExceptionPreview,
  GroupScore,
  Hold,
  HoldDraft,
  HubStatus,
  NetworkAsset,
  NetworkAssetDetail,
  NetworkConversations,
  Page,
  Hunt,
  QueryResult,
  RelatedAlert,
  Recommendation,
  RecommendationException,
  RecommendationExceptionDraft,
  RecommendationItem,
  RecommendationState,
  Retention,
  RetentionOutcome,
  RetentionPlan,
  RuleCondition,
  RuleDetail,
  RulePage,
  RuleState,
  RuleText,
  SavedQuery,
  SavedQueryDraft,
  Score,
  Severity,
  Session,
  Suppression,
  SuppressionPreview,
  SuppressionScope,
  Table,
  UsageBy,
  UsageSums,
  Validation,
  Vulnerability,
  VulnerabilityDetail,
  VulnerabilitySeverity,
} from './types';

const segment = encodeURIComponent;

export interface AlertFilter {
  status?: AlertStatus | 'open';
  severity?: Severity;
  device?: string;
  rule?: string;
  assignee?: string;
  hidden?: 'exclude' | 'only' | 'include';
  suppression?: string;
  search?: string;
  limit?: number;
  cursor?: string;
}

export interface SuppressionDraft {
  name: string;
  reason: string;
  scope: SuppressionScope;
  expires: string;
  closeOpen?: boolean;
}

// Limits to try; what is left out is as it is.
export interface TriedLimits {
  table?: string | undefined;
  maxAge?: string | undefined;
  maxBytes?: number | undefined;
  diskMax?: number | undefined;
}

export interface NetworkFilter {
  search?: string;
  type?: string;
  level?: number | undefined;
  limit?: number;
  cursor?: string;
}

export interface VulnerabilityFilter {
  fix?: 'available' | 'none' | undefined;
  severity?: VulnerabilitySeverity | undefined;
  all?: boolean;
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
  changeAlert: (id: string, change: AlertChange) => call<Alert>('PATCH', `/alerts/${segment(id)}`, { body: change }),
  relatedAlerts: (id: string, signal?: AbortSignal) =>
    call<{ items: RelatedAlert[] }>('GET', `/alerts/${segment(id)}/related`, { query: { limit: 20 }, signal }),
  alertGroups: (by: string, filter: AlertFilter, signal?: AbortSignal) =>
    call<{ items: AlertGroup[] }>('GET', '/alerts/counts', { query: { by, ...filter }, signal }),
  assignees: () => call<{ items: { name: string }[] }>('GET', '/alerts/assignees'),
  // Where a browser gets the alerts of a filter as CSV.
  alertsCsv: (filter: AlertFilter) => `/api/v1/alerts/export${searchString({ ...filter })}`,
  // What a change of many would touch; only the plan's token carries it out.
  planAlerts: (filter: AlertPredicate, change: AlertChange) =>
    call<AlertPlan>('POST', '/alerts/bulk/test', { body: { filter, change } }),
  changeAlerts: (token: string) => call<AlertBulkResult>('POST', '/alerts/bulk', { body: { token } }),

  suppressions: (signal?: AbortSignal) => call<{ items: Suppression[] }>('GET', '/suppressions', { signal }),
  testSuppression: (scope: SuppressionScope, signal?: AbortSignal) =>
    call<SuppressionPreview>('POST', '/suppressions/test', { body: { scope }, signal }),
  suppress: (draft: SuppressionDraft) => call<Suppression>('POST', '/suppressions', { body: draft }),
  enableSuppression: (all: Suppression, enabled: boolean) =>
    call<Suppression>('PUT', `/suppressions/${segment(all.id)}`, {
      body: { name: all.name, reason: all.reason, owner: all.owner, scope: all.scope, expires: all.expires, enabled },
    }),
  deleteSuppression: (id: string, restore: boolean) =>
    call<void>('DELETE', `/suppressions/${segment(id)}`, { query: { restore } }),

  devices: (filter: { search?: string; limit?: number; cursor?: string }, signal?: AbortSignal) =>
    call<Page<Device>>('GET', '/devices', { query: { ...filter }, signal }),
  device: (id: string, signal?: AbortSignal) => call<Device>('GET', `/devices/${segment(id)}`, { signal }),

  recommendations: (filter: { group?: string }, signal?: AbortSignal) =>
    call<Page<Recommendation>>('GET', '/recommendations', { query: { ...filter }, signal }),
  recommendation: (name: string, signal?: AbortSignal) =>
    call<Recommendation>('GET', `/recommendations/${segment(name)}`, { signal }),
  recommendationDevices: (
    name: string,
    filter: { state?: RecommendationState; search?: string; item?: string; limit?: number; cursor?: string },
    signal?: AbortSignal,
  ) => call<Page<Assessment>>('GET', `/recommendations/${segment(name)}/devices`, { query: { ...filter }, signal }),
  recommendationItems: (name: string, signal?: AbortSignal) =>
    call<Page<RecommendationItem>>('GET', `/recommendations/${segment(name)}/items`, { query: { limit: 200 }, signal }),
  score: (filter: { group?: string }, signal?: AbortSignal) =>
    call<Score>('GET', '/score', { query: { ...filter }, signal }),
  groupScores: (signal?: AbortSignal) => call<Page<GroupScore>>('GET', '/score/groups', { signal }),
  recommendationExceptions: (signal?: AbortSignal) =>
    call<Page<RecommendationException>>('GET', '/recommendation-exceptions', { signal }),
  testRecommendationException: (draft: RecommendationExceptionDraft, signal?: AbortSignal) =>
    call<ExceptionPreview>('POST', '/recommendation-exceptions/test', { body: draft, signal }),
  createRecommendationException: (draft: RecommendationExceptionDraft) =>
    call<RecommendationException>('POST', '/recommendation-exceptions', { body: draft }),
  deleteRecommendationException: (id: string) =>
    call<void>('DELETE', `/recommendation-exceptions/${segment(id)}`),

  networkAssets: (filter: NetworkFilter, signal?: AbortSignal) =>
    call<Page<NetworkAsset>>('GET', '/network/assets', { query: { ...filter }, signal }),
  networkAsset: (id: string, signal?: AbortSignal) => call<NetworkAssetDetail>('GET', `/network/assets/${segment(id)}`, { signal }),
  networkConversations: (id: string, limit: number, signal?: AbortSignal) =>
    call<NetworkConversations>('GET', `/network/assets/${segment(id)}/conversations`, { query: { limit }, signal }),
  deviceNetwork: (id: string, limit: number, signal?: AbortSignal) =>
    call<DeviceNetwork>('GET', `/devices/${segment(id)}/network`, { query: { limit }, signal }),
  vulnerabilities: (filter: VulnerabilityFilter, signal?: AbortSignal) =>
    call<Page<Vulnerability>>('GET', '/vulnerabilities', { query: { ...filter }, signal }),
  vulnerability: (name: string, signal?: AbortSignal) =>
    call<VulnerabilityDetail>('GET', `/vulnerabilities/${segment(name)}`, { signal }),
  vulnerableDevices: (name: string, slice: { limit?: number; cursor?: string }, signal?: AbortSignal) =>
    call<Page<DeviceVulnerability>>('GET', `/vulnerabilities/${segment(name)}/devices`, { query: { ...slice }, signal }),
  deviceVulnerabilities: (id: string, filter: VulnerabilityFilter, signal?: AbortSignal) =>
    call<DeviceVulnerabilities>('GET', `/devices/${segment(id)}/vulnerabilities`, { query: { ...filter }, signal }),
  advisoryBundles: (signal?: AbortSignal) => call<AdvisoryBundles>('GET', '/advisory-bundles', { signal }),
  deleteAdvisoryBundle: (name: string) => call<void>('DELETE', `/advisory-bundles/${segment(name)}`),
  // A bundle comes in pieces, in order; then the hub reads it.
  beginAdvisoryUpload: (bundle: string) => call<AdvisoryImport>('POST', '/advisory-uploads', { body: { bundle } }),
  putAdvisoryPiece: (id: string, offset: number, piece: Blob, signal?: AbortSignal) =>
    call<AdvisoryImport>('PUT', `/advisory-uploads/${segment(id)}`, { query: { offset }, body: piece, signal }),
  importAdvisoryUpload: (id: string) => call<AdvisoryImport>('POST', `/advisory-uploads/${segment(id)}/import`),
  abandonAdvisoryUpload: (id: string) => call<void>('DELETE', `/advisory-uploads/${segment(id)}`),

  retention: (signal?: AbortSignal) => call<Retention>('GET', '/retention', { signal }),
  planRetention: (limits: TriedLimits, signal?: AbortSignal) =>
    call<RetentionPlan>('GET', '/retention/plan', { query: { ...limits }, signal }),
  applyRetention: () => call<RetentionOutcome>('POST', '/retention/apply'),
  usage: (
    filter: { by: UsageBy; from?: string; to?: string; table?: string; device?: string; limit?: number },
    signal?: AbortSignal,
  ) => call<UsageSums>('GET', '/usage', { query: { ...filter }, signal }),
  holds: (all: boolean, signal?: AbortSignal) => call<{ items: Hold[] }>('GET', '/holds', { query: { all }, signal }),
  createHold: (draft: HoldDraft) => call<Hold>('POST', '/holds', { body: draft }),
  releaseHold: (id: string, reason: string) => call<Hold>('POST', `/holds/${segment(id)}/release`, { body: { reason } }),

  rules: (filter: { search?: string; state?: RuleState | undefined; limit?: number; cursor?: string }, signal?: AbortSignal) =>
    call<RulePage>('GET', '/rules', { query: { ...filter }, signal }),
  rule: (id: string, signal?: AbortSignal) => call<RuleDetail>('GET', `/rules/${segment(id)}`, { signal }),
  setRule: (id: string, change: { enabled?: boolean; severity?: Severity | null; comment?: string }) =>
    call<RuleDetail>('PATCH', `/rules/${segment(id)}`, { body: change }),
  addRule: (text: string, comment: string) => call<RuleText>('POST', '/rules', { body: { text, comment } }),
  replaceRule: (own: RuleText, text: string, comment: string) =>
    call<RuleText>('PUT', `/rules/${segment(own.id)}`, { body: { text, comment } }),
  deleteRule: (own: RuleText) => call<void>('DELETE', `/rules/${segment(own.id)}`),
  addException: (draft: { rule: string; title: string; conditions: RuleCondition[]; comment: string }) =>
    call<RuleText>('POST', '/rule-exceptions', { body: draft }),
  previewException: (draft: { rule: string; title: string; conditions: RuleCondition[] }) =>
    call<Hunt>('POST', '/rule-exceptions/preview', { body: draft }),
  deleteException: (id: string) => call<void>('DELETE', `/rule-exceptions/${segment(id)}`),

  analyticsRules: (signal?: AbortSignal) => call<Page<AnalyticsRule>>('GET', '/analytics-rules', { signal }),
  analyticsRule: (id: string, signal?: AbortSignal) => call<AnalyticsRule>('GET', `/analytics-rules/${segment(id)}`, { signal }),
  testAnalyticsRule: (yaml: string) => call<AnalyticsTrial>('POST', '/analytics-rules/test', { body: { yaml } }),
  // With an etag one is changed; without, one is added or replaced.
  putAnalyticsRule: (id: string, yaml: string, etag?: string) =>
    call<AnalyticsRule>('PUT', `/analytics-rules/${segment(id)}`, { body: { yaml }, ...(etag === undefined ? {} : { etag }) }),
  enableAnalyticsRule: (id: string, enabled: boolean, etag: string) =>
    call<AnalyticsRule>('PUT', `/analytics-rules/${segment(id)}/enabled`, { body: { enabled }, etag }),
  runAnalyticsRule: (id: string) => call<AnalyticsRule>('POST', `/analytics-rules/${segment(id)}/run`),
  deleteAnalyticsRule: (id: string, etag: string) => call<void>('DELETE', `/analytics-rules/${segment(id)}`, { etag }),

  query: (
    query: string,
    options: { id?: string; limit?: number; parameters?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
  ) =>
    call<QueryResult>('POST', '/query', {
      body: { query, id: options.id, limit: options.limit, parameters: options.parameters },
      signal: options.signal,
    }),
  // Ends a query that was sent with that id, also one that still waits for its turn.
  cancelQuery: (id: string) => call<void>('DELETE', `/query/${segment(id)}`),
  complete: (query: string, offset: number, signal?: AbortSignal) =>
    call<Completion>('POST', '/query/complete', { body: { query, offset }, signal }),
  validate: (query: string, options: { parameters?: Readonly<Record<string, string>>; signal?: AbortSignal } = {}) =>
    call<Validation>('POST', '/query/validate', { body: { query, parameters: options.parameters }, signal: options.signal }),
  schema: (signal?: AbortSignal) => call<{ tables: Table[] }>('GET', '/query/schema', { signal }),
  savedQueries: (filter: { search?: string; limit?: number; cursor?: string }, signal?: AbortSignal) =>
    call<Page<SavedQuery>>('GET', '/queries', { query: { ...filter }, signal }),
  saveQuery: (draft: SavedQueryDraft) => call<SavedQuery>('POST', '/queries', { body: draft }),
  replaceQuery: (id: string, draft: SavedQueryDraft) => call<SavedQuery>('PUT', `/queries/${segment(id)}`, { body: draft }),
  deleteQuery: (id: string) => call<void>('DELETE', `/queries/${segment(id)}`),

  customAlerts: (signal?: AbortSignal) => call<CustomAlertList>('GET', '/custom-alerts', { signal }),
  customAlertTypes: (signal?: AbortSignal) => call<{ items: CustomAlertType[] }>('GET', '/custom-alert-types', { signal }),
  createCustomAlert: (draft: CustomAlertDraft) => call<CustomAlert>('POST', '/custom-alerts', { body: draft }),
  replaceCustomAlert: (id: string, draft: CustomAlertDraft, etag: string) =>
    call<CustomAlert>('PUT', `/custom-alerts/${segment(id)}`, { body: draft, etag }),
  deleteCustomAlert: (id: string, etag: string) => call<void>('DELETE', `/custom-alerts/${segment(id)}`, { etag }),
  previewCustomAlert: (draft: CustomAlertDraft) => call<CustomAlertPreview>('POST', '/custom-alerts/preview', { body: draft }),
};
