#include "hub/ingest/ingest.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include <gtest/gtest.h>

#include "hub/ingest/ingest_testing.h"
#include "hub/operations/audit.h"
#include "store/query.h"

namespace hub::ingest {
namespace {

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
      store::ask(rows_path(dir),
                 "SELECT RawEventName, IsEmpty, EventDetails FROM SecurityIoTRawEvent"),
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
                       "SELECT EventDetails->>'$.CommandLine' FROM SecurityIoTRawEvent ORDER BY "
                       "TimeStamp"),
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

TEST(Ingest, TheAuditLogBecomesRowsOnceEach) {
  const store::TempDir dir;
  auto audit = operations::AuditLog::open(dir.path() + "/audit.db");
  ASSERT_TRUE(audit) << audit.error().to_string();
  const auto change = [&](const std::string& target) {
    operations::AuditRecord record;
    record.time = clock_at(3);
    record.actor = "ann";
    record.action = "policy.put";
    record.target = target;
    record.result = "ok";
    EXPECT_TRUE((*audit)->record(record));
  };
  Options options;
  options.audit = audit->get();
  change("before");
  for (const char* target : {"during", "again"}) {
    Hub hub(dir.path(), options);
    change(target);
    hub.drain();
  }
  EXPECT_EQ(store::ask(rows_path(dir),
                       "SELECT Identity, OperationName, Target FROM IoTHubAudit ORDER BY AuditId"),
            (Table{{"ann", "policy.put", "before"},
                   {"ann", "policy.put", "during"},
                   {"ann", "policy.put", "again"}}));
}

TEST(Ingest, TellsTheTimeOfTheNewestEvent) {
  const store::TempDir dir;
  std::vector<std::pair<std::string, base::WallTime>> told;
  Options options;
  options.on_clock = [&told](std::string_view device, std::string_view module,
                             base::WallTime newest, base::WallTime received) {
    EXPECT_EQ(received, clock_at(100));
    told.emplace_back(std::string(device) + "/" + std::string(module), newest);
  };
  {
    Hub hub(dir.path(), options);
    EXPECT_TRUE(
        hub.send(message_of({process_event(7, "a"), process_event(9, "b")}), true, clock_at(100)));
    hub.drain();
  }
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].first, "device-1/azureiotsecurity");
  EXPECT_EQ(told[0].second, clock_at(9));
}

TEST(Ingest, AnAlertsNewStatusIsARow) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send(message_of({process_event(1, "sh -c echo cpuminer-multi")})));
    hub.drain();
    const auto id = hub.alerts->list({})->items.at(0).id;
    ASSERT_TRUE(hub.alerts->update(id, {.status = detect::Status::Closed, .comment = "mine"}, 0,
                                   "ann", clock_at(9)));
    // It may take a round of its own, which is not waited for by drain().
    EXPECT_TRUE(eventually([&] { return hub.alerts->outbox(0, 10)->empty(); }));
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

// Changes of twins come from an outbox that is asked again until they are stored.
TEST(Ingest, ChangesOfTwinsAreStoredOnce) {
  const store::TempDir dir;
  std::mutex mutex;
  std::vector<store::TwinRow> changes;
  std::uint64_t trimmed = 0;
  std::function<void()> grown;
  const auto change = [&](std::uint64_t id) {
    store::TwinRow row;
    row.id = id;
    row.device_id = "device-1";
    row.operation = "updated";
    row.version = static_cast<std::int64_t>(id);
    row.tags = R"({"n":)" + std::to_string(id) + "}";
    const std::lock_guard lock(mutex);
    changes.push_back(row);
    if (grown) grown();
  };
  Options options;
  options.twins = [&](std::uint64_t after, std::size_t limit) {
    const std::lock_guard lock(mutex);
    std::vector<store::TwinRow> out;
    for (const store::TwinRow& row : changes) {
      if (row.id > after && out.size() < limit) out.push_back(row);
    }
    return base::Result<std::vector<store::TwinRow>>(std::move(out));
  };
  options.twins_stored = [&](std::uint64_t stored) -> base::Result<void> {
    trimmed = stored;
    return {};
  };
  options.on_twins = [&](std::function<void()> callback) {
    const std::lock_guard lock(mutex);
    grown = std::move(callback);
  };
  for (std::uint64_t id = 1; id <= 3; ++id)
    change(id);
  {
    Hub hub(dir.path(), options);
    hub.drain();
    EXPECT_EQ(hub.events->twin_position(), 3U);
    change(4);
    hub.drain();
  }
  EXPECT_EQ(grown, nullptr);
  {
    // What is there still, though it is stored, as after a crash before it was trimmed.
    Hub hub(dir.path(), options);
    hub.drain();
    for (std::uint64_t id = 5; id <= 1204; ++id)
      change(id);
    hub.drain();
  }
  EXPECT_EQ(trimmed, 1204U);
  EXPECT_EQ(store::ask(rows_path(dir),
                       "SELECT count(*), count(DISTINCT Version), max(Version) FROM DeviceTwins"),
            (Table{{"1204", "1204", "1204"}}));
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT DeviceId, Tags FROM DeviceTwinsCurrent"),
            (Table{{"device-1", R"({"n":1204})"}}));
}

}  // namespace
}  // namespace hub::ingest
