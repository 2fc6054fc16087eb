// Values for 'declare query_parameters' from outside of the query.

#include <gtest/gtest.h>

#include "kql/engine_testing.h"

namespace kql::testing {
namespace {

constexpr std::string_view kQuery =
    "declare query_parameters(n:long = 5, s:string, t:datetime = datetime(2020-01-01), d:dynamic = "
    "dynamic(null)); print n, s, t, d";

std::expected<Answer, Failure> ask(std::map<std::string, std::string, std::less<>> values) {
  Engine engine;
  Options options = options_at_fixed_time();
  options.parameters = std::move(values);
  return engine.ask(kQuery, {}, options);
}

TEST(Parameters, TakeValuesFromOutside) {
  const auto answer = ask({{"n", "7"},
                           {"s", "it's; print 1"},
                           {"t", "datetime(2021-02-03T04:05:06Z)"},
                           {"d", "[1, \"a\"]"},
                           {"other", "x"}});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->rows,
            (std::vector<std::vector<std::string>>{
                {"7", "it's; print 1", "2021-02-03T04:05:06.0000000Z", "[1, \"a\"]"}}));
}

TEST(Parameters, KeepTheirDefaults) {
  const auto answer = ask({{"s", "\"quoted\""}});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->rows, (std::vector<std::vector<std::string>>{
                              {"5", "quoted", "2020-01-01T00:00:00.0000000Z", "null"}}));
}

TEST(Parameters, AreRefusedWhenTheyAreNoLiterals) {
  for (const auto& [name, value] : std::map<std::string, std::string, std::less<>>{
           {"n", "1 + 1"}, {"t", "yesterday"}, {"d", "[1,"}}) {
    const auto answer = ask({{"s", "x"}, {name, value}});
    ASSERT_FALSE(answer.has_value()) << name;
    ASSERT_EQ(answer.error().diagnostics.size(), 1U);
    EXPECT_NE(answer.error().diagnostics.front().message.find("the value given for '" + name + "'"),
              std::string::npos);
  }
}

TEST(Parameters, AreNeededWithoutADefault) {
  const auto answer = ask({});
  ASSERT_FALSE(answer.has_value());
  EXPECT_NE(answer.error().diagnostics.front().message.find("the parameter 's' needs a value"),
            std::string::npos);
}

}  // namespace
}  // namespace kql::testing
