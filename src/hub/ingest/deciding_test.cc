// What rules and detectors remember, through restarts and crashes.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include <gtest/gtest.h>

#include "base/text.h"
#include "detect/detector.h"
#include "hub/ingest/ingest_testing.h"
#include "hub/operations/audit.h"

namespace hub::ingest {
namespace {

// Tells of each third event of a device, however many restarts lie between, and of everything else
// that it hears.
class EveryThird final : public detect::Detector {
 public:
  void on_message(const detect::Origin& origin, std::vector<detect::Finding>&) override {
    hear("message " + std::string(origin.device_id));
  }
  void on_event(const schema::Event& event, const detect::Origin& origin,
                std::vector<detect::Finding>& findings) override {
    hear("event " + std::string(schema::to_string(event.name())));
    const std::string device(origin.device_id);
    dirty_.insert(device);
    if (++counts_[device] % 3 != 0) return;
    detect::Finding finding;
    finding.rule.id = "every-third";
    finding.rule.title = "Every third";
    finding.device_id = origin.device_id;
    finding.module_id = origin.module_id;
    finding.entity = std::to_string(counts_[device]);
    finding.received = origin.received;
    finding.sequence = origin.sequence;
    finding.evidence.event_id = event.id;
    finding.evidence.time = event.time.utc;
    finding.evidence.details_json = "{}";
    findings.push_back(std::move(finding));
  }
  void on_operation(const store::OperationRow& operation, const detect::Origin& origin,
                    std::vector<detect::Finding>&) override {
    hear("operation " + std::string(operation.operation) + " " + std::string(origin.device_id));
  }
  void on_audit(const store::AuditRow& change, const detect::Origin&,
                std::vector<detect::Finding>&) override {
    hear("audit " + change.action);
  }
  void on_time(base::WallTime now, std::vector<detect::Finding>&) override {
    const std::lock_guard lock(mutex_);
    times_.push_back(now);
  }

  std::string_view name() const override { return "every-third"; }
  void save(std::vector<detect::MemoryChange>& changes) override {
    for (const std::string& device : dirty_)
      changes.push_back({device, std::to_string(counts_[device])});
    dirty_.clear();
  }
  bool restore(std::string_view key, std::string_view value) override {
    const auto count = base::parse_int(value);
    if (!count) return false;
    counts_[std::string(key)] = *count;
    return true;
  }

  // Threads: any.
  std::vector<std::string> heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  std::vector<base::WallTime> times() const {
    const std::lock_guard lock(mutex_);
    return times_;
  }

 private:
  void hear(std::string what) {
    const std::lock_guard lock(mutex_);
    heard_.push_back(std::move(what));
  }

