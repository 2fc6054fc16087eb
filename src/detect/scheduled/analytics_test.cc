#include "detect/scheduled/analytics.h"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "kql/ticks.h"
#include "store/catalogue.h"

namespace detect::scheduled {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kId = "3a1f6f0e-7d1c-4b55-8f6e-0c8f1f7d2a11";

std::string yaml_of(std::string_view query, std::string_view more = "") {
  std::string out = "id: ";
  out += kId;
  out +=
      "\nname: Refused\nseverity: Medium\nqueryFrequency: 5m\nqueryPeriod: 15m\n"
      "entityMappings:\n  - entityType: IP\n    fieldMappings:\n"
      "      - identifier: Address\n        columnName: CallerIpAddress\n"
      "eventGroupingSettings:\n  aggregationKind: AlertPerResult\nquery: ";
  out += query;
  out += "\n";
  out += more;
  return out;
}
constexpr std::string_view kQuery =
    "IoTHubOperations | where StatusCode == 401 | project TimeGenerated, DeviceId, CallerIpAddress";

class AnalyticsTest : public ::testing::Test {
 protected:
  AnalyticsTest() : dir_(::testing::TempDir() + "analyticsXXXXXX") {
    EXPECT_NE(::mkdtemp(dir_.data()), nullptr);
    store::EventStoreOptions options;
    options.path = dir_ + "/events.duckdb";
    options.memory_limit = std::size_t{256} << 20U;
    options.threads = 1;
    events_ = *store::EventStore::open(std::move(options));
    queries_ = *store::Queries::open(*events_);
    alerts_ = *Alerts::open({dir_ + "/state.db", ""});
    open();
  }
  ~AnalyticsTest() override {
    analytics_.reset();
    queries_.reset();
    events_.reset();
    alerts_.reset();
    std::filesystem::remove_all(dir_);
  }
  AnalyticsTest(const AnalyticsTest&) = delete;
  AnalyticsTest& operator=(const AnalyticsTest&) = delete;

