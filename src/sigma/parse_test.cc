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
  const auto parsed = parse(yaml);
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
           {"title: x\ncorrelation: {type: event_count}\n", 2, 14,
            "correlation rules are not supported"}}) {
    const Problem problem = problem_of(test.yaml);
    EXPECT_EQ(problem.line, test.line) << test.yaml << problem.message;
    EXPECT_EQ(problem.column, test.column) << test.yaml << problem.message;
    EXPECT_NE(problem.message.find(test.message), std::string::npos) << problem.message;
  }
  EXPECT_EQ((Problem{3, 7, "no"}).to_string("a.yml"), "a.yml:3:7: no");
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
