// The tables about devices and about the workspace itself.
#include "store/catalogue.h"

namespace store {

using kql::Type;

// Source: Azure Monitor, table SecurityRecommendation.
const TableDefinition& recommendation_table() {
  static const TableDefinition table{
      .name = "SecurityRecommendation",
      .relation = "recommendation",
      .description =
          "What should be set up differently; a further row of the same RecommendationId and "
          "device is its later state.",
      .stored = {{"TimeGenerated", Storage::Ticks},
                 {"DeviceId", Storage::Text},
                 {"RecommendationId", Storage::Text},
                 {"RecommendationName", Storage::Text},
                 {"RecommendationDisplayName", Storage::Text},
                 {"RecommendationSeverity", Storage::Text},
                 {"RecommendationState", Storage::Text},
                 {"Description", Storage::Text},
                 {"PolicyDefinitionId", Storage::Text},
                 {"DiscoveredTimeUTC", Storage::Ticks},
                 {"FirstEvaluationDate", Storage::Ticks},
                 {"StatusChangeDate", Storage::Ticks},
                 {"ResolvedTimeUTC", Storage::Ticks},
                 {"RecommendationAdditionalData", Storage::Json},
                 {"Properties", Storage::Json}},
      .visible = {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
                  {"DeviceId", Type::String, "DeviceId"},
                  {"RecommendationId", Type::String, "RecommendationId"},
                  {"RecommendationName", Type::String, "RecommendationName"},
                  {"RecommendationDisplayName", Type::String, "RecommendationDisplayName"},
                  {"RecommendationSeverity", Type::String, "RecommendationSeverity"},
                  {"RecommendationState", Type::String, "RecommendationState"},
                  {"Description", Type::String, "Description"},
                  {"RecommendationAdditionalData", Type::Dynamic, "RecommendationAdditionalData"},
                  {"Properties", Type::Dynamic, "Properties"},
                  {"AssessedResourceId", Type::String, "{resource}"},
                  {"PolicyDefinitionId", Type::String, "PolicyDefinitionId"},
                  {"DiscoveredTimeUTC", Type::DateTime, "nullif(DiscoveredTimeUTC, 0)"},
                  {"FirstEvaluationDate", Type::DateTime, "nullif(FirstEvaluationDate, 0)"},
                  {"StatusChangeDate", Type::DateTime, "nullif(StatusChangeDate, 0)"},
                  {"ResolvedTimeUTC", Type::DateTime, "nullif(ResolvedTimeUTC, 0)"},
                  {"IsSnapshot", Type::Bool, "false"},
                  {"ProviderName", Type::String, "'IoTSecurity'"},
                  {"Environment", Type::String, "''"},
                  {"ResourceRegion", Type::String, "''"},
                  {"TenantId", Type::String, "{tenant}"},
                  {"SourceSystem", Type::String, "'Vedette'"},
                  {"Type", Type::String, "'SecurityRecommendation'"}}};
  return table;
}

namespace {

std::vector<ViewColumn> twin_columns(std::string_view type) {
  return {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
          {"DeviceId", Type::String, "DeviceId"},
          {"ModuleId", Type::String, "ModuleId"},
          {"Operation", Type::String, "Operation"},
          {"ChangedParts", Type::String, "ChangedParts"},
          {"ChangedBy", Type::String, "ChangedBy"},
          {"Tags", Type::Dynamic, "Tags"},
          {"Desired", Type::Dynamic, "Desired"},
          {"Reported", Type::Dynamic, "Reported"},
          {"Version", Type::Long, "Version"},
          {"DesiredVersion", Type::Long, "DesiredVersion"},
          {"ReportedVersion", Type::Long, "ReportedVersion"},
          {"Etag", Type::String, "Etag"},
          {"GenerationId", Type::String, "GenerationId"},
          {"ResourceId", Type::String, "{resource}"},
          {"TenantId", Type::String, "{tenant}"},
          {"SourceSystem", Type::String, "'Vedette'"},
          {"Type", Type::String, type}};
}

}  // namespace

const TableDefinition& twin_table() {
  static const TableDefinition table{
      .name = "DeviceTwins",
      .relation = "device_twin",
      .description =
          "Twins of devices and modules, a row for each change with the whole twin after it.",
      .stored = {{"ChangeId", Storage::Long},
                 {"TimeGenerated", Storage::Ticks},
                 {"DeviceId", Storage::Text},
                 {"ModuleId", Storage::Text},
                 {"GenerationId", Storage::Text},
                 {"Operation", Storage::Text},
                 {"ChangedParts", Storage::Text},
                 {"ChangedBy", Storage::Text},
                 {"Etag", Storage::Text},
                 {"Version", Storage::Long},
                 {"DesiredVersion", Storage::Long},
                 {"ReportedVersion", Storage::Long},
                 {"Tags", Storage::Json},
                 {"Desired", Storage::Json},
                 {"Reported", Storage::Json}},
      .visible = twin_columns("'DeviceTwins'"),
      .piece_order = "DeviceId, ModuleId, ChangeId"};
  return table;
}

const TableDefinition& current_twin_table() {
  static const TableDefinition table{
      .name = "DeviceTwinsCurrent",
      .relation = "device_twin",
      .description = "Twins as they are now: the last row of DeviceTwins for each that exists.",
      .stored = {},
      .visible = twin_columns("'DeviceTwinsCurrent'"),
      // A device that is deleted takes its modules with it.
      .source =
          "(SELECT *, max(CASE WHEN ModuleId = '' AND Operation = 'deleted' THEN ChangeId "
          "END) OVER (PARTITION BY DeviceId) AS Gone FROM device_twin QUALIFY row_number() "
          "OVER (PARTITION BY DeviceId, ModuleId ORDER BY ChangeId DESC) = 1) "
          "WHERE Operation <> 'deleted' AND ChangeId > coalesce(Gone, 0)"};
  return table;
}

// Source of the names: Azure Monitor, table Usage.
const TableDefinition& usage_table() {
  static const TableDefinition table{
      .name = "Usage",
      .relation = "usage_sum",
      .description =
          "What was stored on each day, by table, device and event type: rows and bytes as they "
          "came.",
      .stored = {{"Day", Storage::Ticks},
                 {"LastTime", Storage::Ticks},
                 {"DataType", Storage::Text},
                 {"DeviceId", Storage::Text},
                 {"EventType", Storage::Text},
                 {"RowCount", Storage::Long},
                 {"ByteCount", Storage::Long},
                 {"Merged", Storage::Boolean}},
      .visible = {{"TimeGenerated", Type::DateTime, "LastTime"},
                  {"StartTime", Type::DateTime, "Day"},
                  {"EndTime", Type::DateTime, "Day + 864000000000"},
                  {"DataType", Type::String, "DataType"},
                  {"DeviceId", Type::String, "DeviceId"},
                  {"EventType", Type::String, "EventType"},
                  {"RowCount", Type::Long, "RowCount"},
                  {"ByteCount", Type::Long, "ByteCount"},
                  {"Quantity", Type::Real, "ByteCount / 1e6"},
                  {"QuantityUnit", Type::String, "'MBytes'"},
                  {"IsBillable", Type::Bool, "true"},
                  {"Solution", Type::String, "'Vedette'"},
                  {"Computer", Type::String, "DeviceId"},
                  {"ResourceUri", Type::String, "{resource}"},
                  {"TenantId", Type::String, "{tenant}"},
                  {"SourceSystem", Type::String, "'Vedette'"},
                  {"Type", Type::String, "'Usage'"}},
      // A day goes as a whole: some of its sums would be wrong ones.
      .age_by = "(Day + 863999999999)",
      .source =
          "(SELECT Day, max(LastTime) AS LastTime, DataType, DeviceId, EventType, "
          "CAST(sum(RowCount) AS BIGINT) AS RowCount, CAST(sum(ByteCount) AS BIGINT) AS "
          "ByteCount FROM usage_sum GROUP BY Day, DataType, DeviceId, EventType)"};
  return table;
}

}  // namespace store
