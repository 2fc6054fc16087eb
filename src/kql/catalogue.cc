#include "kql/catalogue.h"

#include <utility>

namespace kql {

const std::string& Shredded::hidden_column(std::size_t index) const {
  if (index == 2 * properties.size()) return rest;
  const Property& property = properties[index / 2];
  return index % 2 == 0 ? property.column : property.datetime_column;
}

Catalogue::Catalogue(std::vector<Table> tables) {
  for (Table& table : tables)
    add(std::move(table));
}

void Catalogue::add(Table table) {
  for (Table& known : tables_) {
    if (known.name == table.name) {
      known = std::move(table);
      return;
    }
  }
  tables_.push_back(std::move(table));
}

const Table* Catalogue::find(std::string_view name) const {
  for (const Table& table : tables_) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

}  // namespace kql
