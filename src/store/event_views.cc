#include "store/event_views.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "schema/fields.h"
#include "store/event_details.h"
#include "store/event_functions.h"
#include "store/event_upgrade.h"

namespace store {
namespace {

using kql::Type;
using schema::FieldKind;

Type type_of(FieldKind kind) {
  if (kind == FieldKind::Integer) return Type::Long;
  return kind == FieldKind::Boolean ? Type::Bool : Type::String;
}

Storage storage_of(FieldKind kind) {
  if (kind == FieldKind::Integer) return Storage::Long;
  return kind == FieldKind::Boolean ? Storage::Boolean : Storage::Text;
}

// A member of what is kept as text, as SQL. It need not be JSON where the hub did not write it.
std::string kept_text(std::string_view column, std::string_view member) {
  return fmt::format("CASE WHEN json_valid({0}) THEN json_extract_string({0}, '$.\"{1}\"') END",
                     column, member);
}

std::string typed(FieldKind kind, const std::string& text) {
  if (kind == FieldKind::Integer) return fmt::format("TRY_CAST({} AS BIGINT)", text);
  if (kind == FieldKind::Boolean) return fmt::format("TRY_CAST({} AS BOOLEAN)", text);
  return fmt::format("coalesce({}, '')", text);
}

// The field of an event, as SQL over raw_event.
std::string field_expression(const schema::Field& field) {
  const auto columns = event_columns();
  const auto found = std::ranges::find(columns, field.name, &EventColumn::field);
  if (found == columns.end() || storage_of(found->kind) != storage_of(field.kind))
    return typed(field.kind, kept_text("EventDetails", field.name));
  const bool text = type_of(field.kind) == Type::String;
  // What an event always has is never NULL in its rows, so that a comparison reaches the column.
  if (!text || field.need == schema::Need::Required) return std::string(found->column);
  return fmt::format("coalesce({}, '')", found->column);
}

constexpr std::string_view kExtraDetails =
    "CASE WHEN json_valid(EventDetails) THEN nullif(json_extract(EventDetails, '$.ExtraDetails'), "
    "'null'::JSON) END";

const std::vector<ViewColumn>& columns_of_all() {
  static const std::string hits = fmt::format(
      "greatest(1, coalesce(TRY_CAST(CASE WHEN json_valid(EventDetails) THEN "
      "json_extract_string(EventDetails, '$.ExtraDetails.HitCount') END AS BIGINT), "
      "1))");
  static const std::vector<ViewColumn> columns = {
      {"ExtraDetails", Type::Dynamic, kExtraDetails},
      {"HitCount", Type::Long, hits},
      {"IoTRawEventId", Type::String, "CAST(EventId AS VARCHAR)"},
      {"RawEventCategory", Type::String, "RawEventCategory"},
      {"RawEventType", Type::String, "RawEventType"},
      {"AgentVersion", Type::String, "AgentVersion"},
      {"AgentId", Type::String, "CAST(AgentId AS VARCHAR)"},
      {"AssociatedResourceId", Type::String, "{resource}"},
      {"TenantId", Type::String, "{tenant}"},
      {"SourceSystem", Type::String, "'Vedette'"},
      {"_ResourceId", Type::String, "{resource}"}};
  return columns;
}

// The views and the texts that they point into.
struct EventViews {
  std::deque<std::string> texts;
  std::vector<TableDefinition> views;

  std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }

  EventViews() {
    for (std::size_t event = 0; event < schema::kEventNames; ++event)
      views.push_back(view_of(schema::event_info(static_cast<schema::EventName>(event))));
  }