  std::map<std::string, std::int64_t> counts_;
  std::set<std::string> dirty_;
  mutable std::mutex mutex_;
  std::vector<std::string> heard_;
  std::vector<base::WallTime> times_;
};

std::vector<std::string> entities(const Hub& hub) {
  std::vector<std::string> out;
  const auto page = hub.alerts->list({});
  for (const detect::Alert& alert : page->items) {
    EXPECT_EQ(alert.hit_count, 1) << alert.entity;
    out.push_back(alert.entity);
  }
  std::ranges::sort(out);
  return out;
}

Options options_with(detect::Detector& detector) {
  Options options;
  options.detectors = {&detector};
  return options;
}

TEST(Deciding, MemoryGoesOnAfterARestart) {
  const store::TempDir dir;
  std::uint64_t number = 0;
  std::vector<std::string> found;
  for (int start = 0; start < 4; ++start) {
    EveryThird detector;
    Hub hub(dir.path(), options_with(detector));
    for (int i = 0; i < 2; ++i) {
      ++number;
      EXPECT_TRUE(hub.send(message_of({process_event(number, "x")})));
    }
    hub.drain();
    EXPECT_EQ(hub.ingest->counters().memory_useless.value(), 0U);
    found = entities(hub);
  }
  EXPECT_EQ(found, (std::vector<std::string>{"3", "6"}));
}

// The rows are lost with the event store's file, and made again from the journal: nothing is
// decided twice.
TEST(Deciding, WhatWasDecidedOnlyBecomesRowsAgain) {
  const store::TempDir dir;
  const store::TempDir copy;
  {
    EveryThird detector;
    Options options = options_with(detector);
    options.journal_keep_bytes = std::size_t{64} << 20U;
    Hub hub(dir.path(), options);
    for (std::uint64_t i = 1; i <= 4; ++i)
      EXPECT_TRUE(hub.send(message_of({process_event(i, "x")})));
    hub.drain();
    EXPECT_EQ(entities(hub), std::vector<std::string>{"3"});
  }
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    if (entry.path().filename().string().starts_with("events.duckdb"))
      std::filesystem::remove_all(entry.path());
  }
  {
    EveryThird detector;
    Hub hub(dir.path(), options_with(detector));
    EXPECT_TRUE(eventually([&] { return hub.ingest->counters().items.value() == 4; }));
    EXPECT_EQ(detector.heard(), std::vector<std::string>()) << "nothing was decided again";
    EXPECT_TRUE(hub.send(message_of({process_event(5, "x"), process_event(6, "x")})));
    hub.drain();
    EXPECT_EQ(entities(hub), (std::vector<std::string>{"3", "6"}));
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*) FROM SecurityIoTRawEvent"), (Table{{"6"}}));
}

TEST(Deciding, AResentEventIsNotDecidedAgain) {
  const store::TempDir dir;
  EveryThird detector;
  Hub hub(dir.path(), options_with(detector));
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(hub.send(message_of({process_event(1, "x"), process_event(2, "x")})));
  hub.drain();
  EXPECT_EQ(entities(hub), std::vector<std::string>());
  const auto heard = detector.heard();
  EXPECT_EQ(std::ranges::count(heard, "message device-1"), 5);
  EXPECT_EQ(std::ranges::count(heard, "event ProcessCreate"), 2);
}

TEST(Deciding, TheHubsOwnRecordsAreHeardOnce) {
  const store::TempDir dir;
  auto audit = operations::AuditLog::open(dir.path() + "/audit.db");
  ASSERT_TRUE(audit) << audit.error().to_string();
  const auto change = [&](const std::string& action) {
    operations::AuditRecord record;
    record.time = clock_at(3);
    record.action = action;
    record.result = "ok";
    EXPECT_TRUE((*audit)->record(record));
  };
  {
    // A hub of before, which decided nothing.
    change("policy.put");
    Options options;
    options.audit = audit->get();
    Hub hub(dir.path(), options);
    hub.drain();
  }
  std::vector<std::string> heard;
  for (const char* action : {"certificate.put", "certificate.delete"}) {
    EveryThird detector;
    Options options = options_with(detector);
    options.audit = audit->get();
    Hub hub(dir.path(), options);
    change(action);
    operations::Record record;
    record.time = clock_at(5);
    record.operation = "deviceConnect";
    record.device_id = "device-9";
    hub.operations.record(record);
    hub.drain();
    for (const std::string& each : detector.heard())
      heard.push_back(each);
  }
  std::ranges::sort(heard);
  EXPECT_EQ(heard, (std::vector<std::string>{"audit certificate.delete", "audit certificate.put",
                                             "operation deviceConnect device-9",
                                             "operation deviceConnect device-9"}));
}

TEST(Deciding, AMessageThatDoesNotValidateIsHeardToo) {
  const store::TempDir dir;
  EveryThird detector;
  Options options = options_with(detector);
  options.set_aside = [](std::span<const SetAside>) -> base::Result<void> { return {}; };
  Hub hub(dir.path(), options);
  EXPECT_TRUE(hub.send("not json"));
  hub.drain();
  const auto heard = detector.heard();
  EXPECT_EQ(std::ranges::count(heard, "message device-1"), 1);
}

TEST(Deciding, TimePassesForwardWithoutMessages) {
  const store::TempDir dir;
  std::atomic<int> second{0};
  EveryThird detector;
  Options options = options_with(detector);
  options.clock_interval = std::chrono::milliseconds(1);
  options.clock_slack = std::chrono::milliseconds(0);
  // A clock that steps back now and then.
  Hub hub(dir.path(), options, [&second] {
    const int now = ++second;
    return clock_at(now % 3 == 0 ? 1 : now);
  });
  EXPECT_TRUE(eventually([&] { return detector.times().size() > 5; }));
  hub.ingest->stop();
  const auto times = detector.times();
  EXPECT_TRUE(std::ranges::is_sorted(times));
  EXPECT_EQ(std::ranges::adjacent_find(times), times.end()) << "it does not stand still either";
}

TEST(Deciding, UselessMemoryIsForgottenAndCounted) {
  const store::TempDir dir;
  {
    EveryThird detector;
    Hub hub(dir.path(), options_with(detector));
    EXPECT_TRUE(hub.send(message_of({process_event(1, "x")})));
    hub.drain();
    const std::vector<detect::OwnedChange> nonsense = {{"every-third", {"other", "no number"}}};
    EXPECT_TRUE(hub.alerts->apply(detect::Decided{{}, nonsense, 0}));
  }
  for (const std::uint64_t useless : {1U, 0U}) {
    EveryThird detector;
    const Hub hub(dir.path(), options_with(detector));
    EXPECT_EQ(hub.ingest->counters().memory_useless.value(), useless);
  }
}

}  // namespace
}  // namespace hub::ingest
