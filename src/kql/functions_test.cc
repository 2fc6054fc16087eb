#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kql/engine_testing.h"
#include "kql/functions/function.h"

namespace kql::functions {
namespace {

// Something of each type that every function can work on.
std::string_view sample(Type type) {
  switch (type) {
    case Type::Bool:
      return "o";
    case Type::Int:
      return "i";
    case Type::Long:
      return "l";
    case Type::Real:
      return "r";
    case Type::Decimal:
      return "c";
    case Type::String:
      return "a";
    case Type::DateTime:
      return "t";
    case Type::TimeSpan:
      return "s";
    case Type::Guid:
      return "g";
    case Type::Dynamic:
      return "d";
  }
  return "";
}

constexpr std::string_view kTable =
    "let T = datatable(o:bool, i:int, l:long, r:real, c:decimal, a:string, t:datetime, s:timespan, "
    "g:guid, d:dynamic)[true, 5, 6, 1.5, decimal(2.5), 'aGVsbG8=', datetime(2024-05-06), 90m, "
    "guid(9c647395-b913-4997-a732-a7fe7303b649), dynamic([3, 1]), bool(null), int(null), "
    "long(null), "
    "real(null), decimal(null), '', datetime(null), timespan(null), guid(null), dynamic(null)];\n";

std::string argument(const Overload& overload, std::size_t index) {
  const Parameter& parameter = overload.parameters[index];
  if (parameter.constant) {
    if (parameter.type == Type::Long) return "2";
    if (parameter.type == Type::Real) return "50";
    if (parameter.type == Type::Bool) return "false";
    if (parameter.name == "part") return "'day'";
    return parameter.name == "format" ? "'d'" : "'b'";
  }
  switch (parameter.generic) {
    case Generic::None:
      return std::string(sample(parameter.type));
    case Generic::Text:
      return "a";
    case Generic::Any:
      return "l";
    case Generic::T:
      return "a";
    case Generic::N:
    case Generic::O:
      return "l";
  }
  return "";
}

std::string call(std::string_view name, const Overload& overload) {
  std::string out = std::string(name) + "(";
  for (std::size_t i = 0; i < overload.parameters.size(); ++i) {
    out += (i == 0 ? "" : ", ") + argument(overload, i);
  }
  return out + ")";
}

// Every overload of the table, over values and over nulls, in the database itself.
TEST(FunctionTable, EveryEntryRunsInDuckDb) {
  kql::testing::Engine engine;
  for (const Kind kind : {Kind::Scalar, Kind::Aggregate}) {
    const std::string_view verb = kind == Kind::Scalar ? "T | extend x = " : "T | summarize x = ";
    for (const std::string_view name : names(kind)) {
      for (const Overload& overload : find(name, kind)) {
        const std::string query = fmt::format("{}{}{}", kTable, verb, call(name, overload));
        const auto answer = engine.ask(query, {}, kql::testing::options_at_fixed_time());
        EXPECT_TRUE(answer.has_value())
            << overload.entry->name << overload.entry->signature << "\n"
            << (answer ? "" : answer.error().database + "\n" + answer.error().sql)
            << (answer || answer.error().diagnostics.empty()
                    ? ""
                    : render(answer.error().diagnostics.front(), query));
      }
    }
  }
}

// Aggregates over no rows have the language's defaults, and strings are never null.
TEST(FunctionTable, EveryAggregateRunsOverNoRows) {
  kql::testing::Engine engine;
  for (const std::string_view name : names(Kind::Aggregate)) {
    for (const Overload& overload : find(name, Kind::Aggregate)) {
      const std::string query =
          fmt::format("{}T | where false | summarize x = {}", kTable, call(name, overload));
      const auto answer = engine.ask(query, {}, kql::testing::options_at_fixed_time());
      ASSERT_TRUE(answer.has_value()) << query << answer.error().database;
      ASSERT_EQ(answer->rows.size(), 1U) << query;
      const bool never = overload.entry->nulls == Nulls::Never;
      EXPECT_EQ(answer->rows[0][0] == "null", !never && answer->columns[0].type != Type::String)
          << query;
    }
  }
}

// For tests/kql, which compares the columns with those of the language's own front end: each
// overload's signature, a query with a call of it, and the columns, in the file that
// VEDETTE_KQL_COLUMNS names.
TEST(FunctionTable, NamesTheColumnsOfItsCalls) {
  const char* path = std::getenv("VEDETTE_KQL_COLUMNS");
  std::string out;
  for (const Kind kind : {Kind::Scalar, Kind::Aggregate}) {
    for (const std::string_view name : names(kind)) {
      for (const Overload& overload : find(name, kind)) {
        const std::string query =
            fmt::format("{}T | {} {}", kTable, kind == Kind::Scalar ? "project" : "summarize",
                        call(name, overload));
        const auto compiled = kql::compile(query, {}, {});
        ASSERT_TRUE(compiled.has_value()) << query;
        std::string columns;
        for (const Column& column : compiled->columns) {
          columns += fmt::format("{}{}:{}", columns.empty() ? "" : " | ", column.name,
                                 type_name(column.type));
        }
        EXPECT_FALSE(columns.empty()) << query;
        const std::string_view prefix = kind == Kind::Scalar ? "function" : "aggregate";
        out += fmt::format("{} {}{}\t{}\t{}\n", prefix, name, overload.entry->signature,
                           query.substr(query.find('\n') + 1), columns);
      }
    }
  }
  if (path != nullptr) std::ofstream(path) << kTable << out;
}

TEST(FunctionTable, EveryNameHasItsSentence) {
  for (const Kind kind : {Kind::Scalar, Kind::Aggregate}) {
    for (const std::string_view name : names(kind)) {
      EXPECT_FALSE(find(name, kind).front().entry->summary.empty()) << name;
    }
  }
}

}  // namespace
}  // namespace kql::functions
