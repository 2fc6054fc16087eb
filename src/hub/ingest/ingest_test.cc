#include "hub/ingest/ingest.h"

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <random>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "detect/alerts.h"
#include "detect/stream.h"
#include "schema/message.h"
#include "store/events.h"
#include "store/query.h"
#include "store/test_store.h"

namespace hub::ingest {
namespace {

using std::chrono::seconds;
using Table = std::vector<std::vector<std::string>>;

constexpr seconds kPatience{30};

base::WallTime clock_at(int second) {
  return base::WallTime(seconds(1'800'000'000 + second));
}

schema::Event process_event(std::uint64_t number, const std::string& command_line) {
  schema::ProcessCreate item;
  item.executable = "/usr/bin/dash";
  item.command_line = command_line;
  item.process_id = static_cast<std::int64_t>(number);
  item.parent_process_id = 1;
  item.user_id = "0";
  item.user_name = "root";
  schema::Event event;
  event.id = base::Guid::derived("ingest_test", std::to_string(number));
  event.time = {clock_at(static_cast<int>(number)), std::chrono::minutes(60)};
  event.payload = schema::payload_of(std::move(item));
  return event;
}

std::string message_of(std::vector<schema::Event> events) {
  schema::Message message;
  message.agent_version = "1.2.3";
  message.agent_id = base::Guid::derived("ingest_test", "agent");
  message.events = std::move(events);
  return schema::encode_message(message);
}

// A hub's stores and ingest over one folder; opened again and again as a hub is.
class Hub {
 public:
  explicit Hub(std::string dir, Options options = {})
      : dir_(std::move(dir)), options_(std::move(options)) {
    options_.journal_dir = dir_ + "/journal";
    options_.retry_delay = std::chrono::milliseconds(5);
    options_.batch_delay = std::chrono::milliseconds(5);
    options_.now = [] { return clock_at(0); };
    auto opened_events = store::EventStore::open(store::store_options(dir_));
    EXPECT_TRUE(opened_events) << opened_events.error().to_string();
    events = std::move(*opened_events);
    auto opened_alerts = detect::Alerts::open({dir_ + "/state.db", "https://hub"});
    EXPECT_TRUE(opened_alerts) << opened_alerts.error().to_string();
    alerts = std::move(*opened_alerts);
    stream = std::move(*detect::Stream::load(""));
    auto started = Ingest::start(options_, *events, *alerts, *stream, operations);
    EXPECT_TRUE(started) << started.error().to_string();
    ingest = std::move(*started);
    operations.set_sink([this](const operations::Record& record) { ingest->record(record); });
  }
  ~Hub() {
    ingest->stop();
    operations.set_sink({});
  }
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Submits and waits for the answer.
  bool send(std::string_view payload, bool security = true, base::WallTime received = clock_at(0)) {
    std::promise<bool> answer;
    Done done = [&answer](bool durable) { answer.set_value(durable); };
    Received message;
    message.device_id = "device-1";
    message.module_id = security ? "azureiotsecurity" : "";
    message.received_at = received;
    message.payload = payload;
    message.security = security;
    EXPECT_TRUE(ingest->submit(message, done));
    auto future = answer.get_future();
    EXPECT_EQ(future.wait_for(kPatience), std::future_status::ready);
    return future.get();
  }
  void drain() {
    const auto drained = ingest->drain(kPatience);
    EXPECT_TRUE(drained) << drained.error().to_string();
  }
  std::vector<operations::Record> refusals() const {
    std::vector<operations::Record> out;
    for (const auto& record : operations.recent(100)) {
      if (record.level != operations::Level::Information) out.push_back(record);
    }
    return out;
  }

  std::unique_ptr<store::EventStore> events;
  std::unique_ptr<detect::Alerts> alerts;
  std::unique_ptr<detect::Stream> stream;
  operations::Operations operations;
  std::unique_ptr<Ingest> ingest;

 private:
  std::string dir_;
  Options options_;
};

std::string rows_path(const store::TempDir& dir) {
  return dir.path() + "/events.duckdb";
}

TEST(Ingest, ASecurityMessageBecomesRowsAndAnAlert) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send(message_of(
        {process_event(1, "sh -c echo cpuminer-multi"), process_event(2, "sh -c true")})));
    hub.drain();
    const auto page = *hub.alerts->list({});
    ASSERT_EQ(page.total, 1);
    EXPECT_EQ(page.items[0].device_id, "device-1");
    EXPECT_EQ(page.items[0].module_id, "azureiotsecurity");
    EXPECT_EQ(page.items[0].first_seen, clock_at(0)) << "by the hub's clock";
    EXPECT_EQ(hub.alerts->get(page.items[0].id)->evidence.at(0).time, clock_at(1))
        << "by the device's";
    EXPECT_EQ(hub.ingest->counters().items.value(), 2U);
    EXPECT_EQ(hub.ingest->counters().findings.value(), 1U);
    EXPECT_EQ(hub.ingest->counters().security_messages.value(), 1U);
  }
  EXPECT_EQ(store::ask(rows_path(dir),
                       "SELECT DeviceId, ModuleId, AgentVersion, RawEventName, RawEventCategory, "
                       "RawEventType, IsEmpty, "
                       "EventDetails->>'$.CommandLine', EventDetails->>'$.TimestampLocal', "
                       "EventDetails->>'$.TimestampUTC' "
                       "FROM SecurityIoTRawEvent ORDER BY TimeStamp"),
            (Table{{"device-1", "azureiotsecurity", "1.2.3", "ProcessCreate", "Triggered",
                    "Security", "false", "sh -c echo cpuminer-multi",
                    "2027-01-15T09:00:01.000+01:00", "2027-01-15T08:00:01.000Z"},
                   {"device-1", "azureiotsecurity", "1.2.3", "ProcessCreate", "Triggered",
                    "Security", "false", "sh -c true", "2027-01-15T09:00:02.000+01:00",
                    "2027-01-15T08:00:02.000Z"}}));
  EXPECT_EQ(
      store::ask(
          rows_path(dir),
          "SELECT AlertSeverity, Status, ExtendedProperties->>'$.DeviceId' FROM SecurityAlert"),
      (Table{{"Medium", "New", "device-1"}}));
}

TEST(Ingest, AResentMessageIsAnsweredAndStoredOnce) {
  const store::TempDir dir;
  const auto message =
      message_of({process_event(1, "sh -c echo cpuminer-multi"), process_event(2, "b")});
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send(message));
    EXPECT_TRUE(hub.send(message));
    hub.drain();
    EXPECT_EQ(hub.ingest->counters().duplicate_events.value(), 2U);
  }
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send(message));
    EXPECT_TRUE(hub.send(message_of({process_event(2, "b"), process_event(3, "c")})));
    hub.drain();
    EXPECT_EQ(hub.alerts->list({})->items.at(0).hit_count, 1);
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*), count(DISTINCT EventId) FROM raw_event"),
            (Table{{"3", "3"}}));
}