  TableDefinition view_of(const schema::EventInfo& info) {
    TableDefinition view;
    view.name = info.name;
    view.relation = "raw_event";
    view.source =
        keep(fmt::format("raw_event WHERE RawEventName = '{}' AND NOT IsEmpty", info.name));
    view.description =
        keep(fmt::format("Events of the type {}, one row for each item, with its "
                         "fields as columns.",
                         info.name));
    view.visible = {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
                    {"TimeStamp", Type::DateTime, "TimeStamp"},
                    {"DeviceId", Type::String, "DeviceId"},
                    {"ModuleId", Type::String, "ModuleId"}};
    for (const schema::Field& field : info.fields)
      view.visible.push_back({field.name, type_of(field.kind), keep(field_expression(field))});
    std::vector<ViewColumn> others = columns_of_all();
    others.push_back({"Type", Type::String, keep(fmt::format("'{}'", info.name))});
    // As Log Analytics' Heartbeat has them.
    if (info.name == "Heartbeat") {
      others.push_back({"Computer", Type::String, "DeviceId"});
      others.push_back({"Version", Type::String, "AgentVersion"});
      others.push_back({"Category", Type::String, "'Vedette Agent'"});
    }
    for (const ViewColumn& column : others) {
      if (std::ranges::find(view.visible, column.name, &ViewColumn::name) == view.visible.end())
        view.visible.push_back(column);
    }
    return view;
  }
};

const EventViews& made_views() {
  static const EventViews made;
  return made;
}

// The hidden columns of a view that has EventDetails.
struct HiddenColumns {
  std::deque<std::string> names;
  std::vector<ViewColumn> columns;

  HiddenColumns() {
    for (const EventColumn& column : event_columns()) {
      columns.push_back({names.emplace_back(fmt::format("$.{}", column.field)),
                         type_of(column.kind), column.column, ColumnUse::Property});
    }
    columns.push_back({"$.TimestampLocal", Type::String,
                       "event_time(TimeStamp, DetailsForm, WrittenLocal, true)",
                       ColumnUse::Property});
    columns.push_back({"$.TimestampLocal@", Type::DateTime,
                       "event_instant(TimeStamp, DetailsForm, WrittenLocal, true)",
                       ColumnUse::PropertyTime});
    columns.push_back({"$.TimestampUTC", Type::String,
                       "event_time(TimeStamp, DetailsForm, WrittenUtc, false)",
                       ColumnUse::Property});
    columns.push_back({"$.TimestampUTC@", Type::DateTime,
                       "event_instant(TimeStamp, DetailsForm, WrittenUtc, false)",
                       ColumnUse::PropertyTime});
    columns.push_back({"$", Type::String, "EventDetails", ColumnUse::Rest});
  }
};

// The stored columns that follow from EventDetails.
struct DerivedColumns {
  std::deque<std::string> expressions;
  std::vector<StoredColumn> columns;

  DerivedColumns() {
    const auto add = [this](std::string_view name, Storage storage, std::string derived) {
      columns.push_back({name, storage, "NULL", expressions.emplace_back(std::move(derived))});
    };
    for (const EventColumn& column : event_columns())
      add(column.column, storage_of(column.kind), derived_field_sql(column));
    add("WrittenLocal", Storage::Text, derived_time_sql("TimestampLocal"));
    add("WrittenUtc", Storage::Text, derived_time_sql("TimestampUTC"));
  }
};

}  // namespace

TableDefinition with_event_columns(TableDefinition table) {
  static const HiddenColumns hidden;
  static const DerivedColumns derived;
  if (!table.stored.empty()) {
    table.stored.push_back({"DetailsForm", Storage::Integer, "NULL"});
    table.stored.insert(table.stored.end(), derived.columns.begin(), derived.columns.end());
  }
  table.visible.insert(table.visible.end(), hidden.columns.begin(), hidden.columns.end());
  return table;
}

const std::string& billed_size_expression() {
  static const std::string expression =
      fmt::format("CAST(strlen({}) AS DOUBLE)", event_details_call());
  return expression;
}

const std::vector<TableDefinition>& event_views() {
  return made_views().views;
}

