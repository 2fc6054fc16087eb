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
export type AlertVerdict = Schemas['AlertVerdict'];
export type AlertChange = Schemas['AlertChange'];
export type GivenVerdict = NonNullable<AlertChange['verdict']>;
export type AlertPredicate = Schemas['AlertFilter'];
export type AlertPlan = Schemas['AlertPlan'];
export type AlertBulkResult = Schemas['AlertBulkResult'];
export type AlertGroup = Schemas['AlertGroup'];
export type RelatedAlert = Schemas['RelatedAlert'];
export type Suppression = Schemas['Suppression'];
export type SuppressionScope = Schemas['SuppressionScope'];
export type SuppressionPreview = Schemas['SuppressionPreview'];
export type ConnectionState = Schemas['ConnectionState'];
export type Device = Schemas['Device'];
export type Module = Schemas['ModuleSummary'];
export type Column = Schemas['Column'];
export type ColumnType = Column['type'];
export type Diagnostic = Schemas['Diagnostic'];
export type QueryResult = Schemas['QueryResult'];
export type Render = NonNullable<QueryResult['render']>;
export type Completion = Schemas['Completion'];
export type Suggestion = Completion['items'][number];
export type Signature = NonNullable<Completion['signature']>;
export type Recommendation = Schemas['Recommendation'];
export type RecommendationState = Schemas['RecommendationState'];
export type Assessment = Schemas['Assessment'];
export type Score = Schemas['Score'];
export type RecommendationException = Schemas['RecommendationException'];
export type RecommendationExceptionDraft = Schemas['RecommendationExceptionDraft'];
export type RecommendationItem =
  operations['listRecommendationItems']['responses']['200']['content']['application/json']['items'][number];
export type GroupScore =
  operations['listGroupScores']['responses']['200']['content']['application/json']['items'][number];
export type ExceptionPreview =
  operations['testRecommendationException']['responses']['200']['content']['application/json'];
export type SavedQuery = Schemas['SavedQuery'];
export type SavedQueryDraft = Schemas['SavedQueryDraft'];
export type AnalyticsRule = Schemas['AnalyticsRule'];
export type AnalyticsTrial =
  operations['testAnalyticsRule']['responses']['200']['content']['application/json'];
export type Rule = Schemas['Rule'];
export type RuleState = Schemas['RuleState'];
export type RuleDetail = Schemas['RuleDetail'];
export type RuleText = Schemas['RuleText'];
export type RuleCondition = Schemas['RuleCondition'];
export type Hunt = Schemas['Hunt'];
export type RulePage = operations['listRules']['responses']['200']['content']['application/json'];
export type CustomAlert = Schemas['CustomAlert'];
export type CustomAlertDraft = Schemas['CustomAlertDraft'];
export type CustomAlertType = Schemas['CustomAlertType'];
export type CustomAlertPreview = Schemas['CustomAlertPreview'];
export type CustomAlertList = operations['listCustomAlerts']['responses']['200']['content']['application/json'];
export type VulnerabilitySeverity = Schemas['VulnerabilitySeverity'];
export type Vulnerability = Schemas['Vulnerability'];
export type DeviceVulnerability = Schemas['DeviceVulnerability'];
export type VulnerabilityStatus = DeviceVulnerability['status'];
export type VulnerabilityDetail =
  operations['getVulnerability']['responses']['200']['content']['application/json'];
export type Advisory = Schemas['Advisory'];
export type DeviceVulnerabilities =
  operations['listDeviceVulnerabilities']['responses']['200']['content']['application/json'];
export type AdvisoryBundle = Schemas['AdvisoryBundle'];
export type AdvisoryImport = Schemas['AdvisoryImport'];
export type AdvisoryBundles =
  operations['listAdvisoryBundles']['responses']['200']['content']['application/json'];
export type NetworkAsset = Schemas['NetworkAsset'];
export type NetworkAssetDetail = Schemas['NetworkAssetDetail'];
export type NetworkFlow = Schemas['NetworkFlow'];
export type NetworkEnd = Schemas['NetworkEnd'];
export type NetworkConversations =
  operations['listNetworkConversations']['responses']['200']['content']['application/json'];
export type DeviceNetwork = operations['getDeviceNetwork']['responses']['200']['content']['application/json'];
export type Retention = Schemas['Retention'];
export type RetentionTable = Retention['tables'][number];
export type RetentionStep = Schemas['RetentionStep'];
export type RetentionPlan = Schemas['RetentionPlan'];
export type RetentionOutcome = Schemas['RetentionOutcome'];
export type UsageSums = Schemas['UsageSums'];
export type UsageBy = NonNullable<NonNullable<operations['getUsage']['parameters']['query']>['by']>;
export type Hold = Schemas['Hold'];
export type HoldDraft = NonNullable<operations['createHold']['requestBody']>['content']['application/json'];
export type QueryParameter = Schemas['QueryParameter'];
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
export const vulnerabilitySeverities: readonly VulnerabilitySeverity[] = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'];
export const verdicts: readonly GivenVerdict[] = ['truePositive', 'benign', 'falsePositive', 'undetermined'];