TEST(Ingest, AnEmptyPictureIsARow) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    schema::Event event = process_event(1, "");
    event.payload = std::vector<schema::LocalUsers>();
    EXPECT_TRUE(hub.send(message_of({event})));
    hub.drain();
  }
  EXPECT_EQ(
      store::ask(rows_path(dir), "SELECT RawEventName, IsEmpty, EventDetails FROM raw_event"),
      (Table{
          {"LocalUsers", "true",
           R"({"TimestampLocal":"2027-01-15T09:00:01.000+01:00","TimestampUTC":"2027-01-15T08:00:01.000Z"})"}}));
}

TEST(Ingest, TelemetryIsJournaledCountedAndAnswered) {
  const store::TempDir dir;
  Hub hub(dir.path());
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(hub.send(std::string(256, 'x'), false));
  hub.drain();
  EXPECT_EQ(hub.ingest->counters().telemetry_messages.value(), 20U);
  EXPECT_EQ(hub.ingest->counters().message_bytes.value(), 20U * 256U);
  EXPECT_EQ(hub.ingest->counters().items.value(), 0U);
  EXPECT_EQ(hub.ingest->journal().next_sequence, 21U);
  EXPECT_EQ(hub.ingest->journal().stored_sequence, 20U);
}

TEST(Ingest, WhatIsNoMessageIsRefusedAndAnswered) {
  const store::TempDir dir;
  Hub hub(dir.path());
  for (const std::string payload : {"", "not json", "[]", "{}", "{\"Events\":5}"}) {
    EXPECT_TRUE(hub.send(payload)) << "sending it again would help nobody: " << payload;
  }
  EXPECT_EQ(hub.ingest->counters().refused_messages.value(), 5U);
  const auto refusals = hub.refusals();
  ASSERT_EQ(refusals.size(), 5U);
  EXPECT_EQ(refusals[0].reason, operations::Reason::MessageInvalid);
  EXPECT_EQ(refusals[0].device_id, "device-1");
  EXPECT_NE(refusals[0].detail.find("expected"), std::string::npos) << refusals[0].detail;
  hub.drain();
  EXPECT_EQ(hub.ingest->counters().items.value(), 0U);
}

