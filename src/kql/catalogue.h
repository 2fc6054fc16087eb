#pragma once

#include <cstddef>
#include <optional>
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

// Where a table's relation has the properties of a column of JSON objects, so that nobody has to
// parse the text for them. All names are of further columns of the relation.
struct Shredded {
  struct Property {
    std::string name;
    // String, Long or Bool, of sql_type(type), and NULL where the object does not have it.
    Type type = Type::String;
    std::string column = {};
    // The same as todatetime() gives it; empty: not at hand.
    std::string datetime_column = {};
  };
  std::string column;  // of the table's: of type String, with JSON texts, or Dynamic
  std::vector<Property> properties;
  std::string rest;  // JSON texts that have every other property as the object has it
  // Whether the database has a function kql_object_may_contain(text, rest, property...), with all
  // properties of type String that have no datetime, in their order. False: nowhere in the object's
  // text is that text, in any case of letters; it can say true without knowing. And a function
  // kql_object_may_say() of the same, whose false says: nowhere but in names of those properties.
  bool searchable = false;

  // All of those columns under one numbering: for each property its column and its datetime
  // (empty: there is none), then the rest.
  std::size_t hidden_count() const { return 2 * properties.size() + 1; }
  const std::string& hidden_column(std::size_t index) const;
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
  std::optional<Shredded> shredded = {};
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
