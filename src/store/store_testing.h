#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "store/duck.h"
#include "store/events.h"

namespace store {

// A folder that is removed at the end of the test.
class TempDir {
 public:
  TempDir() : path_(::testing::TempDir() + "vedetteXXXXXX") {
    ASSERT(::mkdtemp(path_.data()) != nullptr);
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline EventStoreOptions store_options(const std::string& dir) {
  EventStoreOptions options;
  options.path = dir + "/events.duckdb";
  options.resource_id = "/hubs/test-hub";
  options.memory_limit = std::size_t{256} << 20U;
  options.threads = 1;
  return options;
}

// What SQL says about a store that nobody has open: rows of text.
inline std::vector<std::vector<std::string>> ask(const std::string& path, const std::string& sql) {
  auto database =
      duck::Database::open(path, {std::size_t{256} << 20U, 1, path + ".tmp", {path + ".pieces"}});
  if (!database) return {{database.error().to_string()}};
  auto connection = *duck::Connection::open(*database);
  auto rows = connection.query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (" + sql + ")");
  if (!rows) return {{rows.error().to_string()}};
  std::vector<std::vector<std::string>> out;
  while (*rows->next()) {
    for (idx_t row = 0; row < rows->size(); ++row) {
      out.emplace_back();
      for (idx_t column = 0; column < rows->column_count(); ++column) {
        const auto values = rows->column(column);
        out.back().push_back(values.is_null(row) ? "NULL" : std::string(values.text(row)));
      }
    }
  }
  return out;
}

}  // namespace store