TEST(Ingest, ABadEventLeavesItsNeighbours) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    std::string message = message_of(
        {process_event(1, "good-1"), process_event(2, "bad"), process_event(3, "good-2")});
    // The second event's ProcessId becomes text.
    const auto at = message.find("\"ProcessId\":2");
    ASSERT_NE(at, std::string::npos);
    message.replace(at, 13, "\"ProcessId\":\"two\"");
    EXPECT_TRUE(hub.send(message));
    hub.drain();
    EXPECT_EQ(hub.ingest->counters().refused_events.value(), 1U);
    EXPECT_EQ(hub.ingest->counters().refused_messages.value(), 0U);
    const auto refusals = hub.refusals();
    ASSERT_EQ(refusals.size(), 1U);
    EXPECT_EQ(refusals[0].reason, operations::Reason::EventInvalid);
    EXPECT_NE(refusals[0].detail.find("/Events/1/Payload/0/ProcessId: expected"), std::string::npos)
        << refusals[0].detail;
  }
  EXPECT_EQ(store::ask(rows_path(dir),
                       "SELECT EventDetails->>'$.CommandLine' FROM raw_event ORDER BY TimeStamp"),
            (Table{{"good-1"}, {"good-2"}}));
}

TEST(Ingest, NamedLeniencesAreCounted) {
  const store::TempDir dir;
  Hub hub(dir.path());
  std::string message = message_of({process_event(1, "sh")});
  const auto at = message.find("\"Triggered\"");
  ASSERT_NE(at, std::string::npos);
  message.replace(at, 11, "\"Aggregated\"");
  EXPECT_TRUE(hub.send(message));
  hub.drain();
  const auto index = static_cast<std::size_t>(schema::Leniency::AggregatedCategory);
  EXPECT_EQ(hub.ingest->counters().leniencies[index].value(), 1U);
  EXPECT_EQ(hub.ingest->counters().items.value(), 1U);
}

TEST(Ingest, OperationsBecomeRows) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    operations::Record record;
    record.time = clock_at(5);
    record.operation = "deviceConnect";
    record.device_id = "device-9";
    record.auth.type = "sas";
    hub.operations.record(record);
  }
  EXPECT_EQ(store::ask(
                rows_path(dir),
                "SELECT OperationName, DeviceId, Properties->>'$.auth.type' FROM IoTHubOperations"),
            (Table{{"deviceConnect", "device-9", "sas"}}));
}

TEST(Ingest, AnAlertsNewStatusIsARow) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send(message_of({process_event(1, "sh -c echo cpuminer-multi")})));
    hub.drain();
    const auto id = hub.alerts->list({})->items.at(0).id;
    ASSERT_TRUE(hub.alerts->set_status(id, detect::Status::Closed, "ann", "mine", clock_at(9)));
    hub.drain();
    EXPECT_EQ(hub.alerts->outbox(0, 10)->size(), 0U);
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT Status FROM SecurityAlert ORDER BY TimeGenerated"),
            (Table{{"New"}, {"Resolved"}}));
}

TEST(Ingest, AnswersComeInTheOrderOfSubmission) {
  const store::TempDir dir;
  Hub hub(dir.path());
  std::mutex mutex;
  std::vector<int> order;
  constexpr int kMessages = 3000;
  for (int i = 0; i < kMessages; ++i) {
    Done done = [&, i](bool durable) {
      EXPECT_TRUE(durable);
      const std::lock_guard lock(mutex);
      order.push_back(i);
    };
    Received message;
    message.device_id = "d";
    // Every third one is refused, and waits its turn all the same.
    message.payload = i % 3 == 0 ? "junk" : "telemetry";
    message.security = i % 3 == 0;
    ASSERT_TRUE(hub.ingest->submit(message, done));
  }
  hub.ingest->stop();
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kMessages));
  EXPECT_TRUE(std::ranges::is_sorted(order));
  EXPECT_LT(hub.ingest->counters().commits.value(), 2000U) << "many messages, one commit";
}

