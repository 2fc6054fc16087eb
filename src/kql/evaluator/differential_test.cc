// Every query twice: through the front end and DuckDB, and through the evaluator. They must agree.

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kql/engine_testing.h"
#include "kql/evaluator/evaluator.h"
#include "kql/evaluator/generator.h"
#include "kql/evaluator/shrink.h"
#include "kql/parse/parse.h"

namespace kql::evaluator {
namespace {

enum class Verdict {
  Same,
  Invalid,     // the front end refuses the query
  Refused,     // the evaluator has no opinion
  Overflowed,  // a whole number left its range: nothing is promised
  Differs,
};

struct Outcome {
  Verdict verdict = Verdict::Same;
  std::string why = {};
};

std::string unquoted(std::string_view shown) {
  if (!shown.starts_with('"')) return std::string(shown);
  std::string out;
  for (std::size_t i = 1; i + 1 < shown.size(); ++i) {
    if (shown[i] == '\\' && i + 2 < shown.size()) {
      ++i;
      out += shown[i] == 'n' ? '\n' : shown[i];
    } else {
      out += shown[i];
    }
  }
  return out;
}

// The database's value as the evaluator's canonical text.
std::string canonical_of(Type type, const std::string& shown) {
  if (type == Type::String) return canonical(Cell::of(unquoted(shown)));
  if (shown == "null") return shown;
  if (type == Type::Real) {
    double number = 0;
    std::from_chars(shown.data(), shown.data() + shown.size(), number);
    return canonical(Cell::of(number));
  }
  if (type == Type::Dynamic) {
    auto json = base::json::parse(shown);
    return json ? canonical(Cell::of(std::move(*json))) : "no JSON: " + shown;
  }
  return shown;
}

std::string canonical_of(const Cell& cell) {
  if (!cell.is_null() && cell.type == Type::DateTime) return format_datetime(cell.integer());
  if (!cell.is_null() && cell.type == Type::TimeSpan) return format_timespan(cell.integer());
  return canonical(cell);
}

std::string joined(const std::vector<std::string>& cells) {
  std::string out;
  for (const std::string& each : cells)
    out += (out.empty() ? "" : " | ") + each;
  return out;
}

std::vector<std::string> rows_of(const Table& table) {
  std::vector<std::string> out;
  for (const Row& row : table.rows) {
    std::vector<std::string> cells;
    for (const Cell& cell : row)
      cells.push_back(canonical_of(cell));
    out.push_back(joined(cells));
  }
  return out;
}

std::vector<std::string> rows_of(const testing::Answer& answer) {
  std::vector<std::string> out;
  for (const auto& row : answer.rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < row.size(); ++i)
      cells.push_back(canonical_of(answer.columns[i].type, row[i]));
    out.push_back(joined(cells));
  }
  return out;
}

// Rows that may stand in any order are sorted; empty: they agree.
std::string difference(const Table& expected, const testing::Answer& actual) {
  if (expected.columns.size() != actual.columns.size()) return "the number of columns";
  for (std::size_t i = 0; i < expected.columns.size(); ++i) {
    const Column& column = expected.columns[i];
    if (column.type != actual.columns[i].type) return "the type of column " + column.name;
    if (!column.name.empty() && column.name != actual.columns[i].name) {
      return fmt::format("the name of column {}: {}", column.name, actual.columns[i].name);
    }
  }
  std::vector<std::string> wanted = rows_of(expected);
  std::vector<std::string> found = rows_of(actual);
  std::string out;
  if (wanted.size() == found.size()) {
    for (std::size_t from = 0; from < wanted.size();) {
      std::size_t to = from + 1;
      while (to < wanted.size() &&
             (expected.ranks.empty() || expected.ranks[to] == expected.ranks[from])) {
        ++to;
      }
      const auto part = [from, to](std::vector<std::string>& rows) {
        std::sort(rows.begin() + static_cast<std::ptrdiff_t>(from),
                  rows.begin() + static_cast<std::ptrdiff_t>(to));
      };
      part(wanted);
      part(found);
      from = to;
    }
    if (wanted == found) return "";
  }
  for (const std::string& row : wanted)
    out += "\n  expected " + row;
  for (const std::string& row : found)
    out += "\n  found    " + row;
  return "the rows" + out;
}

Outcome compare(testing::Engine& engine, const std::string& query) {
  const Options options = testing::options_at_fixed_time();
  const auto actual = engine.ask(query, {}, options);
  if (!actual && actual.error().database.empty()) {
    const auto& found = actual.error().diagnostics;
    return {Verdict::Invalid, found.empty() ? "" : found.front().message};
  }
  Diagnostics diagnostics(query);
  const ast::Tree tree = parse::parse(diagnostics);
  const auto expected = evaluate(tree, {}, to_ticks(options.now));
  if (!expected) return {Verdict::Refused, expected.error().why};
  if (expected->overflowed) return {Verdict::Overflowed};
  if (!actual) {
    // DuckDB joins constants that the language multiplies one after another, and then also where
    // the first factor is null. docs/reference/kql.md says that overflow is an error.
    const std::string& why = actual.error().database;
    const bool overflowed = why.find("Overflow in ") != std::string::npos;
    return {overflowed ? Verdict::Overflowed : Verdict::Differs, why};
  }
  const std::string found = difference(expected->table, *actual);
  return found.empty() ? Outcome{} : Outcome{Verdict::Differs, found};
}

// A failure with the smallest query that shows it.
std::string explained(testing::Engine& engine, const std::string& query) {
  const std::string smallest = shrink(
      query,
      [&engine](const std::string& candidate) {
        return compare(engine, candidate).verdict == Verdict::Differs;
      },
      300);
  return fmt::format("{}\n\n{}", smallest, compare(engine, smallest).why);
}

unsigned number_of(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::atoi(text));
}

