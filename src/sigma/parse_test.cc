#include <gtest/gtest.h>

#include "sigma/rule.h"

namespace sigma {
namespace {

// A rule up to its detection: five lines.
std::string with_head(std::string_view rest) {
  std::string rule = "title: Test\n";
  rule += "id: 0d9d37ab-2b7c-4a0f-9a94-2f8d7cf3c2a1\n";
  rule += "logsource:\n  product: linux\n  category: process_creation\n";
  rule += rest;
  return rule;
}

Problem problem_of(std::string_view yaml) {
  const auto parsed = parse(yaml, {{"list", {"a"}}, {"none", {}}});
  EXPECT_TRUE(parsed.rules.empty()) << yaml;
  EXPECT_EQ(parsed.problems.size(), 1U) << yaml;
  return parsed.problems.empty() ? Problem{} : parsed.problems.front();
}

TEST(ParseRule, ReadsWhatARuleSays) {
  const auto parsed = parse(with_head(R"(
description: >-
  Two lines
  of text.
author: Somebody
level: high
tags: [attack.impact, attack.t1496.001, attack.command-and-control, attack.g0049, cve.2021-1]
references: [https://example.com/]
falsepositives:
  - None
custom: { anything: goes }
vedette:
  why: Because.
  entity: [Image, User]
  aliases: Old name
  remediation:
    - First
    - Then
detection:
  selection:
    Image|endswith: [/a, /b]
    CommandLine|contains|all: [one, two]
  words: [foo, bar]
  several:
    - User: root
    - User: null
  condition: selection and (words or several)
)"));
  ASSERT_EQ(parsed.problems.size(), 0U) << parsed.problems.front().to_string("test.yml");
  ASSERT_EQ(parsed.rules.size(), 1U);
  const Rule& rule = parsed.rules.front();
  EXPECT_EQ(rule.title, "Test");
  EXPECT_EQ(rule.description, "Two lines of text.");
  EXPECT_EQ(rule.level, Level::High);
  EXPECT_EQ(rule.techniques(), std::vector<std::string>{"T1496.001"});
  EXPECT_EQ(rule.tactics(), (std::vector<std::string>{"Impact", "CommandAndControl"}));
  EXPECT_EQ(rule.vedette.entity, (std::vector<std::string>{"Image", "User"}));
  EXPECT_EQ(rule.vedette.aliases, std::vector<std::string>{"Old name"});
  EXPECT_EQ(rule.vedette.remediation.size(), 2U);
  ASSERT_EQ(rule.selections.size(), 3U);
  const auto& tests = rule.selections[0].alternatives[0];
  ASSERT_EQ(tests.size(), 2U);
  EXPECT_EQ(tests[0].field, "Image");
  EXPECT_FALSE(tests[0].all);
  EXPECT_TRUE(tests[1].all);
  EXPECT_EQ(tests[1].patterns[1].shown, "contains 'two'");
  const auto& words = rule.selections[1].alternatives[0][0];
  EXPECT_EQ(words.field, "");
  EXPECT_EQ(words.patterns.size(), 2U);
  EXPECT_EQ(rule.selections[2].alternatives.size(), 2U);
  EXPECT_EQ(rule.selections[2].alternatives[1][0].patterns[0].compare, Compare::Null);
}

TEST(ParseRule, WithoutIdItGetsOneFromItsTitle) {
  const std::string body = "logsource: {}\ndetection: {s: {Image: x}, condition: s}\n";
  const auto a = parse("title: A\n" + body);
  const auto b = parse("title: B\n" + body);
  ASSERT_EQ(a.rules.size(), 1U);
  EXPECT_EQ(a.rules[0].id, parse("title: A\n" + body).rules[0].id);
  EXPECT_NE(a.rules[0].id, b.rules[0].id);
  EXPECT_EQ(a.rules[0].level, Level::Medium);
}

TEST(ParseRule, SaysWhereAndWhatIsWrong) {
  struct Case {
    std::string yaml;
    int line;
    int column;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"", 1, 1, "expected a rule, found nothing"},
           {"- a\n- b\n", 1, 1, "expected a rule, which is a map, found a list"},
           {"title: [\n", 2, 1, "not YAML"},
           {"title: x\n\tid: y\n", 2, 1, "not YAML"},
           {"logsource: {}\ndetection: {}\n", 1, 1, "expected 'title'"},
           {"title: x\nlogsource: {}\ndetecton: {}\n", 3, 1,
            "expected 'detection', which every rule has; found 'detecton'"},
           {with_head("level: severe\ndetection: {s: {Image: x}, condition: s}\n"), 6, 8,
            "expected 'level' to be informational"},
           {"title: x\nid: 42\nlogsource: {}\ndetection: {}\n", 2, 5, "expected 'id' to be a UUID"},
           {with_head("detection: []\n"), 6, 12, "expected 'detection' to be a map, found a list"},
           {with_head("detection:\n  s: {Image: x}\n"), 7, 3, "expected 'condition'"},
           {with_head("detection:\n  sel: {Image: x}\n  condition: sal\n"), 8, 14,
            "did you mean 'sel'?"},
           {with_head("detection:\n  sel: {Image: x}\n  condition: 'sel and nix'\n"), 8, 23,
            "expected a selection of this rule"},
           {with_head("detection:\n  sel:\n    Image|endwith: x\n  condition: sel\n"), 8, 20,
            "did you mean 'endswith'?"},
           {with_head("detection:\n  sel:\n    Image: {a: b}\n  condition: sel\n"), 8, 12,
            "expected a value, found a map"},
           {with_head("detection:\n  sel:\n    Image: []\n  condition: sel\n"), 8, 12,
            "found an empty list"},
           {with_head("detection:\n  sel: {}\n  condition: sel\n"), 7, 8,
            "expected 'sel' to search for something"},
           {with_head("detection: {s: {Image: x}, condition: s}\nvedette: {remedation: [x]}\n"), 7,
            11, "did you mean 'remediation'?"},
           {with_head("detection: {s: {Image: x}, condition: s}\ntags: {a: b}\n"), 7, 7,
            "expected 'tags' to be a list"},
           {with_head("detection: {s: {Image: x}, condition: s}\nlevl: low\n"), 7, 1,
            "found 'levl' (did you mean 'level'?)"},
           {"title: x\nlogsource: {categry: a}\ndetection: {s: {Image: x}, condition: s}\n", 2, 13,
            "found 'categry' (did you mean 'category'?)"},
           {with_head("detection: {s: {Image|expand: '%lst%'}, condition: s}\n"), 6, 31,
            "expected a list for the placeholder '%lst%' (did you mean '%list%'?)"},
           {with_head("detection: {s: {Image|expand: '%none%'}, condition: s}\n"), 6, 31,
            "expected values in the list"},
           {with_head("detection: {s: {Image|hour|contains: 3}, condition: s}\n"), 6, 38,
            "expected 'hour' alone or with lt"}}) {
    const Problem problem = problem_of(test.yaml);
    EXPECT_EQ(problem.line, test.line) << test.yaml << problem.message;
    EXPECT_EQ(problem.column, test.column) << test.yaml << problem.message;
    EXPECT_NE(problem.message.find(test.message), std::string::npos) << problem.message;
  }
  EXPECT_EQ((Problem{3, 7, "no"}).to_string("a.yml"), "a.yml:3:7: no");
}

TEST(ParseFilter, ReadsBothWaysOfWriting) {
  for (const char* condition : {"selection", "not selection"}) {
    const auto parsed = parse(
        "title: Our admins\nlogsource: {category: process_creation}\nfilter:\n"
        "  rules: [0D9D37AB-2B7C-4A0F-9A94-2F8D7CF3C2A1, some_rule]\n"
        "  selection: {User|startswith: adm_}\n  condition: " +
        std::string(condition) + "\n");
    ASSERT_EQ(parsed.problems.size(), 0U) << parsed.problems[0].to_string("f.yml");
    ASSERT_EQ(parsed.filters.size(), 1U);
    const Filter& filter = parsed.filters[0];
    ASSERT_EQ(filter.rules.size(), 2U);
    EXPECT_EQ(filter.rules[1].text, "some_rule");
    EXPECT_EQ(filter.rules[1].line, 4);
    EXPECT_EQ(filter.condition.kind, Condition::Kind::Selection);
    EXPECT_EQ(filter.selections.size(), 1U);
  }
}

TEST(ParseFilter, SaysWhereAndWhatIsWrong) {
  struct Case {
    const char* yaml;
    int line;
    int column;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"title: x\nfilter: {rules: a, s: {Image: x}, condition: s}\n", 1, 1,
            "expected 'logsource', which every filter has"},
           {"title: x\nlogsource: {}\nfilter: [a]\n", 3, 9, "expected 'filter' to be a map"},
           {"title: x\nlogsource: {}\nfilter: {s: {Image: x}, condition: s}\n", 3, 9,
            "expected 'rules' in 'filter'"},
           {"title: x\nlogsource: {}\nfilter: {rules: a, s: {Image: x}}\n", 3, 9,
            "expected 'condition'"}}) {
    const Problem problem = problem_of(test.yaml);
    EXPECT_EQ(problem.line, test.line) << test.yaml << problem.message;
    EXPECT_EQ(problem.column, test.column) << test.yaml << problem.message;
    EXPECT_NE(problem.message.find(test.message), std::string::npos) << problem.message;
  }
}

