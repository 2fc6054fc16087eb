// Queries made at random from the function table and the operators, with fixed seeds: what
// compiles, the database must accept, and its columns must have the promised types (Engine checks
// them).

#include <array>
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kql/engine_testing.h"
#include "kql/functions/function.h"

namespace kql::testing {
namespace {

using functions::Generic;
using functions::Kind;
using functions::Overload;

constexpr std::string_view kTable =
    "let T = datatable(o:bool, i:int, l:long, r:real, c:decimal, a:string, t:datetime, s:timespan, "
    "g:guid, d:dynamic)[true, 5, 6, 1.5, decimal(2.5), 'one two', datetime(2024-05-06), 90m, "
    "guid(9c647395-b913-4997-a732-a7fe7303b649), dynamic({'k': [3, 'x']}), bool(null), int(null), "
    "long(null), real(null), decimal(null), '', datetime(null), timespan(null), guid(null), "
    "dynamic(null), false, -1, 0, 0.0, decimal(0), 'ONE', datetime(0001-01-01), -1s, "
    "guid(00000000-0000-0000-0000-000000000000), dynamic([1, null, 'y'])];\n";

constexpr std::string_view kLetters = "oilrcatsgd";  // a column of each type, in their order

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string query() {
    std::string out(kTable);
    out += "T";
    const int operators = 1 + below(4);
    for (int i = 0; i < operators; ++i)
      out += "\n| " + step();
    if (below(3) == 0) out += "\n| " + last();
    return out;
  }

 private:
  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  template <std::size_t N>
  std::string pick(const std::array<std::string_view, N>& from) {
    return std::string(from[static_cast<std::size_t>(below(static_cast<int>(N)))]);
  }

  std::string column(Type type) { return std::string(1, kLetters[static_cast<std::size_t>(type)]); }
  Type any_type() { return static_cast<Type>(below(kTypeCount)); }

  std::string literal(Type type) {
    switch (type) {
      case Type::Bool:
        return below(2) == 0 ? "true" : "bool(null)";
      case Type::Int:
        return "int(3)";
      case Type::Long:
        return pick(std::array<std::string_view, 3>{"2", "-7", "long(null)"});
      case Type::Real:
        return "0.25";
      case Type::Decimal:
        return "decimal(1.25)";
      case Type::String:
        return pick(std::array<std::string_view, 3>{"'one'", "''", "@'a\\b'"});
      case Type::DateTime:
        return "datetime(2020-02-29T12:00:00Z)";
      case Type::TimeSpan:
        return below(2) == 0 ? "1h" : "timespan(null)";
      case Type::Guid:
        return "guid(9c647395-b913-4997-a732-a7fe7303b649)";
      case Type::Dynamic:
        return "dynamic([1, 'x', {'k': null}])";
    }
    return "";
  }

  std::string value(Type type, int depth) {
    const int choice = below(depth > 2 ? 2 : 7);
    if (choice == 0) return column(type);
    if (choice == 1) return literal(type);
    if (choice == 2)
      return fmt::format("iff({}, {}, {})", value(Type::Bool, depth + 1), value(type, depth + 1),
                         value(type, depth + 1));
    if (choice == 3 && type == Type::Bool) return condition(depth + 1);
    if (choice == 3 && type == Type::Dynamic)
      return fmt::format("{}.k[{}]", column(type), below(3) - 1);
    if (choice == 3) return arithmetic(type, depth + 1);
    return call(type, depth + 1);
  }

  std::string arithmetic(Type type, int depth) {
    static constexpr std::array<std::string_view, 5> kOps{"+", "-", "*", "/", "%"};
    if (type == Type::DateTime) {
      return fmt::format("({} + {})", value(type, depth), value(Type::TimeSpan, depth));
    }
    if (type == Type::TimeSpan)
      return fmt::format("({} - {})", value(type, depth), value(type, depth));
    const bool number = type == Type::Real || type == Type::Long;
    if (!number) return literal(type);
    return fmt::format("({} {} {})", value(type, depth), pick(kOps), value(type, depth));
  }

  std::string condition(int depth) {
    static constexpr std::array<std::string_view, 6> kCompare{"==", "!=", "<", "<=", ">", ">="};
    static constexpr std::array<std::string_view, 12> kText{
        "has",          "!has",      "contains",      "startswith", "endswith_cs", "=~",
        "!contains_cs", "hasprefix", "!hassuffix_cs", "has_cs",     "!~",          "!endswith"};
    switch (below(6)) {
      case 0:
        return fmt::format("({} {} {})", value(Type::String, depth), pick(kText),
                           value(Type::String, depth));
      case 1:
        return fmt::format("({} in ({}, {}))", value(Type::Long, depth), value(Type::Long, depth),
                           5);
      case 2:
        return fmt::format("({} has_any ('one', {}))", value(Type::String, depth),
                           value(Type::String, depth));
      case 3:
        return fmt::format("({} {} {})", value(Type::Bool, depth), below(2) == 0 ? "and" : "or",
                           value(Type::Bool, depth));
      case 4:
        return fmt::format("({} !between ({} .. {}))", value(Type::Real, depth),
                           value(Type::Real, depth), value(Type::Real, depth));
      default:
        break;
    }
    const Type type = below(2) == 0 ? Type::Long : Type::DateTime;
    return fmt::format("({} {} {})", value(type, depth), pick(kCompare), value(type, depth));
  }

