#include "detect/alerts.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/json.h"

namespace detect {
namespace {

using std::chrono::seconds;

base::WallTime at(int second) {
  return base::WallTime(std::chrono::seconds(1'800'000'000 + second));
}

class AlertsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = ::testing::TempDir() + "alertsXXXXXX";
    ASSERT_NE(::mkdtemp(dir_.data()), nullptr);
    open();
  }
  void TearDown() override {
    alerts_.reset();
    std::filesystem::remove_all(dir_);
  }
  void open() {
    alerts_.reset();
    auto opened = Alerts::open({dir_ + "/state.db", "https://hub:8443"});
    ASSERT_TRUE(opened) << opened.error().to_string();
    alerts_ = std::move(*opened);
    alerts_->on_change([this](const AlertChange& change) { changes_.push_back(change); });
  }

  static Finding finding(std::uint64_t sequence, std::string device = "d1",
                         std::string entity = "/bin/sh") {
    Finding finding;
    finding.rule.id = "rule-1";
    finding.rule.title = "Miner";
    finding.rule.description = "Mines.";
    finding.rule.severity = Severity::High;
    finding.rule.remediation = {"Stop it", "Find out why"};
    finding.rule.tactics = {"Impact"};
    finding.rule.techniques = {"T1496"};
    finding.rule.aliases = {"Coin miner image"};
    finding.device_id = std::move(device);
    finding.module_id = "agent";
    finding.entity = std::move(entity);
    finding.why = "It mines.";
    finding.received = at(static_cast<int>(sequence));
    finding.sequence = sequence;
    finding.evidence.event_id = base::Guid::derived("alerts_test", std::to_string(sequence));
    finding.evidence.time = at(static_cast<int>(sequence) - 1);
    finding.evidence.event_name = "ProcessCreate";
    finding.evidence.details_json =
        R"({"Executable":"/tmp/xmrig","ProcessId":7,"CommandLine":"xmrig \"x\"","UserName":"root"})";
    finding.evidence.matched = {{"CommandLine", "xmrig", "contains 'xmrig'", "XMRig"}};
    return finding;
  }

  void apply(std::vector<Finding> findings) {
    const auto applied = alerts_->apply(findings);
    ASSERT_TRUE(applied) << applied.error().to_string();
  }
  std::vector<Alert> all(const AlertFilter& filter = {}) { return alerts_->list(filter)->items; }

  std::string dir_;
  std::unique_ptr<Alerts> alerts_;
  std::vector<AlertChange> changes_;
};

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
  const auto closed = alerts_->set_status(first, Status::Closed, "ann", "was me", at(10));
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
  const auto reopened = alerts_->set_status(first, Status::New, "ann", "", at(30));
  ASSERT_FALSE(reopened);
  EXPECT_EQ(reopened.error().code, base::Code::Conflict);
  ASSERT_TRUE(alerts_->set_status(all()[0].id, Status::Closed, "ann", "", at(31)));
  EXPECT_EQ(alerts_->set_status(first, Status::Active, "bob", "", at(32))->history.back().action,
            "reopened");
  EXPECT_EQ(alerts_->set_status("nope", Status::Closed, "x", "", at(1)).error().code,
            base::Code::NotFound);
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
  ASSERT_TRUE(alerts_->set_status(id, Status::Closed, "ann", "", at(50)));
  auto rows = *alerts_->outbox(0, 100);
  // Its beginning, hits 2, 4 and 8, and the closing.
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0].status, "New");
  EXPECT_EQ(rows[4].status, "Resolved");
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
  ASSERT_TRUE(alerts_->set_status(all()[0].id, Status::Closed, "x", "", at(60)));
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