const TableDefinition& defender_table() {
  static const std::string details =
      fmt::format("CASE WHEN json_valid({0}) THEN CAST({0} AS JSON) ELSE to_json({0}) END",
                  event_details_call());
  static const TableDefinition table = with_event_columns(
      {.name = "DefenderIoTRawEvent",
       .relation = "raw_event",
       .description = "What agents report, as SecurityIoTRawEvent has it, with EventDetails as a "
                      "dynamic value.",
       .stored = {},
       .visible = {{"TimeGenerated", Type::DateTime, "TimeGenerated"},
                   {"TimeStamp", Type::DateTime, "TimeStamp"},
                   {"DeviceId", Type::String, "DeviceId"},
                   {"ModuleId", Type::String, "ModuleId"},
                   {"RawEventName", Type::String, "RawEventName"},
                   {"RawEventCategory", Type::String, "RawEventCategory"},
                   {"RawEventType", Type::String, "RawEventType"},
                   {"EventDetails", Type::Dynamic, details},
                   {"IsEmpty", Type::Bool, "IsEmpty"},
                   {"IoTRawEventId", Type::String, "CAST(EventId AS VARCHAR)"},
                   {"AgentVersion", Type::String, "AgentVersion"},
                   {"AssociatedResourceId", Type::String, "{resource}"},
                   {"AzureSubscriptionId", Type::String, "''"},
                   {"TenantId", Type::String, "{tenant}"},
                   {"SourceSystem", Type::String, "'Vedette'"},
                   {"Type", Type::String, "'DefenderIoTRawEvent'"},
                   {"_ResourceId", Type::String, "{resource}"},
                   {"_BilledSize", Type::Real, billed_size_expression()},
                   {"_IsBillable", Type::String, "'false'"}}});
  return table;
}

const TableDefinition& agent_health_table() {
  static std::deque<std::string> texts;
  static const TableDefinition table = [] {
    TableDefinition view;
    view.name = "AgentHealth";
    view.relation = "raw_event";
    view.description =
        "The last heartbeat of each agent, and since when there are any; TimeGenerated is when it "
        "came.";
    view.source =
        "(SELECT DeviceId, ModuleId, max(TimeGenerated) AS LastTime, min(TimeGenerated) AS "
        "FirstTime, "
        "count(*) AS Heartbeats, arg_max(TimeStamp, row(TimeGenerated, TimeStamp)) AS Sent, "
        "arg_max(AgentVersion, row(TimeGenerated, TimeStamp)) AS AgentVersion, "
        // What an agent sends after it was offline comes at once.
        "arg_max(EventDetails, row(TimeGenerated, TimeStamp)) AS EventDetails FROM raw_event "
        "WHERE RawEventName = 'Heartbeat' AND NOT IsEmpty GROUP BY DeviceId, ModuleId)";
    view.visible = {{"TimeGenerated", Type::DateTime, "LastTime"},
                    {"TimeStamp", Type::DateTime, "Sent"},
                    {"DeviceId", Type::String, "DeviceId"},
                    {"ModuleId", Type::String, "ModuleId"},
                    {"AgentVersion", Type::String, "AgentVersion"},
                    {"FirstHeartbeat", Type::DateTime, "FirstTime"},
                    {"Heartbeats", Type::Long, "Heartbeats"}};
    for (const schema::Field& field : schema::event_info(schema::EventName::Heartbeat).fields) {
      view.visible.push_back(
          {field.name, type_of(field.kind),
           texts.emplace_back(typed(field.kind, kept_text("EventDetails", field.name)))});
    }
    for (const ViewColumn& column : {ViewColumn{"TenantId", Type::String, "{tenant}"},
                                     ViewColumn{"SourceSystem", Type::String, "'Vedette'"},
                                     ViewColumn{"Type", Type::String, "'AgentHealth'"}})
      view.visible.push_back(column);
    return view;
  }();
  return table;
}

}  // namespace store