TEST(ParseCorrelation, ReadsWhatItSays) {
  const auto parsed = parse(R"(title: Many users from one address
name: spraying
level: high
generate: true
correlation:
  type: value_count
  rules: [failed, 0d9d37ab-2b7c-4a0f-9a94-2f8d7cf3c2a1]
  group-by: [source]
  aliases: {source: {failed: RemoteAddress}}
  timespan: 90m
  condition: {field: User, gt: 100, lte: 200.5}
)");
  ASSERT_EQ(parsed.problems.size(), 0U) << parsed.problems[0].to_string("c.yml");
  ASSERT_EQ(parsed.correlations.size(), 1U);
  const Correlation& correlation = parsed.correlations[0];
  EXPECT_EQ(correlation.type, CorrelationType::ValueCount);
  EXPECT_EQ(correlation.name, "spraying");
  EXPECT_EQ(correlation.level, Level::High);
  EXPECT_TRUE(correlation.generate);
  EXPECT_EQ(correlation.rules.size(), 2U);
  EXPECT_EQ(correlation.group_by[0].text, "source");
  EXPECT_EQ(correlation.aliases[0].fields[0].second.text, "RemoteAddress");
  EXPECT_EQ(correlation.timespan, std::chrono::minutes{90});
  EXPECT_EQ(correlation.fields[0].text, "User");
  EXPECT_EQ(correlation.bounds,
            (std::vector<Bound>{{Bound::Kind::LessEqual, 200.5}, {Bound::Kind::Greater, 100}}));
}

