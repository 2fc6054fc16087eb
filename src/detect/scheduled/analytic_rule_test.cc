#include "detect/scheduled/analytic_rule.h"

#include <gtest/gtest.h>

#include "detect/scheduled/analytics.h"
#include "store/catalogue.h"

namespace detect::scheduled {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kHead =
    "id: 3a1f6f0e-7d1c-4b55-8f6e-0c8f1f7d2a11\n"
    "name: Too many logins\n"
    "severity: medium\n"
    "query: Login | where Result == 'Fail'\n";
constexpr std::string_view kTimes = "queryFrequency: 5m\nqueryPeriod: PT1H\n";

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts)
    out += part;
  return out;
}
std::string text(std::string_view more) {
  return joined({kHead, kTimes, more});
}

std::string problem_of(const std::string& yaml) {
  const auto rule = parse(yaml);
  return rule ? "" : rule.error().to_string("r.yaml");
}

TEST(AnalyticRule, IsReadAsItsTemplatesAreWritten) {
  const auto rule = parse(text(R"(
description: |
  'Somebody tries.'
triggerOperator: gt
triggerThreshold: 20
tactics:
  - CredentialAccess
relevantTechniques: [T1110]
requiredDataConnectors:
  - connectorId: IoT
    dataTypes: [SecurityAlert (ASC for IoT)]
entityMappings:
  - entityType: IP
    fieldMappings:
      - identifier: Address
        columnName: RemoteAddress
customDetails:
  User: UserName
alertDetailsOverride:
  alertDisplayNameFormat: 'Logins from {{RemoteAddress}} as {{ UserName }}'
eventGroupingSettings:
  aggregationKind: AlertPerResult
incidentConfiguration:
  createIncident: true
  groupingConfiguration:
    enabled: true
    matchingMethod: Selected
    groupByEntities: [ip]
    groupByCustomDetails: [User]
suppressionEnabled: true
suppressionDuration: 2h
status: Available
version: 1.0.3
kind: Scheduled
)"));
  ASSERT_TRUE(rule) << rule.error().message;
  EXPECT_EQ(rule->name, "Too many logins");
  EXPECT_EQ(rule->description, "Somebody tries.");
  EXPECT_EQ(rule->severity, Severity::Medium);
  EXPECT_EQ(rule->frequency, 5min);
  EXPECT_EQ(rule->period, 1h);
  EXPECT_EQ(rule->threshold, 20);
  EXPECT_EQ(rule->aggregation, Aggregation::AlertPerResult);
  EXPECT_EQ(rule->grouping, Grouping::Selected);
  EXPECT_EQ(rule->suppression, 2h);
  ASSERT_EQ(rule->entities.size(), 1U);
  EXPECT_EQ(rule->entities[0].fields[0].column, "RemoteAddress");
  EXPECT_EQ(columns_in(rule->title_format),
            (std::vector<std::string>{"RemoteAddress", "UserName"}));
  EXPECT_TRUE(rule->warnings.empty());
}

TEST(AnalyticRule, NearRealTimeIsEachMinute) {
  const auto rule = parse(joined({kHead, "kind: NRT\n"}));
  ASSERT_TRUE(rule) << rule.error().message;
  EXPECT_EQ(rule->frequency, 1min);
  EXPECT_EQ(rule->period, 1min);
}

TEST(AnalyticRule, WhatHasNoEffectIsToldAndNoError) {
  const auto rule = parse(text(
      "incidentConfiguration:\n  groupingConfiguration:\n    enabled: true\n    lookbackDuration: "
      "5h\n"));
  ASSERT_TRUE(rule);
  ASSERT_EQ(rule->warnings.size(), 1U);
  EXPECT_EQ(rule->warnings[0].line, 10);
}

TEST(AnalyticRule, SaysWhereItIsWrong) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"- a\n", "r.yaml:1:1: expected an analytic rule"},
      {"id: 7\nname: x\n", "r.yaml:1:5: expected 'id' to be a GUID, found '7'"},
      {joined({kHead}), "expected 'queryFrequency' to be a time of 1m to 14d"},
      {joined({kHead, "queryFrequency: 2h\nqueryPeriod: 1h\n"}),
       "r.yaml:6:14: expected 'queryPeriod' to be at least as long"},
      {joined({kHead, "queryFrequency: 15d\nqueryPeriod: 15d\n"}),
       "r.yaml:5:17: expected 'queryFrequency' to be a time of 1m to 14d"},
      {text("triggerOperator: more\n"),
       "r.yaml:7:18: expected 'triggerOperator' to be one of gt, GreaterThan"},
      {text("triggerThreshold: -1\n"), "found '-1'"},
      {text("queryFreqency: 5m\n"), "did you mean 'queryFrequency'?"},
      {text("kind: Fusion\n"), "expected 'kind' to be Scheduled or NRT, found 'Fusion'"},
      {text("entityMappings:\n  - entityType: IP\n"), "expected 'fieldMappings' to be a list"},
      {text("entityMappings: [1]\n"), "expected an entity"},
      {text("customDetails: [a]\n"), "expected 'customDetails'"},
      {text("incidentConfiguration:\n  groupingConfiguration:\n    enabled: true\n    "
            "matchingMethod: Selected\n    groupByEntities: [Host]\n"),
       "'groupByEntities' names 'Host'"},
      {text("x: {\n"), "not YAML"},
      {joined({kHead, "description: ", std::string(kMaxRuleBytes, 'x')}), "at most 256 KiB"},
  };
  for (const auto& [yaml, message] : table)
    EXPECT_NE(problem_of(yaml).find(message), std::string::npos) << message << "\n"
                                                                 << problem_of(yaml);
}

TEST(AnalyticRule, AQueryThatDoesNotCompileIsRefusedWithItsPlace) {
  const std::string yaml = joined({"id: 3a1f6f0e-7d1c-4b55-8f6e-0c8f1f7d2a11\nname: x\n",
                                   "severity: Low\nquery: Logon | take 1\n", kTimes});
  const auto rule = check(yaml, store::catalogue());
  ASSERT_FALSE(rule);
  EXPECT_NE(rule.error().to_string().find("did you mean 'Login'?"), std::string::npos)
      << rule.error().to_string();
}

TEST(AnalyticRule, AllThatComeWithTheProgramAreGood) {
  ASSERT_FALSE(builtin_rules().empty());
  for (const BuiltinRule& builtin : builtin_rules()) {
    const auto rule = check(builtin.text, store::catalogue());
    ASSERT_TRUE(rule) << builtin.file << ": " << rule.error().to_string();
    EXPECT_TRUE(rule->warnings.empty()) << builtin.file;
    EXPECT_FALSE(rule->description.empty()) << builtin.file;
    EXPECT_FALSE(rule->remediation.empty()) << builtin.file;
  }
}

}  // namespace
}  // namespace detect::scheduled
