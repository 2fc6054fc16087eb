#include "detect/alerts_testing.h"

namespace detect {
namespace {

using std::chrono::hours;

class AlertChangesTest : public AlertsTest {
 protected:
  base::Result<Alert> update(const std::string& id, const AlertUpdate& change,
                             std::int64_t version = 0) {
    return alerts_->update(id, change, version, "ann", at(500));
  }
};

TEST_F(AlertChangesTest, AVerdictClosesAndGoesWithReopening) {
  const std::string id = raise(finding(1));
  const auto refused = update(id, {.verdict = Verdict::Benign});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::Invalid);
  EXPECT_EQ(alerts_->get(id)->version, 1);

  const auto closed = update(id, {.status = Status::Closed, .verdict = Verdict::Benign});
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->verdict, Verdict::Benign);
  EXPECT_EQ(closed->closed, at(500));
  EXPECT_EQ(closed->history.back().detail, "benign");
  EXPECT_EQ(closed->version, 2);

  const auto corrected = update(id, {.verdict = Verdict::TruePositive, .comment = "it was real"});
  ASSERT_TRUE(corrected);
  EXPECT_EQ(corrected->verdict, Verdict::TruePositive);
  EXPECT_EQ(corrected->history.back().action, "verdict");
  EXPECT_EQ(corrected->history.back().comment, "it was real");

  const auto open = update(id, {.status = Status::New});
  ASSERT_TRUE(open);
  EXPECT_EQ(open->verdict, Verdict::None);
  // Without saying what it was, nobody knows.
  EXPECT_EQ(update(id, {.status = Status::Closed})->verdict, Verdict::Undetermined);
}

TEST_F(AlertChangesTest, AssignmentSeverityAndCommentsAreHistory) {
  const std::string id = raise(finding(1));
  ASSERT_TRUE(alerts_->trim_outbox(100));
  changes_.clear();
  const auto changed = update(id, {.status = Status::Active,
                                   .assignee = "bob",
                                   .severity = Severity::Low,
                                   .comment = "Bob looks at it"});
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->assignee, "bob");
  EXPECT_EQ(changed->severity, Severity::Low);
  std::vector<std::string> actions;
  for (const HistoryEntry& entry : changed->history)
    actions.push_back(entry.action + "/" + entry.detail + "/" + entry.comment);
  EXPECT_EQ(actions, (std::vector<std::string>{"created//", "activated//Bob looks at it",
                                               "severity/Low/", "assigned/bob/"}));
  EXPECT_EQ(changes_.size(), 1U);
  const auto rows = *alerts_->outbox(0, 10);
  ASSERT_EQ(rows.size(), 1U) << "one row for one change";
  EXPECT_EQ(rows[0].severity, "Low");
  EXPECT_EQ(rows[0].status, "InProgress");
  EXPECT_EQ(base::json::parse(rows[0].extended_json)->text_or("Owner", ""), "bob");

  ASSERT_TRUE(update(id, {.comment = "still at it"}));
  ASSERT_TRUE(update(id, {.assignee = "bob"})) << "is so already";
  const auto after = *alerts_->get(id);
  EXPECT_EQ(after.history.size(), 5U);
  EXPECT_EQ(after.history.back().action, "commented");
  EXPECT_EQ(after.version, 2) << "comments do not conflict";
  EXPECT_EQ(alerts_->outbox(0, 10)->size(), 1U);
  EXPECT_EQ(update(id, {.assignee = ""})->history.back().action, "unassigned");

  EXPECT_EQ(all({.assignee = "bob"}).size(), 0U);
  EXPECT_EQ(all({.assignee = ""}).size(), 1U);
}

TEST_F(AlertChangesTest, SomebodyElseWasFaster) {
  const std::string id = raise(finding(1));
  ASSERT_TRUE(update(id, {.assignee = "bob"}, 1));
  const auto late = update(id, {.assignee = "eve"}, 1);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, base::Code::Conflict);
  EXPECT_EQ(alerts_->get(id)->assignee, "bob");
  // More of the same is no change by anybody.
  apply({finding(2)});
  EXPECT_TRUE(update(id, {.assignee = "eve"}, 2));
}

TEST_F(AlertChangesTest, DetectorsEndWhatTheyBegan) {
  const std::string silent = raise(finding(1));
  const std::string other = raise(finding(2, "d2"));
  auto over = finding(3);
  over.effect = Effect::Resolve;
  over.why = "The device is back.";
  apply({over});
  const auto resolved = *alerts_->get(silent);
  EXPECT_EQ(resolved.status, Status::Closed);
  EXPECT_EQ(resolved.verdict, Verdict::Resolved);
  EXPECT_EQ(resolved.history.back().actor, "vedette");
  EXPECT_EQ(resolved.history.back().comment, "The device is back.");
  EXPECT_EQ(resolved.hit_count, 1);
  EXPECT_EQ(alerts_->get(other)->status, Status::New);
  EXPECT_EQ(changes_.back().kind, ChangeKind::StatusChanged);
  EXPECT_EQ(alerts_->outbox(0, 100)->back().status, "Resolved");
  // Nothing is open any more, and the journal may come again.
  over.sequence = 4;
  apply({over});
  open();
  apply({finding(1), over});
  EXPECT_EQ(all().size(), 2U);
  EXPECT_EQ(alerts_->get(silent)->history.size(), 2U);
  EXPECT_EQ(alerts_->applied_sequence(), 4U);
  // When it happens again, that is another alert.
  EXPECT_NE(raise(finding(5)), silent);
}

