// Values for 'declare query_parameters' from outside of the query.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kql/engine_testing.h"

namespace kql::testing {
namespace {

constexpr std::string_view kQuery =
    "declare query_parameters(n:long = 5, s:string, t:datetime = datetime(2020-01-01), d:dynamic = "
    "dynamic(null)); print n, s, t, d";

std::expected<Answer, Failure> ask(Parameters values, std::string_view query = kQuery) {
  Engine engine;
  Options options = options_at_fixed_time();
  options.parameters = std::move(values);
  return engine.ask(query, {}, options);
}

// The one thing that is wrong with the query, with its place.
std::string refusal(Parameters values, std::string_view query = kQuery) {
  const auto answer = ask(std::move(values), query);
  if (answer || answer.error().diagnostics.size() != 1) return "no, or not one, diagnostic";
  const Diagnostic& found = answer.error().diagnostics.front();
  return fmt::format("{}:{} {}", found.line, found.column, found.message);
}

// The value that a parameter of the type has for the query.
std::string printed(std::string_view type, base::json::Value value) {
  const auto answer =
      ask({{"x", std::move(value)}}, fmt::format("declare query_parameters(x:{}); print x", type));
  return answer ? answer->rows.at(0).at(0) : answer.error().diagnostics.at(0).message;
}

base::json::Value json(std::string_view text) {
  auto parsed = base::json::parse(text);
  return parsed ? std::move(*parsed) : base::json::Value("no JSON");
}

TEST(Parameters, TakeValuesFromOutside) {
  const auto answer = ask({{"n", "7"},
                           {"s", "it's; print 1"},
                           {"t", "datetime(2021-02-03T04:05:06Z)"},
                           {"d", "[1, \"a\"]"}});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->rows,
            (std::vector<std::vector<std::string>>{
                {"7", "it's; print 1", "2021-02-03T04:05:06.0000000Z", "[1, \"a\"]"}}));
}

TEST(Parameters, KeepTheirDefaults) {
  const auto answer = ask({{"s", "\"quoted\""}});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->rows[0][0], "5");
  EXPECT_EQ(answer->rows[0][2], "2020-01-01T00:00:00.0000000Z");
  EXPECT_EQ(answer->rows[0][3], "null");
}

TEST(Parameters, TextIsTakenToTheLetterForAString) {
  for (const char* text : {"null", "'x'", "\"x\"", "string(x)", " x ", "it's", "a\\b", "x'; --"}) {
    const auto answer = ask({{"x", text}, {"y", text}},
                            "declare query_parameters(x:string, y:string); "
                            "print strlen(x), x == y");
    ASSERT_TRUE(answer.has_value()) << text;
    EXPECT_EQ(answer->rows[0][0], std::to_string(std::string_view(text).size())) << text;
    EXPECT_EQ(answer->rows[0][1], "true");
  }
}

