#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kql/catalogue.h"

// The workspace's tables: one definition from which come the DuckDB tables, the views that queries
// see, and the catalogue that KQL binds against.
namespace store {

// How a stored column is kept. Times are KQL ticks.
enum class Storage : std::uint8_t { Boolean, Integer, Long, Text, Guid, Json, Ticks };
// DuckDB's name of it.
std::string_view sql_name(Storage storage);

// A column of a stored table, in the order in which it is appended.
struct StoredColumn {
  std::string_view name;
  Storage storage;
  // Columns that came later than their table: the value, in SQL, of the rows before, a constant.
  // Such columns stand at the end.
  std::string_view absent = {};
  // In its place, where the value follows from what the rows before have: an expression over the
  // columns that have none such.
  std::string_view derived = {};

  std::string_view value_before() const { return derived.empty() ? absent : derived; }
};

// What a column of a view is there for: queries see it, or only KQL's binder does, who takes it in
// the place of a look into EventDetails (kql::Shredded).
enum class ColumnUse : std::uint8_t {
  Visible,
  Property,      // named "$.ProcessId": that property, NULL where it is absent
  PropertyTime,  // named "$.TimestampLocal@": that property as a datetime
  Rest,          // the JSON text that has all other properties
};

// A column that queries see, as an expression over the stored table and the workspace's constants.
// `{name}` in it stands for a constant, quoted: tenant, resource.
struct ViewColumn {
  std::string_view name;
  kql::Type type;
  std::string_view expression;
  ColumnUse use = ColumnUse::Visible;
};

struct TableDefinition {
  std::string_view name;      // as queries know it; the view's name
  std::string_view relation;  // the stored table's name
  std::string_view description;
  std::vector<StoredColumn> stored;  // none: another view of a table that is defined elsewhere
  std::vector<ViewColumn> visible;
  // The order of rows in pieces (pieces.h), as columns: what is asked for together stands together.
  // Empty: rows stay in the database file. Otherwise `relation` is a view of all rows, and there
  // must be a stored column TimeGenerated, by which pieces are divided.
  std::string_view piece_order = {};
  // The column by whose values the rows of a day that are too many for one piece are divided.
  // Empty: the first one of that order.
  std::string_view divided_by = {};
  // The time of a row by which its age counts, in SQL over the stored columns.
  std::string_view age_by = "TimeGenerated";
  // What the view selects from, where that is more than the relation; may be SQL.
  std::string_view source = {};

  std::string_view view_source() const { return source.empty() ? relation : source; }
};

const TableDefinition& raw_event_table();    // SecurityIoTRawEvent
const TableDefinition& alert_table();        // SecurityAlert
const TableDefinition& operation_table();    // IoTHubOperations
const TableDefinition& telemetry_table();    // DeviceTelemetry
const TableDefinition& audit_table();        // IoTHubAudit
const TableDefinition& diagnostics_table();  // AzureDiagnostics
// catalogue_fleet.cc
const TableDefinition& recommendation_table();  // SecurityRecommendation
const TableDefinition& twin_table();            // DeviceTwins
const TableDefinition& current_twin_table();    // DeviceTwinsCurrent
const TableDefinition& usage_table();           // Usage
std::vector<const TableDefinition*> all_tables();

// What queries may name. Threads: any.
const kql::Catalogue& catalogue();

}  // namespace store
