#include "sigma/condition.h"

#include <gtest/gtest.h>

namespace sigma {
namespace {

std::vector<Selection> named(std::initializer_list<const char*> names) {
  std::vector<Selection> out;
  for (const char* name : names)
    out.push_back({name, {}});
  return out;
}

// (a and (not b)) with selections by name.
std::string show(const Condition& condition, const std::vector<Selection>& selections) {
  if (condition.kind == Condition::Kind::Selection) return selections[condition.selection].name;
  std::string out;
  for (const Condition& operand : condition.operands) {
    out += (out.empty() ? "" : " ") + show(operand, selections);
  }
  switch (condition.kind) {
    case Condition::Kind::And:
      return "(and " + out + ")";
    case Condition::Kind::Or:
      return "(or " + out + ")";
    case Condition::Kind::Not:
      return "(not " + out + ")";
    default:
      return "(" + std::to_string(condition.count) + " " + out + ")";
  }
}

TEST(ParseCondition, ReadsTheGrammar) {
  const auto selections = named({"a", "b", "c", "sel_1", "sel_2", "_hidden", "and_more"});
  struct Case {
    const char* text;
    const char* tree;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"a", "a"},
           {"(a)", "a"},
           {" ( ( a ) ) ", "a"},
           {"a and b or c", "(or (and a b) c)"},
           {"a or b and c", "(or a (and b c))"},
           {"(a or b) and c", "(and (or a b) c)"},
           {"not a and b", "(and (not a) b)"},
           {"not (a and b)", "(not (and a b))"},
           {"not not a", "(not (not a))"},
           {"A AND", nullptr},
           {"a AND NOT b", "(and a (not b))"},
           {"1 of sel_*", "(1 sel_1 sel_2)"},
           {"any of sel_*", "(1 sel_1 sel_2)"},
           {"all of sel_*", "(2 sel_1 sel_2)"},
           {"2 of them", "(2 a b c sel_1 sel_2 and_more)"},
           {"all of them and not a", "(and (6 a b c sel_1 sel_2 and_more) (not a))"},
           {"and_more", "and_more"},
           {"1 of *_1", "(1 sel_1)"},
           {"a and\n  b", "(and a b)"}}) {
    const auto parsed = parse_condition(test.text, selections);
    if (test.tree == nullptr) {
      EXPECT_FALSE(parsed) << test.text;
    } else {
      ASSERT_TRUE(parsed) << test.text << ": " << parsed.error().message;
      EXPECT_EQ(show(*parsed, selections), test.tree) << test.text;
    }
  }
}

TEST(ParseCondition, SaysWhereAndWhatWasExpected) {
  const auto selections = named({"selection", "filter"});
  struct Case {
    const char* text;
    std::size_t offset;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"", 0, "expected a selection, 'not', '1 of', 'all of' or '(', found the end"},
           {"selecton and filter", 0, "did you mean 'selection'?"},
           {"selection and", 13, "expected a selection"},
           {"(selection", 10, "expected ')'"},
           {"selection)", 9, "expected 'and', 'or' or the end, found ')'"},
           {"selection filter", 10, "expected 'and', 'or' or the end"},
           {"1 of nothing*", 5, "expected a selection of this rule"},
           {"some of filter*", 0, "expected a number, 'any' or 'all' before 'of'"},
           {"1 of", 4, "expected 'them' or a pattern"},
           {"selection | count() > 5", 10,
            "expected 'and', 'or' or the end, found '| count() > 5'"}}) {
    const auto parsed = parse_condition(test.text, selections);
    ASSERT_FALSE(parsed) << test.text;
    EXPECT_EQ(parsed.error().offset, test.offset) << test.text;
    EXPECT_NE(parsed.error().message.find(test.message), std::string::npos)
        << parsed.error().message;
  }
}

TEST(ParseCondition, HostilePatternsEnd) {
  std::vector<Selection> selections;
  selections.reserve(2000);
  for (int i = 0; i < 2000; ++i)
    selections.push_back({std::string(50, 'a') + std::to_string(i), {}});
  std::string stars;
  for (int i = 0; i < 40; ++i)
    stars += "*a";
  EXPECT_FALSE(parse_condition("1 of " + stars + "*b", selections));
  std::string many = "1 of them";
  for (int i = 0; i < 1000; ++i)
    many += " or 1 of them";
  const auto parsed = parse_condition(many, selections);
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("at most 10000"), std::string::npos)
      << parsed.error().message;
}

TEST(ParseCondition, RefusesDeepNesting) {
  const auto selections = named({"a"});
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "a" + std::string(depth, ')');
  };
  EXPECT_TRUE(parse_condition(nested(60), selections));
  EXPECT_FALSE(parse_condition(nested(100'000), selections));
  std::string nots;
  for (int i = 0; i < 100'000; ++i)
    nots += "not ";
  EXPECT_FALSE(parse_condition(nots + "a", selections));
}

}  // namespace
}  // namespace sigma