TEST(ParseCorrelation, SaysWhereAndWhatIsWrong) {
  struct Case {
    const char* under;
    int column;
    const char* message;
  };
  for (
      const Case& test : std::initializer_list<Case>{
          {"[a]", 14, "expected 'correlation' to be a map"},
          {"{type: event_count}", 14, "expected 'rules' in 'correlation'"},
          {"{type: event_cont, rules: a, timespan: 1m}", 21, "did you mean 'event_count'?"},
          {"{type: sequence, rules: a, timespan: 1m}", 21, "there are event_count, value_count"},
          {"{type: event_count, rules: [], timespan: 1m}", 41, "ids or names of rules, found none"},
          {"{type: event_count, rules: [a, a], timespan: 1m}", 45, "expected 'a' once in 'rules'"},
          {"{type: temporal, rules: a, timespan: 1m}", 38, "expected two rules or more"},
          {"{type: event_count, rules: a, timespam: 1m}", 44, "did you mean 'timespan'?"},
          {"{type: event_count, rules: a, timespan: 1M}", 54, "such as 30s, 5m, 1h or 2d"},
          {"{type: event_count, rules: a, timespan: 0m}", 54, "such as 30s"},
          {"{type: event_count, rules: a, timespan: 367d}", 54, "at most 366 days"},
          {"{type: event_count, rules: a, timespan: 1m}", 14, "expected 'condition'"},
          {"{type: event_count, rules: a, timespan: 1m, condition: a > 5}", 69,
           "expected 'condition' to be a map, such as {gte: 5}"},
          {"{type: event_count, rules: a, timespan: 1m, condition: {ge: 5}}", 70,
           "expected a key of 'condition', found 'ge'"},
          {"{type: event_count, rules: a, timespan: 1m, condition: {gte: many}}", 75,
           "expected a number in 'gte'"},
          {"{type: event_count, rules: a, timespan: 1m, condition: {gte: 5, field: x}}", 85,
           "expected no 'field': 'event_count' counts events"},
          {"{type: value_sum, rules: a, timespan: 1m, condition: {gte: 5}}", 67,
           "expected 'field'"},
          {"{type: value_sum, rules: a, timespan: 1m, condition: {gte: 5, field: [x, y]}}", 83,
           "expected one field for 'value_sum'"},
          {"{type: value_avg, rules: a, timespan: 1m, condition: {gte: 5, field: x, percentile: "
           "9}}",
           98, "with value_percentile only"},
          {"{type: value_percentile, rules: a, timespan: 1m, condition: {gte: 5, field: x, "
           "percentile: 101}}",
           105, "from 0 to 100"},
          {"{type: event_count, rules: a, timespan: 1m, condition: {gte: 5}, aliases: {u: {b: x}}}",
           93, "expected a rule of this correlation"},
          {"{type: event_count, rules: a, timespan: 1m, condition: {gte: 5}, generate: maybe}", 89,
           "expected true or false"}}) {
    const Problem problem = problem_of("title: x\ncorrelation: " + std::string(test.under) + "\n");
    EXPECT_EQ(problem.line, 2) << test.under << problem.message;
    EXPECT_EQ(problem.column, test.column) << test.under << problem.message;
    EXPECT_NE(problem.message.find(test.message), std::string::npos) << problem.message;
  }
}