TEST_F(AlertChangesTest, WhatIsTooMuchBecomesOne) {
  std::vector<Finding> many;
  for (std::uint64_t i = 1; i <= 100; ++i)
    many.push_back(finding(i, "d1", "/tmp/" + std::to_string(i)));
  many.push_back(finding(101, "d1", "/tmp/1"));
  many.push_back(finding(102, "d2", "/tmp/102"));
  apply(many);
  EXPECT_EQ(all({.device_id = "d1", .limit = 1000}).size(), 26U);
  const auto rest = all({.entity = std::string(kStormEntity)});
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].hit_count, 75);
  EXPECT_NE(rest[0].why_flagged.find("More than 25 different"), std::string::npos);
  EXPECT_EQ(all({.entity = "/tmp/1"})[0].hit_count, 2) << "it has one of its own";
  EXPECT_EQ(all({.device_id = "d2"}).size(), 1U);
  EXPECT_EQ(alerts_->metrics().stormed.value(), 75U);
  // An hour later there is room again.
  auto later = finding(103, "d1", "/tmp/later");
  later.received = at(102 + 3600);
  apply({later});
  EXPECT_EQ(all({.entity = "/tmp/later"}).size(), 1U);
}

TEST_F(AlertChangesTest, ABulkChangeTouchesWhatItAnnouncedAndNothingElse) {
  for (std::uint64_t i = 1; i <= 6; ++i) {
    auto one = finding(i, "d" + std::to_string(i));
    if (i > 4) one.rule.severity = Severity::Low;
    apply({one});
  }
  const std::string closed = all({.device_id = "d1"})[0].id;
  ASSERT_TRUE(close(closed));
  AlertFilter high;
  high.severity = Severity::High;
  const AlertUpdate benign{
      .status = Status::Closed, .verdict = Verdict::Undetermined, .comment = "maintenance"};
  const auto plan = alerts_->plan(high, benign, "ann", at(2000));
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_EQ(plan->matched, 4);
  EXPECT_EQ(plan->alerts, 3) << "one is closed already";
  EXPECT_EQ(plan->by_severity[static_cast<std::size_t>(Severity::High)], 3);
  EXPECT_EQ(plan->by_status[static_cast<std::size_t>(Status::New)], 3);
  EXPECT_EQ(plan->predicate, "severity is High");
  EXPECT_EQ(plan->effect, "close as undetermined, comment \"maintenance\"");
  EXPECT_EQ(plan->sample.size(), 3U);
  EXPECT_EQ(all({.status = Status::New}).size(), 5U) << "nothing has happened yet";

  // Meanwhile another one arrives that fits, and somebody takes one of them.
  apply({finding(7, "d7")});
  const std::string taken = all({.device_id = "d3"})[0].id;
  ASSERT_TRUE(update(taken, {.assignee = "bob"}));

  EXPECT_EQ(alerts_->carry_out(plan->token, "eve", at(2001)).error().code, base::Code::NotFound);
  const auto done = alerts_->carry_out(plan->token, "ann", at(2001));
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->changed, 2);
  ASSERT_EQ(done->skipped, 1);
  EXPECT_EQ(done->skipped_alerts[0].id, taken);
  EXPECT_EQ(all({.device_id = "d2"})[0].status, Status::Closed);
  EXPECT_EQ(all({.device_id = "d3"})[0].status, Status::New);
  EXPECT_EQ(all({.device_id = "d7"})[0].status, Status::New);
  EXPECT_EQ(all({.device_id = "d5"})[0].status, Status::New);
  EXPECT_EQ(alerts_->get(closed)->history.size(), 2U);
  // Once only.
  EXPECT_EQ(alerts_->carry_out(plan->token, "ann", at(2002)).error().code, base::Code::NotFound);
}

TEST_F(AlertChangesTest, ABulkChangeOfMoreThanOneTransaction) {
  std::vector<Finding> many;
  for (std::uint64_t i = 1; i <= 450; ++i)
    many.push_back(finding(i, "device-" + std::to_string(i)));
  apply(many);
  const auto plan = alerts_->plan({.open_only = true}, {.assignee = "bob"}, "ann", at(1000));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->alerts, 450);
  EXPECT_EQ(alerts_->carry_out(plan->token, "ann", at(1001))->changed, 450);
  EXPECT_EQ(alerts_->list({.assignee = "bob"})->total, 450);
  // A plan that nobody carried out is gone after a while.
  const auto stale = alerts_->plan({}, {.comment = "x"}, "ann", at(1000));
  EXPECT_EQ(stale->predicate, "every alert");
  ASSERT_TRUE(alerts_->tidy(at(1000) + kPlanLife));
  EXPECT_EQ(alerts_->carry_out(stale->token, "ann", at(1001)).error().code, base::Code::NotFound);
  EXPECT_EQ(alerts_->plan({}, {}, "ann", at(1000)).error().code, base::Code::Invalid);
}

