#include "agent/reports.h"

#include <gtest/gtest.h>

namespace agent {
namespace {

using namespace std::chrono_literals;

Health healthy() {
  Health health;
  health.tier = collect::Tier::Connector;
  health.tier_reason = "ebpf: denied";
  health.boot_id = "boot-1";
  health.uptime = 61s;
  health.kernel_lost = 4;
  health.events.created = 100;
  health.uplink.spool.high.collected = 50;
  health.uplink.spool.high.acknowledged = 40;
  health.uplink.spool.high.pending = 7;
  health.uplink.spool.high.evicted = 2;
  health.uplink.spool.high.lost = 1;
  health.uplink.spool.low.collected = 10;
  health.uplink.spool.low.pending = 10;
  health.uplink.spool.bytes = 4096;
  health.resident_bytes = 5'000'000;
  return health;
}

std::string detail(const schema::ExtraDetails& details, std::string_view name) {
  const std::string* value = schema::find(details, name);
  return value == nullptr ? "(none)" : *value;
}

const schema::Heartbeat& beat_of(const schema::Event& event) {
  return std::get<std::vector<schema::Heartbeat>>(event.payload).at(0);
}

TEST(Heartbeat, AddsUp) {
  const schema::Event event = heartbeat(healthy(), Beat::Later, {}, base::WallTime(1s));
  const schema::Heartbeat& item = beat_of(event);
  EXPECT_EQ(item.tier, schema::CollectionTier::Connector);
  EXPECT_EQ(item.uptime_seconds, 61);
  EXPECT_EQ(item.collected_events, 60);
  EXPECT_EQ(item.acknowledged_events, 40);
  EXPECT_EQ(item.dropped_events, 3);
  EXPECT_EQ(item.pending_events, 17);
  EXPECT_EQ(item.collected_events,
            item.acknowledged_events + item.dropped_events + item.pending_events);
  EXPECT_EQ(item.kernel_lost_events, 4);
  EXPECT_EQ(detail(item.extra_details, "TierReason"), "ebpf: denied");
  EXPECT_EQ(detail(item.extra_details, "Start"), "(none)");
}

TEST(Heartbeat, FirstSaysHowTheFormerRunEnded) {
  const RunState::Previous previous{
      .any = true, .clean = false, .boot_id = "boot-0", .last_alive = base::WallTime(100s)};
  const schema::Event event = heartbeat(healthy(), Beat::First, previous, base::WallTime(190s));
  const schema::ExtraDetails& details = beat_of(event).extra_details;
  EXPECT_EQ(detail(details, "Start"), "true");
  EXPECT_EQ(detail(details, "UncleanExit"), "true");
  EXPECT_EQ(detail(details, "Rebooted"), "true");
  EXPECT_EQ(detail(details, "DowntimeSeconds"), "90");
}

TEST(Heartbeat, AClockSetBackGivesNoNegativeDowntime) {
  const RunState::Previous previous{
      .any = true, .clean = true, .boot_id = "boot-1", .last_alive = base::WallTime(100s)};
  const schema::Event event = heartbeat(healthy(), Beat::First, previous, base::WallTime(50s));
  const schema::ExtraDetails& details = beat_of(event).extra_details;
  EXPECT_EQ(detail(details, "DowntimeSeconds"), "0");
  EXPECT_EQ(detail(details, "UncleanExit"), "false");
  EXPECT_EQ(detail(details, "Rebooted"), "false");
}

TEST(DroppedEvents, TellsWhatIsNewSinceTheLastReport) {
  RunState::Totals totals;
  totals.kernel_lost = 4;
  Health health = healthy();
  const auto items = [&] {
    return std::get<std::vector<schema::DroppedEventsStatistics>>(
        dropped_events(health, totals, base::WallTime(1s)).payload);
  };
  const auto first = items();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].queue, schema::Queue::High);
  EXPECT_EQ(first[0].collected_events, 50);
  EXPECT_EQ(first[0].dropped_events, 3);
  EXPECT_EQ(detail(first[0].extra_details, "KernelLost"), "4");
  EXPECT_EQ(detail(first[0].extra_details, "Evicted"), "2");
  EXPECT_EQ(first[1].collected_events, 10);

  health.uplink.spool.high.collected = 55;
  totals.kernel_lost = 6;
  const auto second = items();
  EXPECT_EQ(second[0].collected_events, 5);
  EXPECT_EQ(second[0].dropped_events, 0);
  EXPECT_EQ(detail(second[0].extra_details, "KernelLost"), "2");

  // A new spool counts from nothing.
  health.uplink.spool.high = {};
  health.uplink.spool.high.collected = 3;
  EXPECT_EQ(items()[0].collected_events, 3);
}

TEST(MessageStatistics, TellsWhatIsNewSinceTheLastReport) {
  uplink::SessionStats session;
  session.messages_acknowledged = 10;
  session.messages_under_4kb = 4;
  session.messages_resent = 1;
  session.connect_failures = 2;
  uplink::SessionStats reported;
  const auto items = [&] {
    return std::get<std::vector<schema::MessageStatistics>>(
        message_statistics(session, reported, base::WallTime(1s)).payload);
  };
  EXPECT_EQ(items().at(0).messages_sent, 10);
  session.messages_acknowledged = 15;
  const auto second = items();
  EXPECT_EQ(second.at(0).messages_sent, 5);
  EXPECT_EQ(second.at(0).messages_under_4kb, 0);
  EXPECT_EQ(second.at(0).total_failed, 0);
}

}  // namespace
}  // namespace agent
