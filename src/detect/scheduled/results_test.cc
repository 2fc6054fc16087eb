#include "detect/scheduled/results.h"

#include <gtest/gtest.h>

namespace detect::scheduled {
namespace {

using namespace std::chrono_literals;

constexpr base::WallTime kEnd = base::WallTime(std::chrono::hours(500'000));
const Window kWindow = {kEnd - 1h, kEnd, 0};

AnalyticRule rule_of(Aggregation aggregation) {
  AnalyticRule rule;
  rule.id = "3a1f6f0e-7d1c-4b55-8f6e-0c8f1f7d2a11";
  rule.name = "Too many logins";
  rule.period = 1h;
  rule.frequency = 5min;
  rule.entities = {{"IP", {{"Address", "From"}}}};
  rule.aggregation = aggregation;
  return rule;
}

store::QueryResult result_of(const std::vector<std::array<std::string, 3>>& rows) {
  store::QueryResult out;
  out.columns = {
      {"DeviceId", kql::Type::String}, {"From", kql::Type::String}, {"User", kql::Type::String}};
  for (const auto& row : rows)
    out.rows.push_back({row[0], row[1], row[2]});
  return out;
}

bool nothing_known(const base::Guid& /*row*/) {
  return false;
}

TEST(Judge, WaitsForItsNumberOfRows) {
  AnalyticRule rule = rule_of(Aggregation::SingleAlert);
  rule.threshold = 2;
  const std::array<std::array<bool, 4>, 4> expected = {{{false, false, false, true},
                                                        {true, true, false, false},
                                                        {false, false, true, false},
                                                        {true, true, false, true}}};
  for (std::size_t trigger = 0; trigger < 4; ++trigger) {
    rule.trigger = static_cast<Trigger>(trigger);
    for (std::size_t rows = 0; rows < 4; ++rows)
      EXPECT_EQ(triggers(rule, rows), expected[trigger][rows]) << trigger << " " << rows;
  }
}

TEST(Judge, OneAlertForAllRowsIsAboutWhatTheyShare) {
  const auto rule = rule_of(Aggregation::SingleAlert);
  const auto same = judge(
      rule, kWindow, result_of({{"d1", "10.0.0.1", "a"}, {"d1", "10.0.0.1", "b"}}), nothing_known);
  ASSERT_EQ(same.findings.size(), 1U);
  EXPECT_EQ(same.findings[0].device_id, "d1");
  EXPECT_EQ(same.findings[0].entity, "10.0.0.1");
  EXPECT_EQ(same.findings[0].hits, 2);
  EXPECT_EQ(same.findings[0].related.size(), 1U);
  EXPECT_EQ(same.rows.size(), 2U);
  EXPECT_EQ(same.findings[0].evidence.details_json,
            R"({"DeviceId":"d1","From":"10.0.0.1","User":"b"})");

  const auto mixed = judge(
      rule, kWindow, result_of({{"d1", "10.0.0.1", "a"}, {"d2", "10.0.0.2", "b"}}), nothing_known);
  ASSERT_EQ(mixed.findings.size(), 1U);
  EXPECT_EQ(mixed.findings[0].device_id, "");
  EXPECT_EQ(mixed.findings[0].entity, "");
}

TEST(Judge, AnAlertPerResultJoinsRowsAboutTheSame) {
  const auto judged =
      judge(rule_of(Aggregation::AlertPerResult), kWindow,
            result_of({{"d1", "10.0.0.1", "a"}, {"d2", "10.0.0.2", "b"}, {"d1", "10.0.0.1", "c"}}),
            nothing_known);
  ASSERT_EQ(judged.findings.size(), 2U);
  EXPECT_EQ(judged.findings[0].device_id, "d1");
  EXPECT_EQ(judged.findings[0].hits, 2);
  EXPECT_EQ(judged.findings[1].entity, "10.0.0.2");
  ASSERT_EQ(judged.findings[1].evidence.matched.size(), 1U);
  EXPECT_EQ(judged.findings[1].evidence.matched[0].field, "IP Address");
}

TEST(Judge, RowsOfAnEarlierRunMakeNothingNew) {
  const auto rule = rule_of(Aggregation::AlertPerResult);
  const auto result = result_of({{"d1", "10.0.0.1", "a"}, {"d2", "10.0.0.2", "b"}});
  const base::Guid first = row_id(rule, result.columns, result.rows[0]);
  const auto judged =
      judge(rule, kWindow, result, [&](const base::Guid& row) { return row == first; });
  ASSERT_EQ(judged.findings.size(), 1U);
  EXPECT_EQ(judged.findings[0].device_id, "d2");
  const auto none = judge(rule, kWindow, result, [](const base::Guid&) { return true; });
  EXPECT_TRUE(none.findings.empty());
}

TEST(Judge, NoRowsCanBeWhatARuleWaitsFor) {
  AnalyticRule rule = rule_of(Aggregation::SingleAlert);
  rule.trigger = Trigger::Below;
  rule.threshold = 1;
  const auto judged = judge(rule, kWindow, result_of({}), nothing_known);
  ASSERT_EQ(judged.findings.size(), 1U);
  EXPECT_NE(judged.findings[0].why.find("gave 0 rows"), std::string::npos);
  EXPECT_NE(judged.findings[0].evidence.event_id, base::Guid());
}

TEST(Judge, NamesAndSeverityComeFromTheFirstRow) {
  AnalyticRule rule = rule_of(Aggregation::AlertPerResult);
  rule.title_format = "Logins of {{User}} from {{ From }}{{";
  rule.severity_column = "User";
  rule.tactics_column = "DeviceId";
  rule.description_format = "{{Nobody}}.";
  const auto judged = judge(rule, kWindow, result_of({{"d1", "10.0.0.1", "high"}}), nothing_known);
  ASSERT_EQ(judged.findings.size(), 1U);
  const RuleInfo& info = judged.findings[0].rule;
  EXPECT_EQ(info.title, "Logins of high from 10.0.0.1{{");
  EXPECT_EQ(info.aliases, std::vector<std::string>{"Too many logins"});
  EXPECT_EQ(info.severity, Severity::High);
  EXPECT_EQ(info.tactics, std::vector<std::string>{"d1"});
  EXPECT_EQ(judged.problems, std::vector<std::string>{"the result has no column 'Nobody'"});
}

TEST(Judge, GroupingDecidesWhatIsTheSame) {
  AnalyticRule rule = rule_of(Aggregation::AlertPerResult);
  rule.custom_details = {{"Who", "User"}};
  const auto result = result_of({{"d", "10.0.0.1", "a"}, {"d", "10.0.0.2", "a"}});
  rule.grouping = Grouping::AnyAlert;
  EXPECT_EQ(judge(rule, kWindow, result, nothing_known).findings.size(), 1U);
  rule.grouping = Grouping::Selected;
  rule.group_custom_details = {"Who"};
  const auto selected = judge(rule, kWindow, result, nothing_known);
  ASSERT_EQ(selected.findings.size(), 1U);
  EXPECT_EQ(selected.findings[0].entity, "a");
  rule.group_entities = {"ip"};
  EXPECT_EQ(judge(rule, kWindow, result, nothing_known).findings.size(), 2U);
}

TEST(Judge, ManyResultsAreBounded) {
  std::vector<std::array<std::string, 3>> rows;
  for (std::size_t i = 0; i < 3 * kMaxAlerts; ++i)
    rows.push_back({"d", "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), "u"});
  const auto judged =
      judge(rule_of(Aggregation::AlertPerResult), kWindow, result_of(rows), nothing_known);
  ASSERT_EQ(judged.findings.size(), kMaxAlerts + 1);
  EXPECT_EQ(judged.findings.back().hits, static_cast<std::int64_t>(2 * kMaxAlerts));
  EXPECT_EQ(judged.findings.back().related.size() + 1, kMaxEvidence);
  EXPECT_EQ(judged.rows.size(), 3 * kMaxAlerts);
}

}  // namespace
}  // namespace detect::scheduled
