#include "detect/alerts.h"

#include "detect/alerts_testing.h"
#include "detect/attack.h"

namespace detect {
namespace {

TEST_F(AlertsTest, AFindingBecomesAnAlertWithAllThatIsKnown) {
  apply({finding(1)});
  ASSERT_EQ(all().size(), 1U);
  const Alert alert = *alerts_->get(all()[0].id);
  EXPECT_EQ(alert.title, "Miner");
  EXPECT_EQ(alert.severity, Severity::High);
  EXPECT_EQ(alert.status, Status::New);
  EXPECT_EQ(alert.device_id, "d1");
  EXPECT_EQ(alert.first_seen, at(1));
  EXPECT_EQ(alert.hit_count, 1);
  EXPECT_EQ(alert.why_flagged, "It mines.");
  EXPECT_EQ(alert.rule.remediation, (std::vector<std::string>{"Stop it", "Find out why"}));
  EXPECT_EQ(alert.rule.aliases, std::vector<std::string>{"Coin miner image"});
  ASSERT_EQ(alert.evidence.size(), 1U);
  EXPECT_EQ(alert.evidence[0].matched[0].pattern, "contains 'xmrig'");
  EXPECT_EQ(alert.evidence[0].matched[0].found, "XMRig");
  EXPECT_EQ(alert.evidence[0].time, at(0));
  ASSERT_EQ(alert.history.size(), 1U);
  EXPECT_EQ(alert.history[0].action, "created");
  EXPECT_NE(alert.query.find("DeviceId == \"d1\""), std::string::npos) << alert.query;
  EXPECT_NE(alert.query.find(alert.evidence[0].event_id.to_string()), std::string::npos)
      << alert.query;
  ASSERT_EQ(changes_.size(), 1U);
  EXPECT_EQ(changes_[0].kind, ChangeKind::Created);
  EXPECT_EQ(changes_[0].id, alert.id);
}

TEST_F(AlertsTest, TheSameThingAgainAddsToIt) {
  apply({finding(1)});
  auto aggregated = finding(2);
  aggregated.hits = 40;
  apply({aggregated, finding(3)});
  ASSERT_EQ(all().size(), 1U);
  EXPECT_EQ(all()[0].hit_count, 42);
  EXPECT_EQ(all()[0].last_seen, at(3));
  EXPECT_EQ(all()[0].first_seen, at(1));
  ASSERT_EQ(changes_.size(), 2U);
  EXPECT_EQ(changes_[1].kind, ChangeKind::Repeated);
  EXPECT_EQ(changes_[1].hit_count, 42);
  // Another device, another thing: other alerts.
  apply({finding(4, "d2"), finding(5, "d1", "/bin/other")});
  EXPECT_EQ(all().size(), 3U);
}

TEST_F(AlertsTest, TheClockMaySteppBackwards) {
  apply({finding(100)});
  auto earlier = finding(101);
  earlier.received = at(50);
  apply({earlier});
  EXPECT_EQ(all()[0].last_seen, at(100));
  EXPECT_EQ(all()[0].hit_count, 2);
}

TEST_F(AlertsTest, ReplayChangesNothing) {
  apply({finding(1), finding(2)});
  const std::string id = all()[0].id;
  open();
  EXPECT_EQ(alerts_->applied_sequence(), 2U);
  apply({finding(1), finding(2), finding(3)});
  ASSERT_EQ(all().size(), 1U);
  EXPECT_EQ(all()[0].id, id);
  EXPECT_EQ(all()[0].hit_count, 3);
  EXPECT_EQ(alerts_->get(id)->evidence.size(), 3U);
}

TEST_F(AlertsTest, KeepsWhatBelongsToAFindingAsEvidence) {
  Finding several = finding(5);
  for (const std::uint64_t sequence : {2U, 3U})
    several.related.push_back(finding(sequence).evidence);
  apply({several});
  ASSERT_EQ(all().size(), 1U);
  EXPECT_EQ(all()[0].hit_count, 1);
  const auto alert = *alerts_->get(all()[0].id);
  ASSERT_EQ(alert.evidence.size(), 3U);
  EXPECT_EQ(alert.evidence[0].time, at(1));
  EXPECT_EQ(alert.evidence[2].time, at(4));
}

TEST_F(AlertsTest, TheSameEventsMakeTheSameIdInAnotherHub) {
  apply({finding(1)});
  const std::string id = all()[0].id;
  std::filesystem::remove_all(dir_ + "/state.db");
  std::filesystem::remove_all(dir_ + "/state.db-wal");
  std::filesystem::remove_all(dir_ + "/state.db-shm");
  open();
  apply({finding(1)});
  EXPECT_EQ(all()[0].id, id);
}

TEST_F(AlertsTest, ClosedAndAgainMakesANewOne) {
  apply({finding(1)});
  const std::string first = all()[0].id;
  const auto closed =
      alerts_->update(first, {.status = Status::Closed, .comment = "was me"}, 0, "ann", at(10));
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->status, Status::Closed);
  ASSERT_EQ(closed->history.size(), 2U);
  EXPECT_EQ(closed->history[1].actor, "ann");
  EXPECT_EQ(closed->history[1].action, "closed");
  EXPECT_EQ(closed->history[1].comment, "was me");
  EXPECT_EQ(changes_.back().kind, ChangeKind::StatusChanged);
  apply({finding(20)});
  ASSERT_EQ(all().size(), 2U);
  EXPECT_NE(all()[0].id, first);
  EXPECT_EQ(all()[0].status, Status::New);
  EXPECT_EQ(alerts_->get(first)->hit_count, 1);
  // The first one cannot be opened again beside it.
  const auto reopened = alerts_->update(first, {.status = Status::New}, 0, "ann", at(30));
  ASSERT_FALSE(reopened);
  EXPECT_EQ(reopened.error().code, base::Code::Conflict);
  ASSERT_TRUE(close(all()[0].id));
  const auto open_again = alerts_->update(first, {.status = Status::Active}, 0, "bob", at(32));
  ASSERT_TRUE(open_again);
  EXPECT_EQ(open_again->history.back().action, "reopened");
  EXPECT_EQ(open_again->verdict, Verdict::None);
  EXPECT_FALSE(open_again->closed);
  EXPECT_EQ(close("nope").error().code, base::Code::NotFound);
}

TEST_F(AlertsTest, KeepsHowItBeganAndTheLatest) {
  for (std::uint64_t i = 1; i <= 100; ++i)
    apply({finding(i)});
  const auto alert = *alerts_->get(all()[0].id);
  ASSERT_EQ(alert.evidence.size(), 20U);
  EXPECT_EQ(alert.evidence[0].time, at(0));
  EXPECT_EQ(alert.evidence[4].time, at(4));
  EXPECT_EQ(alert.evidence[5].time, at(85));
  EXPECT_EQ(alert.evidence[19].time, at(99));
}

TEST_F(AlertsTest, RowsForTheEventStore) {
  for (std::uint64_t i = 1; i <= 9; ++i)
    apply({finding(i)});
  const std::string id = all()[0].id;
  ASSERT_TRUE(close(id, Verdict::FalsePositive, 50));
  auto rows = *alerts_->outbox(0, 100);
  // Its beginning, hits 2, 4 and 8, and the closing.
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0].status, "New");
  EXPECT_EQ(rows[4].status, "Resolved");
  EXPECT_EQ(base::json::parse(rows[4].extended_json)->text_or("Classification", ""),
            "FalsePositive");
  EXPECT_EQ(rows[0].alert_id, id);
  EXPECT_EQ(rows[0].link, "https://hub:8443/alerts/" + id);
  EXPECT_EQ(rows[0].tactics, "Impact");
  EXPECT_EQ(rows[0].techniques, R"(["T1496"])");
  EXPECT_EQ(rows[0].remediation_json, R"(["Stop it","Find out why"])");
  const auto extended = base::json::parse(rows[0].extended_json);
  ASSERT_TRUE(extended);
  EXPECT_EQ(extended->text_or("DeviceId", ""), "d1");
  EXPECT_EQ(extended->text_or("isNew", ""), "True");
  EXPECT_EQ(base::json::parse(rows[1].extended_json)->text_or("isNew", ""), "False");
  EXPECT_EQ(extended->text_or("AlertManagementUri", ""), rows[0].link);
  EXPECT_EQ(extended->text_or("AttackVersion", ""), attack_version());
  const auto entities = base::json::parse(rows[0].entities_json);
  ASSERT_TRUE(entities);
  ASSERT_NE(entities->if_array(), nullptr);
  EXPECT_EQ(entities->if_array()->at(1).text_or("CommandLine", ""), "xmrig \"x\"");
  EXPECT_EQ(entities->if_array()->at(1).find("ImageFile")->text_or("Name", ""), "xmrig");

  ASSERT_TRUE(alerts_->trim_outbox(rows[2].outbox));
  EXPECT_EQ(alerts_->outbox(0, 100)->size(), 2U);
  EXPECT_EQ(alerts_->outbox(rows[3].outbox, 100)->size(), 1U);
  ASSERT_TRUE(alerts_->continue_outbox(1000));
  apply({finding(200, "d9")});
  EXPECT_EQ(alerts_->outbox(1000, 100)->at(0).outbox, 1001U);
}

