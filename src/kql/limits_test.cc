// What hostile or careless queries cost: every one of these ends soon, with an answer or an error.

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

}  // namespace
}  // namespace kql::testing
