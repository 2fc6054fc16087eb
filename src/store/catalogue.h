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
};

// A column that queries see, as an expression over the stored table and the workspace's constants.
// `{name}` in it stands for a constant, quoted: tenant, resource.
struct ViewColumn {
  std::string_view name;
  kql::Type type;
  std::string_view expression;
};

struct TableDefinition {
  std::string_view name;      // as queries know it; the view's name
  std::string_view relation;  // the stored table's name
  std::string_view description;
  std::vector<StoredColumn> stored;
  std::vector<ViewColumn> visible;
};

const TableDefinition& raw_event_table();  // SecurityIoTRawEvent
const TableDefinition& alert_table();      // SecurityAlert
const TableDefinition& operation_table();  // IoTHubOperations

// What queries may name. Threads: any.
const kql::Catalogue& catalogue();

}  // namespace store