TEST(Parameters, TakeJsonOfTheirType) {
  EXPECT_EQ(printed("bool", true), "true");
  EXPECT_EQ(printed("bool", "false"), "false");
  EXPECT_EQ(printed("int", std::int64_t{7}), "7");
  EXPECT_EQ(printed("long", std::int64_t{-7'000'000'000}), "-7000000000");
  EXPECT_EQ(printed("long", "long(7)"), "7");
  EXPECT_EQ(printed("real", std::int64_t{2}), "2");
  EXPECT_EQ(printed("real", 0.5), "0.5");
  EXPECT_EQ(printed("decimal", "0.5"), printed("decimal", 0.5));
  EXPECT_EQ(printed("timespan", "1h"), "01:00:00");
  EXPECT_EQ(printed("datetime", "2026-01-31"), "2026-01-31T00:00:00.0000000Z");
  EXPECT_EQ(printed("datetime", "'2026-01-31'"), "2026-01-31T00:00:00.0000000Z");
  EXPECT_EQ(printed("dynamic", json(R"({"a":[1,"b"]})")), R"({"a":[1,"b"]})");
  EXPECT_EQ(printed("long", json("null")), "null");
  EXPECT_EQ(printed("guid", "74be27de-1e4e-49d9-b579-fe0b331d3642"),
            "74be27de-1e4e-49d9-b579-fe0b331d3642");
}

TEST(Parameters, OfAnotherTypeSayWhatWasExpectedAndWhatWasFound) {
  EXPECT_EQ(refusal({{"s", "x"}, {"n", "1 + 1"}}),
            "1:26 the value given for 'n' should be of type long, such as 7; found the text "
            "\"1 + 1\"");
  EXPECT_EQ(refusal({{"s", "x"}, {"n", true}}),
            "1:26 the value given for 'n' should be of type long, such as 7; found true");
  EXPECT_EQ(refusal({{"s", "x"}, {"n", 1.5}}),
            "1:26 the value given for 'n' should be of type long, such as 7; found 1.5");
  EXPECT_EQ(refusal({{"s", std::int64_t{5}}}),
            "1:38 the value given for 's' should be of type string, such as \"text\"; found 5");
  EXPECT_EQ(
      refusal({{"s", json(R"(["a"])")}}),
      "1:38 the value given for 's' should be of type string, such as \"text\"; found a list");
  EXPECT_THAT(refusal({{"s", "x"}, {"t", "yesterday"}}),
              ::testing::HasSubstr("of type datetime, such as 2026-01-31T12:00:00Z; found the "
                                   "text \"yesterday\""));
  EXPECT_THAT(refusal({{"s", "x"}, {"d", "[1,"}}), ::testing::HasSubstr("of type dynamic"));
  EXPECT_THAT(printed("int", std::int64_t{3'000'000'000}),
              ::testing::HasSubstr("found 3000000000"));
  EXPECT_THAT(printed("timespan", std::int64_t{5}), ::testing::HasSubstr("found 5"));
  EXPECT_THAT(printed("long", std::string(100, 'x')), ::testing::HasSubstr("xxx\"..."));
}

TEST(Parameters, AreNeededWithoutADefault) {
  EXPECT_EQ(refusal({}),
            "1:38 the parameter 's' needs a value of type string, such as \"text\": it has no "
            "default");
}

TEST(Parameters, ThatNobodyDeclaredAreRefused) {
  EXPECT_EQ(refusal({{"s", "x"}, {"device", "d1"}}),
            "1:26 a value is given for 'device', but the query declares only n, s, t, d");
  EXPECT_EQ(refusal({{"device", "d1"}, {"devcie", "d1"}},
                    "declare query_parameters(device:string); print device"),
            "1:26 a value is given for 'devcie', but the query does not declare it; did you mean "
            "'device'?");
  EXPECT_THAT(refusal({{"x", "1"}}, "print 1"), ::testing::HasSubstr("declares no parameters"));
}

TEST(Parameters, ThatCannotBeTextAreRefused) {
  EXPECT_THAT(refusal({{"s", std::string("a\0b", 3)}}), ::testing::HasSubstr("zero byte"));
  EXPECT_THAT(refusal({{"s", "a\xff"}}), ::testing::HasSubstr("UTF-8"));
  EXPECT_THAT(refusal({{"s", std::string(kMaxParameterBytes + 1, 'x')}}),
              ::testing::HasSubstr("longer than 64 KiB"));
}

TEST(Parameters, AreScalarsEachWithANameOfItsOwn) {
  EXPECT_EQ(refusal({}, "declare query_parameters(a:long = 1, a:long = 2); print a"),
            "1:38 a second parameter 'a'");
  EXPECT_THAT(refusal({}, "declare query_parameters(t:(a:long)); print 1"),
              ::testing::HasSubstr("cannot be a table"));
}

TEST(Parameters, CanBeListedWhateverElseIsWrong) {
  const auto found = declared_parameters(
      "declare query_parameters(device:string, days:long = 7); NoTable | where wher");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "device");
  EXPECT_EQ(found[0].type, Type::String);
  EXPECT_TRUE(found[0].required);
  EXPECT_EQ(found[1].type, Type::Long);
  EXPECT_FALSE(found[1].required);
  EXPECT_TRUE(declared_parameters("print 1").empty());
  EXPECT_TRUE(declared_parameters(std::string("print \0", 7)).empty());
}

}  // namespace
}  // namespace kql::testing
