// What becomes rows and what does not, and what others do on the pipeline's thread.
#include <atomic>

#include <gtest/gtest.h>

#include "hub/ingest/ingest_testing.h"

namespace hub::ingest {
namespace {

constexpr const char* kMiner = "sh -c echo cpuminer-multi";

TEST(Storing, WhatIsNotChosenIsDetectedAllTheSame) {
  const store::TempDir dir;
  std::string alert;
  std::vector<std::string> asked;  // on the pipeline's thread until the hub is gone
  {
    Options options;
    options.stores_event = [&asked](std::string_view device, std::string_view type) {
      asked.push_back(std::string(device) + " " + std::string(type));
      return false;
    };
    Hub hub(dir.path(), std::move(options));
    EXPECT_TRUE(hub.send(message_of({process_event(1, kMiner), process_event(2, "sh -c true")})));
    hub.drain();
    const auto page = *hub.alerts->list({});
    ASSERT_EQ(page.total, 1);
    alert = page.items[0].id;
    const auto evidence = hub.alerts->get(alert)->evidence;
    ASSERT_EQ(evidence.size(), 1U) << "the alert has what it stands on";
    EXPECT_NE(evidence[0].details_json.find("cpuminer-multi"), std::string::npos);
    EXPECT_EQ(hub.ingest->counters().items.value(), 0U);
    EXPECT_EQ(hub.ingest->counters().not_stored.value(), 2U);
    EXPECT_EQ(hub.ingest->counters().findings.value(), 1U);
  }
  EXPECT_EQ(asked, (std::vector<std::string>{"device-1 ProcessCreate", "device-1 ProcessCreate"}));
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*) FROM SecurityIoTRawEvent"), (Table{{"0"}}));
  EXPECT_EQ(store::ask(rows_path(dir),
                       "SELECT ExtendedProperties->>'$.EventDetails.CommandLine' FROM "
                       "SecurityAlert"),
            (Table{{kMiner}}));
}

TEST(Storing, WithoutRoomRowsAreCountedAndAlertsStored) {
  const store::TempDir dir;
  std::atomic<bool> room{false};
  {
    Options options;
    options.store_telemetry = true;
    options.has_room = [&room] { return room.load(); };
    Hub hub(dir.path(), std::move(options));
    EXPECT_TRUE(hub.send(message_of({process_event(1, kMiner)})));
    EXPECT_TRUE(hub.send("{\"t\":1}", false));
    hub.drain();
    EXPECT_EQ(hub.ingest->counters().rows_no_room.value(), 2U);
    EXPECT_EQ(hub.alerts->list({})->total, 1);
    room = true;
    EXPECT_TRUE(hub.send(message_of({process_event(2, "sh -c true")})));
    EXPECT_TRUE(hub.send("{\"t\":2}", false));
    hub.drain();
    EXPECT_EQ(hub.ingest->counters().rows_no_room.value(), 2U);
  }
  EXPECT_EQ(store::ask(rows_path(dir),
                       "SELECT EventDetails->>'$.CommandLine' FROM "
                       "SecurityIoTRawEvent"),
            (Table{{"sh -c true"}}));
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT Body FROM DeviceTelemetry"), (Table{{"{\"t\":2}"}}));
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*) FROM SecurityAlert"), (Table{{"1"}}));
}

TEST(Storing, OthersTakeTheirTurnOnTheWritersThread) {
  const store::TempDir dir;
  Hub hub(dir.path());
  EXPECT_TRUE(hub.send(message_of({process_event(1, "a")})));
  std::uint64_t stored = 0;
  EXPECT_TRUE(hub.ingest->run_on_writer([&]() -> base::Result<void> {
    stored = hub.events->stats().rows_appended;
    return {};
  }));
  EXPECT_GE(stored, 1U) << "what came before is stored";
  const auto failed = hub.ingest->run_on_writer(
      []() -> base::Result<void> { return base::fail(base::Code::Full, "step"); });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, base::Code::Full);
  EXPECT_TRUE(hub.send(message_of({process_event(2, "b")}))) << "and nobody else notices";
  hub.drain();
  hub.ingest->stop();
  const auto late = hub.ingest->run_on_writer([]() -> base::Result<void> { return {}; });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, base::Code::Closed);
}

TEST(Storing, ManyTakeTurnsWhileMessagesCome) {
  const store::TempDir dir;
  constexpr int kSteps = 20;
  std::atomic<int> done{0};
  Hub hub(dir.path());
  {
    std::vector<std::jthread> others;
    for (int i = 0; i < 3; ++i) {
      others.emplace_back([&hub, &done] {
        for (int step = 0; step < kSteps; ++step) {
          const auto ran = hub.ingest->run_on_writer([&done]() -> base::Result<void> {
            ++done;
            return {};
          });
          EXPECT_TRUE(ran);
        }
      });
    }
    for (std::uint64_t i = 1; i <= 50; ++i)
      EXPECT_TRUE(hub.send(message_of({process_event(i, "a")})));
  }
  EXPECT_EQ(done, 3 * kSteps);
  hub.drain();
  EXPECT_EQ(hub.ingest->counters().items.value(), 50U);
}

}  // namespace
}  // namespace hub::ingest