TEST(Ingest, AFullQueueRefusesAndSaysWhenThereIsRoom) {
  const store::TempDir dir;
  Options options;
  options.queue_messages = 10;
  Hub hub(dir.path(), options);
  std::atomic<int> answered{0};
  int taken = 0;
  int refused = 0;
  // The journal thread stands in a Done while the queue fills.
  std::promise<void> release;
  auto released = release.get_future().share();
  std::promise<void> standing;
  Done block = [released, &answered, &standing](bool) {
    standing.set_value();
    released.wait();
    ++answered;
  };
  Received message;
  message.device_id = "d";
  message.payload = "x";
  ASSERT_TRUE(hub.ingest->submit(message, block));
  ASSERT_EQ(standing.get_future().wait_for(kPatience), std::future_status::ready);
  for (int i = 0; i < 100; ++i) {
    Done done = [&answered](bool) { ++answered; };
    if (hub.ingest->submit(message, done)) {
      ++taken;
    } else {
      ++refused;
      EXPECT_TRUE(done) << "what is refused stays the caller's";
    }
  }
  EXPECT_EQ(taken, 10);
  EXPECT_EQ(refused, 90);
  std::promise<void> room;
  hub.ingest->on_room([&room] { room.set_value(); });
  release.set_value();
  EXPECT_EQ(room.get_future().wait_for(kPatience), std::future_status::ready);
  hub.ingest->stop();
  EXPECT_EQ(answered, taken + 1);
  EXPECT_EQ(hub.ingest->counters().no_room.value(), static_cast<std::uint64_t>(refused));
  Done late = [](bool) { FAIL(); };
  EXPECT_FALSE(hub.ingest->submit(message, late));
}

// Lets no file of this process grow, as a full disk would.
class FullDisk {
 public:
  FullDisk() {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_), 0);
    old_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{0, old_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  sighandler_t old_handler_ = nullptr;
};

TEST(Ingest, FullDiskRefusesRecordsItOnceAndRecovers) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send(message_of({process_event(1, "before")})));
    hub.drain();
    {
      const FullDisk full;
      for (std::uint64_t i = 0; i < 5; ++i)
        EXPECT_FALSE(hub.send(message_of({process_event(10 + i, "lost?")})));
      EXPECT_TRUE(hub.ingest->journal().failing);
      EXPECT_FALSE(hub.ingest->journal().problem.empty());
    }
    EXPECT_EQ(hub.ingest->counters().not_durable.value(), 5U);
    int records = 0;
    for (const auto& record : hub.refusals())
      records += record.operation == "journalWrite" ? 1 : 0;
    EXPECT_EQ(records, 1) << "one record for all of it";
    // What was not acknowledged is sent again.
    for (std::uint64_t i = 0; i < 5; ++i)
      EXPECT_TRUE(hub.send(message_of({process_event(10 + i, "lost?")})));
    EXPECT_FALSE(hub.ingest->journal().failing);
    hub.drain();
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*), count(DISTINCT EventId) FROM raw_event"),
            (Table{{"6", "6"}}));
}

TEST(Ingest, AStoreOnAFullDiskCatchesUpLater) {
  const store::TempDir dir;
  {
    Options options;
    Hub hub(dir.path(), options);
    EXPECT_TRUE(hub.send(message_of({process_event(1, "before")})));
    hub.drain();
    // Files may not grow beyond what the journal's segment has: the stores fail, the journal does
    // not.
    rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{8192, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    EXPECT_TRUE(hub.send(message_of({process_event(2, "sh -c echo cpuminer-multi")})));
    EXPECT_FALSE(hub.ingest->drain(std::chrono::milliseconds(50)));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    ::signal(SIGXFSZ, old_handler);
    hub.drain();
    EXPECT_GE(hub.ingest->counters().store_failures.value(), 1U);
    EXPECT_EQ(hub.alerts->list({})->items.at(0).hit_count, 1);
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*), count(DISTINCT EventId) FROM raw_event"),
            (Table{{"2", "2"}}));
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*) FROM SecurityAlert"), (Table{{"1"}}));
}

TEST(Ingest, AFullJournalRefuses) {
  const store::TempDir dir;
  Options options;
  options.journal_max_bytes = 64 * 1024;
  options.journal_segment_bytes = 16 * 1024;
  Hub hub(dir.path(), options);
  // Stored and trimmed as it goes: far more than fits goes through.
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(hub.send(std::string(4096, 'x'), false));
    if (i % 5 == 4) hub.drain();
  }
  EXPECT_FALSE(hub.send(std::string(128 * 1024, 'x'), false));
  EXPECT_EQ(hub.ingest->counters().not_durable.value(), 1U);
}