TEST(ParseRule, PlacesCountFromTheBeginningOfTheFile) {
  const std::string good = with_head("detection: {s: {Image: x}, condition: s}\n");
  const auto parsed = parse(good + "---\n" + good);
  ASSERT_EQ(parsed.rules.size(), 2U);
  EXPECT_EQ(parsed.rules[1].log_source.line, 11);
  EXPECT_EQ(parsed.rules[1].selections[0].alternatives[0][0].line, 13);
}

TEST(ParseRule, ABadDocumentLeavesItsNeighboursAlone) {
  const std::string good = with_head("detection: {s: {Image: x}, condition: s}\n");
  const auto parsed = parse(good + "---\ntitle: bad\n---\n" + good);
  EXPECT_EQ(parsed.rules.size(), 2U);
  ASSERT_EQ(parsed.problems.size(), 1U);
  EXPECT_EQ(parsed.problems[0].line, 8);
}

TEST(ParseRule, HostileYamlEnds) {
  EXPECT_EQ(parse(std::string(200'000, '[')).problems.size(), 1U);
  EXPECT_EQ(parse(std::string((1U << 20U) + 1, 'x')).problems.size(), 1U);
  EXPECT_EQ(parse("title: \xFF").problems.size(), 1U);
  // Aliases of aliases of lists: few bytes, very many values.
  std::string bomb = with_head("detection:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
  for (int i = 1; i < 9; ++i) {
    bomb += "  a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j)
      bomb += (j == 0 ? "*a" : ", *a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  const auto parsed = parse(bomb + "  condition: a0\n");
  ASSERT_EQ(parsed.problems.size(), 1U);
  EXPECT_NE(parsed.problems[0].message.find("expected at most"), std::string::npos)
      << parsed.problems[0].message;
}

}  // namespace
}  // namespace sigma
