#include "store/catalogue.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace store {
namespace {

std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// docs/reference/tables.md
std::string reference_page() {
  std::string out =
      "<!-- Made by store_test from the store's catalogue; `VEDETTE_UPDATE=1 store_test` writes it "
      "anew. -->\n# Tables of the workspace\n\nWhat [queries](kql.md) can ask. `vedette table "
      "list` "
      "and `vedette table show TABLE` say the same of a running hub. Columns have the names of Log "
      "Analytics where it has the table.\n\nEach [event](events.md) is a table of its own, with "
      "its "
      "fields as columns. `SecurityIoTRawEvent` has all of them as JSON texts: "
      "`extractjson(\"$.UserName\", EventDetails)`, `parse_json(EventDetails).UserName` and "
      "`todynamic(EventDetails).UserName` read the same columns as long as `EventDetails` is the "
      "table's own, so that neither costs more than the other.\n";
  for (const kql::Table& table : catalogue().tables()) {
    out += "\n## " + table.name + "\n\n" + table.description + "\n\n| Column | Type |\n|---|---|\n";
    for (const kql::Column& column : table.columns)
      out += "| `" + column.name + "` | " + std::string(kql::type_name(column.type)) + " |\n";
  }
  return out;
}

TEST(Catalogue, ReferencePageIsUpToDate) {
  const char* source = std::getenv("VEDETTE_SOURCE_DIR");
  const auto path =
      std::filesystem::path(source == nullptr ? "." : source) / "docs/reference/tables.md";
  const std::string page = reference_page();
  if (std::getenv("VEDETTE_UPDATE") != nullptr) std::ofstream(path) << page;
  EXPECT_EQ(file_text(path), page) << "VEDETTE_UPDATE=1 store_test writes it anew";
}

TEST(Catalogue, NamesAreUnique) {
  std::set<std::string> tables;
  for (const kql::Table& table : catalogue().tables()) {
    EXPECT_TRUE(tables.insert(table.name).second) << table.name;
    EXPECT_FALSE(table.description.empty()) << table.name;
    std::set<std::string> columns;
    for (const kql::Column& column : table.columns)
      EXPECT_TRUE(columns.insert(column.name).second) << table.name << "." << column.name;
  }
}

// What a later program adds stands at the end, behind what every store has.
TEST(Catalogue, LaterColumnsStandAtTheEnd) {
  for (const TableDefinition* table : all_tables()) {
    bool later = false;
    for (const StoredColumn& column : table->stored) {
      EXPECT_TRUE(!later || !column.absent.empty()) << table->name << "." << column.name;
      later = later || !column.absent.empty();
    }
  }
}

}  // namespace
}  // namespace store