TEST(Ingest, ADamagedJournalIsCountedAndTheRestGoesOn) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send(message_of({process_event(1, "stored")})));
  }
  // Records that the store has not seen: a journal written by a hub whose store is put back later.
  std::filesystem::copy(dir.path() + "/events.duckdb", dir.path() + "/old.duckdb");
  {
    Hub hub(dir.path());
    for (std::uint64_t i = 2; i < 6; ++i) {
      EXPECT_TRUE(hub.send(message_of({process_event(i, "marker-" + std::to_string(i))})));
    }
  }
  std::filesystem::remove(dir.path() + "/events.duckdb.wal");
  std::filesystem::rename(dir.path() + "/old.duckdb", dir.path() + "/events.duckdb");
  std::size_t damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path() + "/journal")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    const auto at = bytes.find("marker-3");
    if (at == std::string::npos) continue;
    bytes[at] = 'X';
    std::ofstream(entry.path(), std::ios::binary) << bytes;
    ++damaged;
  }
  ASSERT_EQ(damaged, 1U);
  {
    Hub hub(dir.path());
    hub.drain();
    EXPECT_EQ(hub.ingest->counters().journal_corrupt_records.value(), 1U);
    EXPECT_TRUE(hub.send(message_of({process_event(7, "after")})));
  }
  EXPECT_EQ(
      store::ask(rows_path(dir), "SELECT EventDetails->>'$.CommandLine' FROM raw_event ORDER BY 1"),
      (Table{{"after"}, {"marker-2"}, {"marker-4"}, {"marker-5"}, {"stored"}}));
}

TEST(Ingest, ClocksMayStep) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    for (std::uint64_t i = 0; i < 5; ++i) {
      EXPECT_TRUE(hub.send(message_of({process_event(i, "sh -c echo cpuminer-multi")}), true,
                           clock_at(-1000 * static_cast<int>(i))));
    }
    hub.drain();
    EXPECT_EQ(hub.alerts->list({})->items.at(0).hit_count, 5);
    EXPECT_EQ(hub.alerts->list({})->items.at(0).last_seen, clock_at(0));
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*) FROM raw_event"), (Table{{"5"}}));
}

// Sends numbered messages for ever and reports each that was acknowledged. Never returns.
[[noreturn]] void send_for_ever(const std::string& dir, std::uint64_t first, int progress) {
  Hub hub(dir);
  for (std::uint64_t number = first;; ++number) {
    Done done = [progress, number](bool durable) {
      if (!durable || ::write(progress, &number, sizeof number) != sizeof number) ::_exit(3);
    };
    const std::string payload =
        message_of({process_event(number, "sh -c echo cpuminer-multi " + std::to_string(number))});
    Received message;
    message.device_id = "device-1";
    message.module_id = "azureiotsecurity";
    message.payload = payload;
    message.security = true;
    while (!hub.ingest->submit(message, done))
      ::usleep(100);
  }
}

TEST(Ingest, KilledAtAnyMomentNothingAcknowledgedIsLostOrDoubled) {
  const store::TempDir dir;
  std::minstd_rand random(42);
  std::uint64_t next = 1;
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 8; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    // The last messages again, as a device does whose acknowledgements were lost.
    const std::uint64_t first = next > 20 ? next - 20 : 1;
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe[0]);
      send_for_ever(dir.path(), first, pipe[1]);
    }
    ::close(pipe[1]);
    int wanted = 1 + static_cast<int>(random() % 800);
    std::uint64_t number = 0;
    const auto take = [&] {
      if (::read(pipe[0], &number, sizeof number) != sizeof number) return false;
      acknowledged = std::max(acknowledged, number);
      return true;
    };
    while (wanted-- > 0 && take()) {
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    while (take()) {
    }
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    next = acknowledged + 1;
  }
  std::int64_t hits = 0;
  {
    Hub hub(dir.path());
    hub.drain();
    ASSERT_EQ(hub.alerts->list({})->total, 1);
    hits = hub.alerts->list({})->items.at(0).hit_count;
  }
  const auto stored = store::ask(rows_path(dir),
                                 "SELECT count(*), count(DISTINCT EventId), count(*) FILTER "
                                 "(EventDetails->>'$.CommandLine' IS NOT NULL "
                                 "AND CAST(EventDetails->>'$.ProcessId' AS BIGINT) <= " +
                                     std::to_string(acknowledged) + ") FROM raw_event");
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0][0], stored[0][1]) << "nothing twice";
  EXPECT_EQ(stored[0][2], std::to_string(acknowledged)) << "everything acknowledged";
  EXPECT_EQ(std::to_string(hits), stored[0][0]) << "the alert counted each event once";
  const auto alerts = store::ask(
      rows_path(dir),
      "SELECT count(DISTINCT SystemAlertId), max(CAST(ExtendedProperties->>'$.HitCount' AS "
      "BIGINT)) <= " +
          std::to_string(hits) +
          ", count(*) = count(DISTINCT ExtendedProperties->>'$.HitCount') FROM SecurityAlert");
  EXPECT_EQ(alerts, (Table{{"1", "true", "true"}}));
}

}  // namespace
}  // namespace hub::ingest
