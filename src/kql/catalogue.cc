#include "kql/catalogue.h"

#include <utility>

namespace kql {

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
