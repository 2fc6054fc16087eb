// What hostile or careless queries cost: every one of these ends soon, with an answer or an error.

#include <ctime>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kql/engine_testing.h"

namespace kql::testing {
namespace {

std::string repeated(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += text;
  return out;
}

std::string first_error(std::string_view query) {
  const auto compiled = compile(query, {}, options_at_fixed_time());
  return compiled ? "" : compiled.error().front().message;
}

TEST(Limits, RefusesNestingBeyondTheStack) {
  EXPECT_NE(first_error("print " + repeated("(", 30000)).find("nested more than"),
            std::string::npos);
  EXPECT_NE(first_error("print " + repeated("-", 30000) + "1").find("nested more than"),
            std::string::npos);
  EXPECT_NE(first_error("print dynamic(" + repeated("[", 30000)).find("nested more than"),
            std::string::npos);
  EXPECT_NE(first_error(repeated("union (", 8000)).find("nested more than"), std::string::npos);
}

TEST(Limits, RefusesEndlessChains) {
  EXPECT_NE(first_error("print 1" + repeated(" + 1", 10000)).find("more than 200 terms"),
            std::string::npos);
  EXPECT_NE(first_error("print 1" + repeated(" * 1", 10000)).find("more than 200 factors"),
            std::string::npos);
  EXPECT_NE(
      first_error("print true" + repeated(" == true", 7000)).find("more than 200 comparisons"),
      std::string::npos);
  EXPECT_NE(first_error("print x = 1" + repeated(" | count", 7000)).find("more than 200 operators"),
            std::string::npos);
}

TEST(Limits, RefusesTextsThatAreTooLong) {
  EXPECT_EQ(first_error(std::string(kMaxQueryBytes + 1, ' ')), "the query is longer than 64 KiB");
  EXPECT_EQ(first_error(std::string("print 1\0", 8)), "a zero byte in the query");
  EXPECT_EQ(first_error("print '\xFF'"), "the query is not valid UTF-8");
}

TEST(Limits, RunsTheDeepestThatItAccepts) {
  Engine engine;
  const std::string query = "print x = 1" + repeated(" | extend x = x + 1 | where x > 0", 100);
  const auto answer = engine.ask(query, {}, options_at_fixed_time());
  ASSERT_TRUE(answer.has_value()) << answer.error().database;
  EXPECT_EQ(answer->rows.front().front(), "101");
}

// A scan's steps carry the state of those before along.
TEST(Limits, RunsTheWidestScan) {
  Engine engine;
  std::string query = "range x from 1 to 3 step 1 | scan declare (y:long=0) with (step s0: true;";
  for (int i = 1; i < 16; ++i) {
    query += fmt::format("step s{}: s{}.x > 0 => y = s0.x + s{}.x + s{}.y;", i, i - 1, i - 1, i);
  }
  const auto answer = engine.ask(query + ") | count", {}, options_at_fixed_time());
  ASSERT_TRUE(answer.has_value()) << answer.error().database;
  EXPECT_NE(first_error(query + "step s16: true;)").find("more than 16 steps"), std::string::npos);
}

TEST(Limits, RefusesEndlessLevels) {
  EXPECT_NE(first_error("range a from 1 to 3 step 1 | top-nested of a by count()" +
                        repeated(", top-nested of a by count()", 2000))
                .find("more than 16 levels"),
            std::string::npos);
}

TEST(Limits, LetsDoNotMultiply) {
  std::string query = "let a0 = strcat('x', tostring(now()));\n";
  for (int i = 1; i <= 60; ++i)
    query += fmt::format("let a{} = strcat(a{}, a{});\n", i, i - 1, i - 1);
  const auto compiled = compile(query + "print strlen(a20)", {}, options_at_fixed_time());
  ASSERT_TRUE(compiled.has_value());
  EXPECT_LT(compiled->sql.size(), 100'000U);
}

TEST(Limits, FunctionsDoNotMultiply) {
  std::string query = "let f0 = (x:long) { x + x };\n";
  for (int i = 1; i <= 60; ++i) {
    query += fmt::format("let f{} = (x:long) {{ f{}(f{}(x)) }};\n", i, i - 1, i - 1);
  }
  EXPECT_NE(first_error(query + "print f60(1)"), "");
}

TEST(Limits, MacrosDoNotMultiply) {
  std::string query = "1";
  for (int i = 0; i < 15; ++i)
    query = fmt::format("bin({}, 2)", query);
  EXPECT_NE(first_error("print x = 1 | project " + query), "");
}

TEST(Limits, TablesOfLetAreBoundOnce) {
  Engine engine;
  std::string query = "let t0 = range x from 1 to 3 step 1;\n";
  for (int i = 1; i <= 12; ++i) {
    query +=
        fmt::format("let t{} = t{} | join kind=inner t{} on x | project x;\n", i, i - 1, i - 1);
  }
  const auto compiled = compile(query + "t12 | count", {}, options_at_fixed_time());
  ASSERT_TRUE(compiled.has_value());
  EXPECT_LT(compiled->sql.size(), 20'000U);
}

// The text as long as a query may be, filled with `part`; `around` says where.
std::string filled(std::string_view before, std::string_view part, std::string_view after) {
  std::string out(before);
  while (out.size() + part.size() + after.size() < kMaxQueryBytes)
    out += part;
  return out + std::string(after);
}

// 64 KiB of each thing that can be repeated: compiled or refused in time that grows with the text,
// and not with its square.
TEST(Limits, CompilesTheLongestQueriesSoon) {
  const std::string table = "let T = datatable(a:string, b:long, d:dynamic)[];\n";
  const std::vector<std::string> queries{
      filled("print x = 1 in (1", ", 2", ")"),
      filled("print x = 'a' in~ ('a'", ", 'b'", ")"),
      filled("print x = 'a' has_any ('a'", ", 'b'", ")"),
      filled("print x = 'a' has_all ('a'", ", 'b'", ")"),
      filled("print x = case(true, 1", ", false, 2", ", 3)"),
      filled("print x = strcat('a'", ", 'b'", ")"),
      filled("print x = coalesce(1", ", 2", ")"),
      filled("print x = max_of(1", ", 2", ")"),
      filled("print x = pack_array(1", ", 2", ")"),
      filled("print x = dynamic([1", ",2", "])"),
      filled("print x = true", " and true", ""),
      filled("datatable(x:long)[1", ",2", "]"),
      filled(table + "union T", ", T", ""),
      filled("let a = 1;\n", "let a = 1;\n", "print a"),
      filled("let a = (x:long) { x };\n", "let a = (x:long) { x };\n", "print a(1)"),
      filled(table + "T | project a", ", a", ""),
      filled(table + "T | extend x = 1", ", x = 1", ""),
      filled(table + "T | where a", " == 'a' and a", " == 'b'"),
      filled(table + "T | summarize count()", ", count()", " by a"),
      filled(table + "T | summarize by b", ", b + 1", ""),
      filled(table + "T | sort by a", ", a", ""),
      filled(table + "T | project-reorder a", ", *a*b*c*", ""),
      filled(table + "T", " | join (T) on a", ""),
      filled(table + "T", " | join (T", ""),
      filled(table + "T", " | mv-expand d", ""),
      filled(table + "T", " | mv-apply d on (", ""),
      filled(table + "T | where a in (", "T | where a in (", ""),
      filled("print ", "iff(true, 1, ", ""),
      filled("print ", "strcat(", ""),
      filled("print ", "not(", ""),
      filled("print ", "-", "1"),
      filled("print ", "'a' ", ""),
      filled("print x = 'a'", "['b']", ""),
      filled("print x = dynamic({})", ".b", ""),
      filled("", "|", ""),
      filled("", "{", ""),
      filled("", "let a = ", ""),
      filled("// ", "x", ""),
  };
  for (const std::string& query : queries) {
    // Of the processor's time, of which other work on the machine takes none.
    const std::clock_t start = std::clock();
    const auto compiled = compile(query, {}, options_at_fixed_time());
    const std::clock_t spent = std::clock() - start;
    // Ten times what it takes at the most.
    EXPECT_LT(spent, 3 * CLOCKS_PER_SEC) << query.substr(0, 100);
    if (compiled) {
      EXPECT_LT(compiled->sql.size(), 32U << 20U) << query.substr(0, 100);
    }
  }
}

}  // namespace
}  // namespace kql::testing
