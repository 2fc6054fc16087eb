#include "kql/evaluator/evaluator.h"

#include <gtest/gtest.h>

#include "kql/evaluator/generator.h"
#include "kql/evaluator/shrink.h"
#include "kql/parse/parse.h"

namespace kql::evaluator {
namespace {

std::expected<Answer, Refusal> run(const std::string& query) {
  Diagnostics diagnostics(query);
  const ast::Tree tree = parse::parse(diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << query;
  return evaluate(tree, {}, 0);
}

// The rows as texts.
std::string shown(const std::string& query) {
  const auto answer = run(query);
  if (!answer) return "refused: " + answer.error().why;
  std::string out;
  for (const Row& row : answer->table.rows) {
    for (const Cell& cell : row)
      out += canonical(cell) + " ";
    out += "\n";
  }
  return out;
}

std::string refusal(const std::string& query) {
  const auto answer = run(query);
  return answer ? "" : answer.error().why;
}

TEST(Evaluate, KnowsNulls) {
  EXPECT_EQ(shown("print int(null) == int(null), int(null) == 5, int(null) != 5, int(null) < 5"),
            "null false true null \n");
  EXPECT_EQ(shown("print bool(null) and false, bool(null) or true, bool(null) and true"),
            "false true null \n");
  EXPECT_EQ(shown("print tostring(long(null)), isempty(''), isnull('')"), "\"\" true false \n");
}

TEST(Evaluate, ComparesNaNAsNothing) {
  EXPECT_EQ(shown("print real(nan) == real(nan), real(nan) > 1, real(nan) != 1.0"),
            "false false true \n");
}

TEST(Evaluate, SortsNullsAndNaNTogether) {
  const std::string table = "datatable(x:real)[1.0, real(nan), real(null), 2.0] | sort by x ";
  EXPECT_EQ(shown(table + "asc"), "null \nnan \n1 \n2 \n");
  EXPECT_EQ(shown(table + "desc"), "2 \n1 \nnan \nnull \n");
  EXPECT_EQ(shown(table + "asc nulls last"), "1 \n2 \nnan \nnull \n");
}

TEST(Evaluate, MatchesTerms) {
  EXPECT_EQ(shown("print 'North America' has 'amer', 'a-b_c' has 'b', 'größer' has 'größe'"),
            "false true false \n");
}

TEST(Evaluate, RefusesWhatHasNoSingleAnswer) {
  const std::string table = "datatable(k:string, x:long)['a', 1, 'a', 2] ";
  EXPECT_NE(refusal(table + "| take 1"), "");
  EXPECT_NE(refusal(table + "| sort by k | take 1"), "");
  EXPECT_EQ(refusal(table + "| sort by x | take 1"), "");
  EXPECT_NE(refusal(table + "| summarize make_list(x)"), "");
  EXPECT_NE(refusal(table + "| join (datatable(k:string)['a']) on k"), "");
  EXPECT_EQ(refusal(table + "| join kind=inner (datatable(k:string)['a']) on k"), "");
  EXPECT_NE(refusal(table + "| extend prev(x)"), "");
}

TEST(Evaluate, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(refusal("print nonsense(1)"), "the function nonsense");
  EXPECT_NE(refusal("print decimal(1) + 1"), "");
}

TEST(Evaluate, SaysThatNumbersOverflowed) {
  EXPECT_TRUE(run("print x = 9223372036854775807 + 1")->overflowed);
  EXPECT_FALSE(run("print x = 9223372036854775806 + 1")->overflowed);
}

TEST(Evaluate, GivesUpOnTooMuch) {
  std::string query = "let T = range x from 1 to 900 step 1; T";
  for (int i = 0; i < 4; ++i)
    query += " | extend y = 1 | join kind=inner (T | extend y = 1) on y | project x";
  EXPECT_NE(refusal(query), "");
}

TEST(Evaluate, TypesColumnsWithoutRows) {
  const auto answer = run("datatable(x:int)[] | extend y = x + 1.5, z = strcat(x, 'a')");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->table.columns[1].type, Type::Real);
  EXPECT_EQ(answer->table.columns[2].type, Type::String);
}

TEST(Shrink, LeavesWhatMatters) {
  const std::string query =
      "datatable(x:long, s:string)[1, 'a', 2, 'b', 3, 'c'] | where x > 0 and s has 'b' | extend y "
      "= "
      "strlen(toupper(s)) | sort by x";
  const std::string smallest = shrink(
      query,
      [](const std::string& candidate) { return candidate.find("toupper(") != std::string::npos; },
      2000);
  EXPECT_LT(smallest.size(), 40U) << smallest;
  EXPECT_NE(smallest.find("toupper("), std::string::npos);
}

TEST(Generator, MakesAQueryOfNothing) {
  const std::string query = Generator([](std::size_t) { return std::size_t{0}; }).query();
  Diagnostics diagnostics(query);
  parse::parse(diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << query;
}

}  // namespace
}  // namespace kql::evaluator