TEST_F(AlertChangesTest, ChosenAlertsOnly) {
  const std::string first = raise(finding(1));
  const std::string second = raise(finding(2, "d2"));
  const std::string third = raise(finding(3, "d3"));
  AlertFilter chosen;
  chosen.ids = {first, third, "nonsense'"};
  const auto plan = alerts_->plan(chosen, {.status = Status::Active}, "ann", at(10));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->alerts, 2);
  EXPECT_EQ(plan->predicate, "one of 3 chosen");
  ASSERT_TRUE(alerts_->carry_out(plan->token, "ann", at(11)));
  EXPECT_EQ(alerts_->get(second)->status, Status::New);
  EXPECT_EQ(alerts_->get(third)->status, Status::Active);
}

TEST_F(AlertChangesTest, SilenceClosesAndAgeForgets) {
  const std::string quiet = raise(finding(1));
  auto lively = finding(2, "d2");
  lively.received = at(2) + std::chrono::days(1);
  const std::string kept = raise(lively);
  const auto later = at(3) + std::chrono::days(90);
  ASSERT_TRUE(alerts_->tidy(later));
  EXPECT_EQ(alerts_->get(quiet)->status, Status::Closed);
  EXPECT_EQ(alerts_->get(quiet)->history.back().comment, "Nothing more happened for 90 days.");
  EXPECT_EQ(alerts_->get(kept)->status, Status::New);
  ASSERT_TRUE(alerts_->tidy(later + std::chrono::days(399)));
  EXPECT_TRUE(alerts_->get(quiet));
  ASSERT_TRUE(alerts_->tidy(later + std::chrono::days(400) + hours(1)));
  EXPECT_EQ(alerts_->get(quiet).error().code, base::Code::NotFound);
  EXPECT_EQ(alerts_->metrics().forgotten.value(), 1U);
  EXPECT_TRUE(alerts_->get(kept)) << "closed for silence, not yet forgotten";
}

TEST_F(AlertChangesTest, GroupsCountWhatTheListShows) {
  for (std::uint64_t i = 1; i <= 6; ++i) {
    auto one = finding(i, i <= 4 ? "d1" : "d2", "/bin/" + std::to_string(i));
    one.hits = 10;
    if (i == 6) {
      one.rule.id = "rule-2";
      one.rule.title = "Scan";
      one.rule.severity = Severity::Low;
      one.rule.techniques = {"T1046", "T1595.001"};
      one.rule.tactics = {"Discovery"};
    }
    apply({one});
  }
  ASSERT_TRUE(close(all({.device_id = "d1"})[0].id, Verdict::Benign));
  const auto groups = [&](GroupBy by, const AlertFilter& filter = {}) {
    std::string out;
    const auto found = *alerts_->groups(filter, by, 10);
    for (const AlertGroup& group : found) {
      out += group.title + "=" + std::to_string(group.alerts) + "/" + std::to_string(group.open) +
             "/" + std::to_string(group.hits) + " ";
    }
    return out;
  };
  EXPECT_EQ(groups(GroupBy::Device), "d1=4/3/40 d2=2/2/20 ");
  EXPECT_EQ(groups(GroupBy::Severity), "High=5/4/50 Low=1/1/10 ");
  EXPECT_EQ(groups(GroupBy::Status), "new=5/5/50 closed=1/0/10 ");
  EXPECT_EQ(groups(GroupBy::Verdict), "=5/5/50 benign=1/0/10 ");
  EXPECT_EQ(groups(GroupBy::Rule), "Miner=5/4/50 Scan=1/1/10 ");
  EXPECT_EQ(groups(GroupBy::Rule, {.open_only = true, .device_id = "d2"}),
            "Miner=1/1/10 Scan=1/1/10 ");
  EXPECT_EQ(groups(GroupBy::Technique), "T1496=5/4/50 T1046=1/1/10 T1595.001=1/1/10 ");
  EXPECT_EQ(groups(GroupBy::Day), "2027-01-15=6/5/60 ");
  EXPECT_EQ(alerts_->list({.technique = "t1595"})->total, 1) << "a sub-technique is one of it";
  EXPECT_EQ(alerts_->list({.technique = "T1595.001"})->total, 1);
  EXPECT_EQ(alerts_->list({.technique = "T159"})->total, 0);
  EXPECT_EQ(alerts_->list({.tactic = "discovery"})->total, 1);
  EXPECT_EQ(alerts_->list({.verdict = Verdict::Benign})->total, 1);
  EXPECT_EQ(alerts_->list({.from = at(3), .until = at(5)})->total, 2);
}

}  // namespace
}  // namespace detect