  std::string argument(const functions::Parameter& parameter, Type common, int depth) {
    if (parameter.constant) {
      if (parameter.type == Type::Long) return "1";
      if (parameter.type == Type::Real) return "50";
      return parameter.name == "part" ? "'hour'" : "'o+'";
    }
    switch (parameter.generic) {
      case Generic::None:
        return value(parameter.type, depth);
      case Generic::Text:
      case Generic::Any:
        return value(any_type(), depth);
      case Generic::T:
      case Generic::N:
      case Generic::O:
        return value(common, depth);
    }
    return "";
  }

  // A function whose result is of that type.
  std::string call(Type type, int depth) {
    const auto& names = functions::names(Kind::Scalar);
    for (int tries = 0; tries < 40; ++tries) {
      const auto overloads = functions::find(
          names[static_cast<std::size_t>(below(static_cast<int>(names.size())))], Kind::Scalar);
      const Overload& each =
          overloads[static_cast<std::size_t>(below(static_cast<int>(overloads.size())))];
      if (each.result_generic != Generic::None || each.result != type) continue;
      return call(each, Type::Long, depth);
    }
    return column(type);
  }
  std::string call(const Overload& overload, Type common, int depth) {
    std::string out = std::string(overload.entry->name) + "(";
    for (std::size_t i = 0; i < overload.parameters.size(); ++i) {
      out += (i == 0 ? "" : ", ") + argument(overload.parameters[i], common, depth);
    }
    return out + ")";
  }

  std::string aggregate() {
    const auto& names = functions::names(Kind::Aggregate);
    const auto overloads = functions::find(
        names[static_cast<std::size_t>(below(static_cast<int>(names.size())))], Kind::Aggregate);
    return call(overloads[static_cast<std::size_t>(below(static_cast<int>(overloads.size())))],
                below(2) == 0 ? Type::Long : Type::String, 2);
  }

  // Keeps the table's columns.
  std::string step() {
    switch (below(13)) {
      case 0:
        return "where " + value(Type::Bool, 0);
      case 1:
        return fmt::format("sort by {} {}, {}", value(Type::Long, 1),
                           below(2) == 0 ? "asc" : "desc", value(Type::String, 1));
      case 2:
        return fmt::format("top 2 by {}", value(Type::DateTime, 1));
      case 3:
        return fmt::format("join kind={} (T) on l, $left.a == $right.a",
                           pick(std::array<std::string_view, 5>{"inner", "innerunique", "leftouter",
                                                                "leftanti", "leftsemi"}));
      case 4:
        return fmt::format("mv-expand {} limit 3", below(2) == 0 ? "d" : "x = d.k");
      case 5:
        return "union T";
      case 6:
        return fmt::format("mv-apply y = d on (where {} | take 2)", value(Type::Bool, 2));
      case 7:
        return "lookup (T | summarize n = count() by a) on a";
      case 8:
        return fmt::format("extend w{} = row_cumsum({}, {})", below(100), value(Type::Long, 1),
                           value(Type::Bool, 1));
      case 9:
        return fmt::format("sort by l desc | extend p{} = prev({}, 1)", below(100),
                           value(any_type(), 1));
      case 10:
        return fmt::format("where row_number() > {} or {}", below(4), value(Type::Bool, 1));
      case 11:
        return fmt::format(
            "parse-kv {} as (k1:long, k2:string) with (pair_delimiter=' ', "
            "kv_delimiter='=')",
            column(Type::String));
      default:
        break;
    }
    const Type type = any_type();
    return fmt::format("extend x{} = {}", below(100), value(type, 0));
  }

  std::string last() {
    switch (below(7)) {
      case 0:
        return fmt::format("summarize {}, {} by {}", aggregate(), aggregate(),
                           value(below(2) == 0 ? Type::String : Type::DateTime, 1));
      case 1:
        return fmt::format("summarize arg_max({}, *), {}", value(Type::Long, 1), aggregate());
      case 4:
        return fmt::format(
            "make-series {} default=0, n = count() on x = ({}) from 0 to 9 step 2 by a",
            aggregate(), value(Type::Long, 1));
      case 5:
        return fmt::format("top-nested 2 of {} by count(), top-nested of a by max({}) asc",
                           value(Type::String, 1), value(Type::Long, 1));
      case 6:
        return "project-away d | evaluate narrow()";
      case 2:
        return fmt::format("distinct {}, b = {}", column(Type::String), value(Type::Bool, 1));
      default:
        return fmt::format("project p = {}, q = {}", value(any_type(), 0), value(any_type(), 0));
    }
  }

  std::mt19937 random_;
};

TEST(GeneratedQueries, AreAcceptedByTheDatabase) {
  Engine engine;
  const char* more = std::getenv("VEDETTE_KQL_QUERIES");
  const unsigned count = more == nullptr ? 400 : static_cast<unsigned>(std::atoi(more));
  unsigned compiled = 0;
  for (unsigned seed = 1; seed <= count; ++seed) {
    const std::string query = Generator(seed).query();
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const auto answer = engine.ask(query, {}, options_at_fixed_time());
    if (answer) {
      ++compiled;
      continue;
    }
    // Numbers that overflow are the one thing that only the rows decide.
    const bool overflow = answer.error().database.starts_with("Out of Range Error") ||
                          answer.error().database.starts_with("Conversion Error") ||
                          // rand() in what may fail: DuckDB does not try that.
                          answer.error().database.find("volatile function") != std::string::npos;
    EXPECT_TRUE(answer.error().database.empty() || overflow) << "seed " << seed << "\n"
                                                             << query << "\n"
                                                             << answer.error().database << "\n"
                                                             << answer.error().sql;
    if (overflow) ++compiled;
  }
  EXPECT_GT(compiled, count / 2) << "most generated queries should be good ones";
}

}  // namespace
}  // namespace kql::testing