TEST_F(AlertsTest, FiltersSearchesAndPages) {
  for (std::uint64_t i = 1; i <= 7; ++i) {
    auto one = finding(i, "device-" + std::to_string(i));
    if (i % 2 == 0) one.rule.severity = Severity::Low;
    apply({one});
  }
  ASSERT_TRUE(close(all()[0].id));
  AlertFilter filter;
  filter.limit = 3;
  std::vector<std::string> devices;
  do {
    const auto page = alerts_->list(filter);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->total, 7);
    for (const Alert& alert : page->items)
      devices.push_back(alert.device_id);
    filter.cursor = page->next_cursor;
  } while (!filter.cursor.empty());
  EXPECT_EQ(devices, (std::vector<std::string>{"device-7", "device-6", "device-5", "device-4",
                                               "device-3", "device-2", "device-1"}));
  EXPECT_EQ(all({.open_only = true}).size(), 6U);
  EXPECT_EQ(all({.status = Status::Closed}).size(), 1U);
  EXPECT_EQ(all({.severity = Severity::Low}).size(), 3U);
  EXPECT_EQ(all({.device_id = "device-3"}).size(), 1U);
  EXPECT_EQ(all({.search = "DEVICE-5"}).size(), 1U);
  EXPECT_EQ(all({.search = "coin MINER"}).size(), 7U) << "aliases count";
  EXPECT_EQ(all({.search = "device_5"}).size(), 0U) << "no wildcards";
  EXPECT_EQ(all({.search = "%"}).size(), 0U);
  EXPECT_EQ(all({.search = "' OR 1=1 --"}).size(), 0U);
  for (const char* cursor : {"x", "12", "12.", "12.x'", "."}) {
    EXPECT_EQ(alerts_->list({.cursor = cursor}).error().code, base::Code::Invalid) << cursor;
  }
  const auto counts = *alerts_->counts();
  EXPECT_EQ(counts.open, 6);
  EXPECT_EQ(counts.by_status[static_cast<int>(Status::Closed)], 1);
  EXPECT_EQ(counts.open_by_severity[static_cast<int>(Severity::Low)], 3);
  EXPECT_EQ(*alerts_->open_count("device-1"), 1);
  EXPECT_EQ(*alerts_->open_count("device-7"), 0);
}

}  // namespace
}  // namespace detect
