#include "store/catalogue.h"

#include <algorithm>

#include "store/event_functions.h"
#include "store/event_views.h"

namespace store {
namespace {

using kql::Type;

constexpr std::string_view kText = "''";

// What rows once kept in a column of its own, from the columns that hold it now. The merge drops
// what is null.
constexpr std::string_view kProperties =
    "CASE WHEN Properties <> '{}' THEN Properties ELSE json_merge_patch('{}', json_object("
    "'auth', CASE WHEN AuthScope = '' AND AuthType = '' THEN NULL ELSE json_object("
    "'scope', nullif(AuthScope, ''), 'type', nullif(AuthType, ''), "
    "'issuer', nullif(AuthIssuer, ''), 'skn', nullif(AuthPolicy, ''), "
    "'credential', nullif(CredentialHash, ''), "
    "'acceptingIpFilterRule', nullif(IpFilterRule, '')) END, "
    "'tls', CASE WHEN TlsVersion = '' THEN NULL ELSE json_object("
    "'version', TlsVersion, 'cipher', nullif(TlsCipher, '')) END, "
    "'meterUnits', nullif(MeterUnits, 0))) END";

// As resource logs have it: a text of JSON, in which authType is a text of JSON again.
constexpr std::string_view kResourceLogProperties =
    "CAST(json_object("
    "'deviceId', DeviceId, 'moduleId', nullif(ModuleId, ''), "
    "'protocol', lower(replace(Protocol, '_', '-')), "
    "'authType', CAST(json_object('scope', AuthScope, 'type', AuthType, 'issuer', AuthIssuer, "
    "'acceptingIpFilterRule', nullif(IpFilterRule, '')) AS VARCHAR), "
    "'maskedIpAddress', CallerIpAddress, 'sdkVersion', SdkVersion, "
    "'statusCode', CAST(StatusCode AS VARCHAR), 'messageSize', CAST(Bytes AS VARCHAR)) AS VARCHAR)";

kql::Table table_of(const TableDefinition& definition) {
  kql::Table table;
  table.name = definition.name;
  table.relation = definition.name;
  table.description = definition.description;
  kql::Shredded shredded{
      .column = "EventDetails", .properties = {}, .rest = {}, .searchable = true};
  const auto property = [&](std::string_view name) -> kql::Shredded::Property& {
    const auto found = std::ranges::find(shredded.properties, name, &kql::Shredded::Property::name);
    if (found != shredded.properties.end()) return *found;
    return shredded.properties.emplace_back(std::string(name));
  };
  for (const ViewColumn& column : definition.visible) {
    const std::string name(column.name);
    switch (column.use) {
      case ColumnUse::Visible:
        table.columns.push_back({name, column.type});
        break;
      case ColumnUse::Property:
        property(name.substr(2)).type = column.type;
        property(name.substr(2)).column = name;
        break;
      case ColumnUse::PropertyTime:
        property(name.substr(2, name.size() - 3)).datetime_column = name;
        break;
      case ColumnUse::Rest:
        shredded.rest = name;
        break;
    }
  }
  if (!shredded.rest.empty()) table.shredded = std::move(shredded);
  return table;
}

}  // namespace

std::string_view sql_name(Storage storage) {
  switch (storage) {
    case Storage::Boolean:
      return "BOOLEAN";
    case Storage::Integer:
      return "INTEGER";
    case Storage::Long:
      return "BIGINT";
    case Storage::Text:
      return "VARCHAR";
    case Storage::Guid:
      return "UUID";
    case Storage::Json:
      return "JSON";
    case Storage::Ticks:
      return "BIGINT";
  }
  return "VARCHAR";
}

// Constant columns live in the view only: they take no space, and nothing is spent on storing them.
const TableDefinition& raw_event_table() {
  static const TableDefinition table = with_event_columns(
      {.name = "SecurityIoTRawEvent",
       .relation = "raw_event",
       .description = "What agents report, one row for each item of an event's payload.",
       .stored = {{"TimeGenerated", Storage::Ticks},
                  {"TimeStamp", Storage::Ticks},
                  {"DeviceId", Storage::Text},
                  {"ModuleId", Storage::Text},
                  {"AgentVersion", Storage::Text},
                  {"AgentId", Storage::Guid},
                  {"EventId", Storage::Guid},
                  {"Item", Storage::Integer},
                  {"RawEventName", Storage::Text},
                  {"RawEventCategory", Storage::Text},
                  {"RawEventType", Storage::Text},
                  {"IsEmpty", Storage::Boolean},
                  {"EventDetails", Storage::Text}},
       .visible = {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
                   {"TimeStamp", Type::DateTime, "TimeStamp"},
                   {"DeviceId", Type::String, "DeviceId"},
                   {"ModuleId", Type::String, "ModuleId"},
                   {"RawEventName", Type::String, "RawEventName"},
                   {"RawEventCategory", Type::String, "RawEventCategory"},
                   {"RawEventType", Type::String, "RawEventType"},
                   {"EventDetails", Type::String, event_details_call()},
                   {"IsEmpty", Type::Bool, "IsEmpty"},
                   {"IoTRawEventId", Type::String, "CAST(EventId AS VARCHAR)"},
                   {"AgentVersion", Type::String, "AgentVersion"},
                   {"AgentId", Type::String, "CAST(AgentId AS VARCHAR)"},
                   {"AssociatedResourceId", Type::String, "{resource}"},
                   {"AzureSubscriptionId", Type::String, kText},
                   {"TenantId", Type::String, "{tenant}"},
                   {"SourceSystem", Type::String, "'Vedette'"},
                   {"Type", Type::String, "'SecurityIoTRawEvent'"},
                   {"_ResourceId", Type::String, "{resource}"},
                   {"_BilledSize", Type::Real, billed_size_expression()},
                   {"_IsBillable", Type::String, "'false'"}},
       // Values of one type are alike, and most questions are about one: a row group has rows of
       // one type, and of those a device's stand together.
       .piece_order = "RawEventName, DeviceId, TimeStamp, EventId, Item",
       .divided_by = "DeviceId"});
  return table;
}

const TableDefinition& alert_table() {
  static const TableDefinition table{
      .name = "SecurityAlert",
      .relation = "alert",
      .description = "Alerts; a further row of the same SystemAlertId is the alert's later state.",
      .stored = {{"TimeGenerated", Storage::Ticks},
                 {"StartTime", Storage::Ticks},
                 {"EndTime", Storage::Ticks},
                 {"ProcessingEndTime", Storage::Ticks},
                 {"SystemAlertId", Storage::Text},
                 {"AlertType", Storage::Text},
                 {"DisplayName", Storage::Text},
                 {"AlertSeverity", Storage::Text},
                 {"Description", Storage::Text},
                 {"Status", Storage::Text},
                 {"CompromisedEntity", Storage::Text},
                 {"Tactics", Storage::Text},
                 {"Techniques", Storage::Text},
                 {"ConfidenceLevel", Storage::Text},
                 {"AlertLink", Storage::Text},
                 {"RemediationSteps", Storage::Text},
                 {"ExtendedProperties", Storage::Text},
                 {"Entities", Storage::Text}},
      .visible = {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
                  {"DisplayName", Type::String, "DisplayName"},
                  {"AlertName", Type::String, "DisplayName"},
                  {"AlertSeverity", Type::String, "AlertSeverity"},
                  {"Description", Type::String, "Description"},
                  // Alerts of analytic rules under their own names, as Sentinel has it: so that a
                  // rule over the alerts of devices does not find what it has raised.
                  {"ProviderName", Type::String,
                   "CASE WHEN starts_with(AlertType, 'analytics_') THEN 'ASI Scheduled Alerts' "
                   "ELSE 'IoTSecurity' END"},
                  {"VendorName", Type::String, "'Vedette'"},
                  {"VendorOriginalId", Type::String, "SystemAlertId"},
                  {"SystemAlertId", Type::String, "SystemAlertId"},
                  {"ResourceId", Type::String, "{resource}"},
                  {"SourceComputerId", Type::String, kText},
                  {"AlertType", Type::String, "AlertType"},
                  {"ConfidenceLevel", Type::String, "ConfidenceLevel"},
                  {"ConfidenceScore", Type::Real, "CAST(NULL AS DOUBLE)"},
                  {"IsIncident", Type::Bool, "false"},
                  {"StartTime", Type::DateTime, "StartTime"},
                  {"EndTime", Type::DateTime, "EndTime"},
                  {"ProcessingEndTime", Type::DateTime, "ProcessingEndTime"},
                  {"RemediationSteps", Type::String, "RemediationSteps"},
                  {"ExtendedProperties", Type::String, "ExtendedProperties"},
                  {"Entities", Type::String, "Entities"},
                  {"ExtendedLinks", Type::String, kText},
                  // What the queries and rules in the field ask for.
                  {"ProductName", Type::String,
                   "CASE WHEN starts_with(AlertType, 'analytics_') THEN 'Azure Sentinel' "
                   "ELSE 'Azure Security Center for IoT' END"},
                  {"ProductComponentName", Type::String, "'Hub'"},
                  {"AlertLink", Type::String, "AlertLink"},
                  {"Status", Type::String, "Status"},
                  {"CompromisedEntity", Type::String, "CompromisedEntity"},
                  {"Tactics", Type::String, "Tactics"},
                  {"Techniques", Type::String, "Techniques"},
                  {"SubTechniques", Type::String,
                   "'[' || array_to_string(regexp_extract_all(\"Techniques\", "
                   "'\"T[0-9]+[.][0-9]+\"'), ',') || ']'"},
                  {"WorkspaceSubscriptionId", Type::String, kText},
                  {"WorkspaceResourceGroup", Type::String, kText},
                  {"TenantId", Type::String, "{tenant}"},
                  {"SourceSystem", Type::String, "'Vedette'"},
                  {"Type", Type::String, "'SecurityAlert'"}},
      .piece_order = "TimeGenerated, SystemAlertId"};
  return table;
}

const TableDefinition& operation_table() {
  static const TableDefinition table{
      .name = "IoTHubOperations",
      .relation = "operation",
      .description = "What happened at the hub: connections, refusals, messages, changes.",
      .stored = {{"TimeGenerated", Storage::Ticks},
                 {"Category", Storage::Text},
                 {"OperationName", Storage::Text},
                 {"Level", Storage::Text},
                 {"StatusCode", Storage::Integer},
                 {"SubCode", Storage::Long},
                 {"Reason", Storage::Text},
                 {"ResultDescription", Storage::Text},
                 {"DeviceId", Storage::Text},
                 {"ModuleId", Storage::Text},
                 {"GenerationId", Storage::Text},
                 {"Protocol", Storage::Text},
                 {"CallerIpAddress", Storage::Text},
                 {"SdkVersion", Storage::Text},
                 {"Bytes", Storage::Long},
                 {"DurationMs", Storage::Long},
                 {"CorrelationId", Storage::Text},
                 {"Identity", Storage::Text},
                 {"Properties", Storage::Json},
                 {"MeterUnits", Storage::Long, "0"},
                 {"Count", Storage::Long, "1"},
                 {"SecurityMessages", Storage::Long, "0"},
                 {"SmallSecurityMessages", Storage::Long, "0"},
                 {"AuthScope", Storage::Text, kText},
                 {"AuthType", Storage::Text, kText},
                 {"AuthIssuer", Storage::Text, kText},
                 {"AuthPolicy", Storage::Text, kText},
                 {"CredentialHash", Storage::Text, kText},
                 {"IpFilterRule", Storage::Text, kText},
                 {"TlsVersion", Storage::Text, kText},
                 {"TlsCipher", Storage::Text, kText}},
      .visible = {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
                  {"Category", Type::String, "Category"},
                  {"OperationName", Type::String, "OperationName"},
                  {"Level", Type::String, "Level"},
                  {"StatusCode", Type::Int, "StatusCode"},
                  {"SubCode", Type::Long, "SubCode"},
                  {"Reason", Type::String, "Reason"},
                  {"ResultDescription", Type::String, "ResultDescription"},
                  {"DeviceId", Type::String, "DeviceId"},
                  {"ModuleId", Type::String, "ModuleId"},
                  {"GenerationId", Type::String, "GenerationId"},
                  {"Protocol", Type::String, "Protocol"},
                  {"CallerIpAddress", Type::String, "CallerIpAddress"},
                  {"SdkVersion", Type::String, "SdkVersion"},
                  {"TlsVersion", Type::String, "TlsVersion"},
                  {"TlsCipher", Type::String, "TlsCipher"},
                  {"AuthScope", Type::String, "AuthScope"},
                  {"AuthType", Type::String, "AuthType"},
                  {"AuthIssuer", Type::String, "AuthIssuer"},
                  {"AuthPolicy", Type::String, "AuthPolicy"},
                  {"CredentialHash", Type::String, "CredentialHash"},
                  {"IpFilterRule", Type::String, "IpFilterRule"},
                  {"Count", Type::Long, "Count"},
                  {"Bytes", Type::Long, "Bytes"},
                  {"MeterUnits", Type::Long, "MeterUnits"},
                  {"SecurityMessages", Type::Long, "SecurityMessages"},
                  {"SmallSecurityMessages", Type::Long, "SmallSecurityMessages"},
                  {"DurationMs", Type::Long, "DurationMs"},
                  {"CorrelationId", Type::String, "CorrelationId"},
                  {"Identity", Type::String, "Identity"},
                  {"Properties", Type::Dynamic, kProperties},
                  {"ResourceId", Type::String, "{resource}"},
                  {"TenantId", Type::String, "{tenant}"},
                  {"SourceSystem", Type::String, "'Vedette'"},
                  {"Type", Type::String, "'IoTHubOperations'"}},
      .piece_order = "DeviceId, TimeGenerated"};
  return table;
}

const TableDefinition& telemetry_table() {
  static const TableDefinition table{
      .name = "DeviceTelemetry",
      .relation = "telemetry",
      .description =
          "Messages of devices that are no security messages, where hub.toml says to store them.",
      .stored = {{"TimeGenerated", Storage::Ticks},
                 {"DeviceId", Storage::Text},
                 {"ModuleId", Storage::Text},
                 {"MessageId", Storage::Text},
                 {"ContentType", Storage::Text},
                 {"ContentEncoding", Storage::Text},
                 {"SystemProperties", Storage::Json},
                 {"Properties", Storage::Json},
                 {"BodyEncoding", Storage::Text},
                 {"Body", Storage::Text}},
      .visible = {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
                  {"DeviceId", Type::String, "DeviceId"},
                  {"ModuleId", Type::String, "ModuleId"},
                  {"MessageId", Type::String, "MessageId"},
                  {"ContentType", Type::String, "ContentType"},
                  {"ContentEncoding", Type::String, "ContentEncoding"},
                  {"SystemProperties", Type::Dynamic, "SystemProperties"},
                  {"Properties", Type::Dynamic, "Properties"},
                  {"BodyEncoding", Type::String, "BodyEncoding"},
                  {"Body", Type::String, "Body"},
                  {"ResourceId", Type::String, "{resource}"},
                  {"TenantId", Type::String, "{tenant}"},
                  {"SourceSystem", Type::String, "'Vedette'"},
                  {"Type", Type::String, "'DeviceTelemetry'"}},
      .piece_order = "DeviceId, TimeGenerated"};
  return table;
}

const TableDefinition& audit_table() {
  static const TableDefinition table{
      .name = "IoTHubAudit",
      .relation = "audit",
      .description = "Changes of how the hub is set up, made or refused, and who asked for them.",
      .stored = {{"AuditId", Storage::Long},
                 {"TimeGenerated", Storage::Ticks},
                 {"Identity", Storage::Text},
                 {"AuthenticationMethod", Storage::Text},
                 {"OperationName", Storage::Text},
                 {"Target", Storage::Text},
                 {"Result", Storage::Text},
                 {"StatusCode", Storage::Integer},
                 {"CallerIpAddress", Storage::Text},
                 {"CorrelationId", Storage::Text},
                 {"ResultDescription", Storage::Text},
                 {"Properties", Storage::Json}},
      .visible = {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
                  {"OperationName", Type::String, "OperationName"},
                  {"Category", Type::String, "split_part(OperationName, '.', 1)"},
                  {"Target", Type::String, "Target"},
                  {"ResultType", Type::String,
                   "CASE WHEN Result = 'ok' THEN 'Success' ELSE 'Failure' END"},
                  {"Result", Type::String, "Result"},
                  {"StatusCode", Type::Int, "StatusCode"},
                  {"ResultDescription", Type::String, "ResultDescription"},
                  {"Identity", Type::String, "Identity"},
                  {"AuthenticationMethod", Type::String, "AuthenticationMethod"},
                  {"CallerIpAddress", Type::String, "CallerIpAddress"},
                  {"CorrelationId", Type::String, "CorrelationId"},
                  {"Properties", Type::Dynamic, "Properties"},
                  {"AuditId", Type::Long, "AuditId"},
                  {"ResourceId", Type::String, "{resource}"},
                  {"TenantId", Type::String, "{tenant}"},
                  {"SourceSystem", Type::String, "'Vedette'"},
                  {"Type", Type::String, "'IoTHubAudit'"}},
      .piece_order = "TimeGenerated, AuditId"};
  return table;
}

// The same operations under the names of an IoT Hub's resource logs, so that queries written for
// those find what they name. Source: Azure Monitor, resource logs of Microsoft.Devices/IotHubs.
const TableDefinition& diagnostics_table() {
  static const TableDefinition table{
      .name = "AzureDiagnostics",
      .relation = "operation",
      .description =
          "IoTHubOperations under the names that Azure's resource logs give its columns.",
      .stored = {},
      .visible = {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
                  {"Category", Type::String, "Category"},
                  {"OperationName", Type::String, "OperationName"},
                  {"Level", Type::String, "Level"},
                  {"ResultType", Type::String,
                   "CAST(CASE WHEN SubCode <> 0 THEN SubCode ELSE StatusCode END AS VARCHAR)"},
                  {"ResultSignature", Type::String, "Reason"},
                  {"ResultDescription", Type::String, "ResultDescription"},
                  {"DurationMs", Type::Long, "DurationMs"},
                  {"CallerIPAddress", Type::String, "CallerIpAddress"},
                  {"CorrelationId", Type::String, "CorrelationId"},
                  {"identity_s", Type::String, "Identity"},
                  {"properties_s", Type::String, kResourceLogProperties},
                  {"location_s", Type::String, kText},
                  {"Resource", Type::String, "upper({resource})"},
                  {"ResourceId", Type::String, "{resource}"},
                  {"_ResourceId", Type::String, "lower({resource})"},
                  {"ResourceProvider", Type::String, "'MICROSOFT.DEVICES'"},
                  {"ResourceType", Type::String, "'IOTHUBS'"},
                  {"ResourceGroup", Type::String, kText},
                  {"SubscriptionId", Type::String, kText},
                  {"TenantId", Type::String, "{tenant}"},
                  {"SourceSystem", Type::String, "'Vedette'"},
                  {"Type", Type::String, "'AzureDiagnostics'"}}};
  return table;
}

std::vector<const TableDefinition*> all_tables() {
  std::vector<const TableDefinition*> all = {
      &raw_event_table(),    &alert_table(),       &operation_table(),      &telemetry_table(),
      &audit_table(),        &diagnostics_table(), &recommendation_table(), &twin_table(),
      &current_twin_table(), &usage_table(),       &defender_table(),       &agent_health_table()};
  for (const TableDefinition& view : event_views())
    all.push_back(&view);
  return all;
}

const kql::Catalogue& catalogue() {
  static const kql::Catalogue made([] {
    std::vector<kql::Table> tables;
    for (const TableDefinition* table : all_tables())
      tables.push_back(table_of(*table));
    return tables;
  }());
  return made;
}

}  // namespace store