  void open() {
    analytics_.reset();
    Options options;
    options.path = dir_ + "/state.db";
    options.timeout = timeout_;
    options.stored_until = [this] { return stored_until_; };
    auto opened = Analytics::open(std::move(options), *queries_, *alerts_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    analytics_ = std::move(*opened);
    const auto rules = *analytics_->list();
    for (const RuleStatus& status : rules) {
      if (!status.builtin()) continue;
      ASSERT_TRUE(analytics_->enable(status.rule.id, false, "", "test", base::wall_now()));
    }
  }

  // A refused connection, received then.
  void refuse(base::WallTime time, std::string_view device, std::string_view address) {
    store::Batch batch;
    store::OperationRow row{};
    row.time = kql::to_ticks(time);
    row.status_code = 401;
    row.device_id = batch.keep(device);
    row.caller_ip = batch.keep(address);
    batch.operations.push_back(row);
    const auto stored = events_->append(batch, ++sequence_);
    ASSERT_TRUE(stored) << stored.error().to_string();
  }

  void put(const std::string& yaml, base::WallTime now) {
    const auto rule = check(yaml, store::catalogue());
    ASSERT_TRUE(rule) << rule.error().to_string();
    const auto put = analytics_->put(*rule, yaml, "", "ann", now);
    ASSERT_TRUE(put) << put.error().to_string();
  }
  std::size_t run(base::WallTime now) {
    const auto ran = analytics_->run_due(now);
    EXPECT_TRUE(ran) << ran.error().to_string();
    return ran.value_or(0);
  }
  std::vector<Alert> alerts() {
    auto page = alerts_->list({});
    return page ? std::move(page->items) : std::vector<Alert>();
  }

  std::string dir_;
  base::WallTime stored_until_ = base::WallTime::max();
  std::uint64_t sequence_ = 0;
  std::chrono::milliseconds timeout_ = 60s;
  const base::WallTime start_ = base::wall_now() - 10h;
  std::unique_ptr<store::EventStore> events_;
  std::unique_ptr<store::Queries> queries_;
  std::unique_ptr<Alerts> alerts_;
  std::unique_ptr<Analytics> analytics_;
};

TEST_F(AnalyticsTest, WhatItsQueryFindsBecomesAnAlertOnce) {
  put(yaml_of(kQuery), start_);
  refuse(start_ - 1min, "d1", "198.51.100.7");
  EXPECT_EQ(run(start_), 1U);
  ASSERT_EQ(alerts().size(), 1U);
  const Alert alert = *alerts_->get(alerts()[0].id);
  EXPECT_EQ(alert.title, "Refused");
  EXPECT_EQ(alert.device_id, "d1");
  EXPECT_EQ(alert.entity, "198.51.100.7");
  EXPECT_EQ(alert.hit_count, 1);
  ASSERT_EQ(alert.evidence.size(), 1U);
  EXPECT_NE(alert.evidence[0].details_json.find("198.51.100.7"), std::string::npos);

  // The windows of the next runs overlap with this one.
  EXPECT_EQ(run(start_ + 1min), 0U);
  EXPECT_EQ(run(start_ + 5min), 1U);
  EXPECT_EQ(run(start_ + 10min), 1U);
  EXPECT_EQ(alerts()[0].hit_count, 1);
  // The same again, later, adds to it; another address is another alert.
  refuse(start_ + 12min, "d1", "198.51.100.7");
  refuse(start_ + 12min, "d1", "198.51.100.8");
  EXPECT_EQ(run(start_ + 15min), 1U);
  ASSERT_EQ(alerts().size(), 2U);
  EXPECT_EQ(alerts_->get(alert.id)->hit_count, 2);
  const RuleStatus status = *analytics_->get(kId);
  EXPECT_EQ(status.runs, 4);
  EXPECT_EQ(status.findings, 3);
  ASSERT_TRUE(status.last);
  EXPECT_EQ(status.last->rows, 2);
  EXPECT_EQ(*status.next, start_ + 20min);
}

TEST_F(AnalyticsTest, WhatIsAskedForRunsAtOnceAndFindsNothingTwice) {
  put(yaml_of(kQuery), start_);
  refuse(start_ - 1min, "d1", "198.51.100.7");
  EXPECT_EQ(run(start_), 1U);
  EXPECT_EQ(run(start_ + 1min), 0U);
  const auto due = analytics_->run_soon(kId, start_ + 1min);
  ASSERT_TRUE(due) << due.error().to_string();
  EXPECT_EQ(*due->next, start_ + 1min);
  EXPECT_EQ(run(start_ + 1min), 1U);
  const RuleStatus status = *analytics_->get(kId);
  EXPECT_EQ(status.last->to, start_ + 1min);
  EXPECT_EQ(status.last->rows, 1);
  EXPECT_EQ(status.last->findings, 0);
  EXPECT_EQ(*status.next, start_ + 6min);
  EXPECT_EQ(alerts()[0].hit_count, 1);

  ASSERT_TRUE(analytics_->enable(kId, false, "", "ann", start_ + 2min));
  EXPECT_EQ(analytics_->run_soon(kId, start_ + 2min).error().code, base::Code::Unsupported);
  EXPECT_EQ(analytics_->run_soon("none", start_).error().code, base::Code::NotFound);
}

TEST_F(AnalyticsTest, ARestartContinuesWhereItEnded) {
  put(yaml_of(kQuery), start_);
  refuse(start_ - 1min, "d1", "198.51.100.7");
  EXPECT_EQ(run(start_), 1U);
  open();
  EXPECT_EQ(run(start_ + 1min), 0U);
  // Down for an hour: every minute of it is looked at, nothing is found twice.
  refuse(start_ + 2min, "d2", "198.51.100.7");
  refuse(start_ + 31min, "d3", "198.51.100.7");
  refuse(start_ + 58min, "d4", "198.51.100.7");
  std::size_t runs = 0;
  while (run(start_ + 1h) > 0)
    ++runs;
  EXPECT_EQ(runs, 4U);
  EXPECT_EQ(alerts().size(), 4U);
  for (const Alert& alert : alerts())
    EXPECT_EQ(alert.hit_count, 1) << alert.device_id;
}

TEST_F(AnalyticsTest, WhatIsNotStoredYetIsWaitedFor) {
  put(yaml_of(kQuery), start_);
  stored_until_ = start_ - 1s;
  EXPECT_EQ(run(start_ + 1min), 0U);
  stored_until_ = start_;
  EXPECT_EQ(run(start_ + 1min), 1U);
}

TEST_F(AnalyticsTest, ARuleThatFailsSaysSoAndIsTriedAgain) {
  timeout_ = 50ms;
  open();
  put(yaml_of(
          "range CallerIpAddress from 1 to 1000000000000 step 1 | summarize max(CallerIpAddress)"),
      start_);
  EXPECT_EQ(run(start_), 1U);
  RuleStatus status = *analytics_->get(kId);
  EXPECT_EQ(status.failures, 1);
  EXPECT_FALSE(status.last->error.empty());
  EXPECT_EQ(run(start_ + 1min), 0U);
  EXPECT_EQ(run(start_ + 5min), 1U);
  EXPECT_EQ(analytics_->counters().failures.value(), 2U);
  EXPECT_EQ(analytics_->get(kId)->failures, 2);
  // Mended, it looks at what it has missed.
  timeout_ = 60s;
  open();
  refuse(start_ - 1min, "d1", "198.51.100.7");
  put(yaml_of(kQuery), start_ + 6min);
  while (run(start_ + 6min) > 0) {
  }
  EXPECT_EQ(alerts().size(), 1U);
}

TEST_F(AnalyticsTest, OneThatIsOffDoesNotRunAndForgetsWhatItMissed) {
  put(yaml_of(kQuery), start_);
  ASSERT_TRUE(analytics_->enable(kId, false, "", "ann", start_));
  refuse(start_ + 1h, "d1", "198.51.100.7");
  EXPECT_EQ(run(start_ + 2h), 0U);
  EXPECT_FALSE(analytics_->get(kId)->next);
  ASSERT_TRUE(analytics_->enable(kId, true, "", "ann", start_ + 2h));
  EXPECT_EQ(run(start_ + 2h), 1U);
  EXPECT_TRUE(alerts().empty());
  EXPECT_EQ(analytics_->get(kId)->updated_by, "ann");
}

TEST_F(AnalyticsTest, SuppressionKeepsItSilentAfterAnAlert) {
  put(yaml_of(kQuery, "suppressionEnabled: true\nsuppressionDuration: 1h\n"), start_);
  refuse(start_ - 1min, "d1", "198.51.100.7");
  EXPECT_EQ(run(start_), 1U);
  refuse(start_ + 4min, "d2", "198.51.100.8");
  EXPECT_EQ(run(start_ + 5min), 1U);
  EXPECT_EQ(alerts().size(), 1U);
  refuse(start_ + 64min, "d3", "198.51.100.9");
  while (run(start_ + 65min) > 0) {
  }
  EXPECT_EQ(alerts().size(), 2U);
}

TEST_F(AnalyticsTest, ATrialRaisesNothing) {
  refuse(start_ - 1min, "d1", "198.51.100.7");
  const auto rule = check(yaml_of(kQuery), store::catalogue());
  const auto trial = analytics_->try_rule(*rule, start_, nullptr);
  ASSERT_TRUE(trial);
  EXPECT_TRUE(trial->triggered);
  EXPECT_EQ(trial->judgement.findings.size(), 1U);
  EXPECT_TRUE(alerts().empty());
}

TEST_F(AnalyticsTest, RulesAreKeptByIdAndVersion) {
  put(yaml_of(kQuery), start_);
  const auto rule = check(yaml_of(kQuery), store::catalogue());
  const RuleStatus status = *analytics_->get(kId);
  EXPECT_EQ(analytics_->put(*rule, yaml_of(kQuery), "7", "ann", start_).error().code,
            base::Code::Conflict);
  EXPECT_TRUE(analytics_->put(*rule, yaml_of(kQuery), status.etag, "ann", start_));
  EXPECT_EQ(analytics_->remove(kId, status.etag).error().code, base::Code::Conflict);
  EXPECT_TRUE(analytics_->remove(kId, ""));
  EXPECT_EQ(analytics_->get(kId).error().code, base::Code::NotFound);

  const auto all = *analytics_->list();
  ASSERT_EQ(all.size(), builtin_rules().size());
  EXPECT_EQ(analytics_->remove(all[0].rule.id, "").error().code, base::Code::Denied);
  EXPECT_EQ(analytics_->put(all[0].rule, all[0].yaml, "", "ann", start_).error().code,
            base::Code::Denied);
  EXPECT_FALSE(all[0].enabled) << "what a person switched off stays off";
}

TEST_F(AnalyticsTest, ItsThreadRunsWhatIsDueAndEndsAtOnce) {
  refuse(base::wall_now() - 1min, "d1", "198.51.100.7");
  put(yaml_of(kQuery), base::wall_now());
  analytics_->start();
  const auto deadline = base::mono_now() + 60s;
  while (alerts().empty() && base::mono_now() < deadline)
    std::this_thread::sleep_for(10ms);
  EXPECT_EQ(alerts().size(), 1U);
  analytics_->stop();
}

}  // namespace
}  // namespace detect::scheduled