TEST(Differential, GeneratedQueriesMeanTheSameToTheEvaluator) {
  testing::Engine engine;
  const unsigned first = number_of("VEDETTE_KQL_SEED", 1);
  const unsigned count = number_of("VEDETTE_KQL_QUERIES", 300);
  std::map<Verdict, unsigned> verdicts;
  std::map<std::string, unsigned> reasons;
  unsigned failures = 0;
  for (unsigned seed = first; seed < first + count && failures < 5; ++seed) {
    std::mt19937 random(seed);
    const std::string query =
        Generator([&random](std::size_t limit) { return random() % limit; }).query();
    const Outcome outcome = compare(engine, query);
    ++verdicts[outcome.verdict];
    if (outcome.verdict == Verdict::Invalid) ++reasons["invalid: " + outcome.why];
    if (outcome.verdict == Verdict::Refused) ++reasons["refused: " + outcome.why];
    if (outcome.verdict != Verdict::Differs) continue;
    ++failures;
    ADD_FAILURE() << "seed " << seed << "\n" << explained(engine, query);
  }
  std::string skipped;
  for (const auto& [reason, times] : reasons)
    skipped += fmt::format("\n{:5} {}", times, reason);
  if (std::getenv("VEDETTE_KQL_REASONS") != nullptr) fmt::print("{}\n", skipped);
  if (failures > 0) return;
  // Enough must be looked at for the agreement to mean something.
  EXPECT_GE(verdicts[Verdict::Same] * 10, count * 6) << skipped;
  EXPECT_LE(verdicts[Verdict::Invalid] * 100, count) << skipped;
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// The queries of kql_test's cases, whose tables are written beside them.
std::vector<std::string> case_queries() {
  std::vector<std::string> out;
  const char* root = std::getenv("VEDETTE_SOURCE_DIR");
  const std::filesystem::path folder =
      std::filesystem::path(root == nullptr ? "." : root) / "src/kql/testdata";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".kqltest") continue;
    std::istringstream lines(file_text(entry.path()));
    std::string query;
    bool reading = false;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("===")) {
        reading = true;
        query.clear();
      } else if (line == "---" && reading) {
        reading = false;
        out.push_back(query);
      } else if (reading) {
        query += line + "\n";
      }
    }
  }
  return out;
}

// What the evaluator takes the language for is what the written cases say.
TEST(Differential, WrittenCasesMeanTheSameToTheEvaluator) {
  testing::Engine engine;
  unsigned same = 0;
  std::map<std::string, unsigned> reasons;
  const std::vector<std::string> queries = case_queries();
  for (const std::string& query : queries) {
    const Outcome outcome = compare(engine, query);
    if (outcome.verdict == Verdict::Same) ++same;
    if (outcome.verdict == Verdict::Refused) ++reasons[outcome.why];
    EXPECT_NE(outcome.verdict, Verdict::Differs) << query << "\n" << outcome.why;
  }
  if (std::getenv("VEDETTE_KQL_REASONS") != nullptr) {
    for (const auto& [reason, times] : reasons)
      fmt::print("{:5} {}\n", times, reason);
  }
  EXPECT_GE(same, 90U) << "of " << queries.size();
}

}  // namespace
}  // namespace kql::evaluator
