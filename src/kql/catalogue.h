#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kql/types.h"

namespace kql {

struct Column {
  std::string name;
  Type type = Type::String;

  bool operator==(const Column&) const = default;
};

// A table that queries may name, and the DuckDB relation (table or view) behind it.
// The relation has a column of the same name for each of `columns`, of sql_type(type); String
// columns must hold no NULL there. Further columns of the relation cannot be reached by queries.
struct Table {
  std::string name;
  std::vector<Column> columns;
  // The relation's name; empty: `name`. Quoted by the emitter, so any text is safe.
  std::string relation = {};
  // Words for schema pages and completion.
  std::string description = {};
};

// The tables that a query can see. Names are case-sensitive, as in KQL.
// Threads: build it on one, then any may read.
class Catalogue {
 public:
  Catalogue() = default;
  explicit Catalogue(std::vector<Table> tables);

  // Replaces a table of the same name.
  void add(Table table);
  // nullptr when there is none. Valid until the next add().
  const Table* find(std::string_view name) const;
  // In the order in which they were added.
  const std::vector<Table>& tables() const { return tables_; }

  // The table that a query reads when it starts with an operator, as Azure Resource Graph has it.
  // None: such a query is an error.
  void set_default(std::string_view name) { default_ = name; }
  const Table* default_table() const { return find(default_); }

 private:
  std::vector<Table> tables_;
  std::string default_;
};

}  // namespace kql
