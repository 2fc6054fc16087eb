#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kql/kql.h"

// For tests: a DuckDB in memory with the prelude, to see what compiled queries really answer.
namespace kql::testing {

struct Answer {
  std::vector<Column> columns;
  // As texts that read the same whatever the type: null is "null", a string in double quotes only
  // when it is empty or would read as something else.
  std::vector<std::vector<std::string>> rows;
  std::vector<Diagnostic> warnings;
};

struct Failure {
  std::vector<Diagnostic> diagnostics;
  std::string database;  // not empty: the query compiled, and DuckDB refused the SQL
  std::string sql;
};

class Engine {
 public:
  Engine();
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // SQL that must succeed: tables to ask.
  void execute(const std::string& sql);
  std::expected<Answer, Failure> ask(std::string_view query, const Catalogue& catalogue,
                                     const Options& options);

 private:
  struct Database;
  std::unique_ptr<Database> database_;
};

// 2024-05-06T07:08:09.1234567Z: what now() means in tests.
Options options_at_fixed_time();

}  // namespace kql::testing
