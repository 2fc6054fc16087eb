#include "store/catalogue.h"

namespace store {
namespace {

using kql::Type;

constexpr std::string_view kText = "''";

kql::Table table_of(const TableDefinition& definition) {
  kql::Table table;
  table.name = definition.name;
  table.relation = definition.name;
  table.description = definition.description;
  for (const ViewColumn& column : definition.visible) {
    table.columns.push_back({std::string(column.name), column.type});
  }
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
  static const TableDefinition kTable{
      .name = "SecurityIoTRawEvent",
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
                  {"EventDetails", Type::String, "EventDetails"},
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
                  {"_BilledSize", Type::Real, "CAST(strlen(EventDetails) AS DOUBLE)"},
                  {"_IsBillable", Type::String, "'false'"}}};
  return kTable;
}

const TableDefinition& alert_table() {
  static const TableDefinition kTable{
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
                  {"ProviderName", Type::String, "'IoTSecurity'"},
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
                  {"ProductName", Type::String, "'Vedette'"},
                  {"ProductComponentName", Type::String, "'Hub'"},
                  {"AlertLink", Type::String, "AlertLink"},
                  {"Status", Type::String, "Status"},
                  {"CompromisedEntity", Type::String, "CompromisedEntity"},
                  {"Tactics", Type::String, "Tactics"},
                  {"Techniques", Type::String, "Techniques"},
                  {"SubTechniques", Type::String, kText},
                  {"WorkspaceSubscriptionId", Type::String, kText},
                  {"WorkspaceResourceGroup", Type::String, kText},
                  {"TenantId", Type::String, "{tenant}"},
                  {"SourceSystem", Type::String, "'Vedette'"},
                  {"Type", Type::String, "'SecurityAlert'"}}};
  return kTable;
}

const TableDefinition& operation_table() {
  static const TableDefinition kTable{
      .name = "IoTHubOperations",
      .relation = "operation",
      .description = "What happened at the hub: connections, refusals, changes of identities.",
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
                 {"Properties", Storage::Json}},
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
                  {"Bytes", Type::Long, "Bytes"},
                  {"DurationMs", Type::Long, "DurationMs"},
                  {"CorrelationId", Type::String, "CorrelationId"},
                  {"Identity", Type::String, "Identity"},
                  {"Properties", Type::Dynamic, "Properties"},
                  {"ResourceId", Type::String, "{resource}"},
                  {"TenantId", Type::String, "{tenant}"},
                  {"SourceSystem", Type::String, "'Vedette'"},
                  {"Type", Type::String, "'IoTHubOperations'"}}};
  return kTable;
}

const kql::Catalogue& catalogue() {
  static const kql::Catalogue kCatalogue(
      {table_of(raw_event_table()), table_of(alert_table()), table_of(operation_table())});
  return kCatalogue;
}

}  // namespace store
