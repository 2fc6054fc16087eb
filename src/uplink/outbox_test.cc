#include "uplink/outbox.h"

#include <map>

#include <gtest/gtest.h>

#include "schema/message.h"

namespace uplink {
namespace {

using base::MonoTime;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr MonoTime kStart{std::chrono::hours(5)};
const base::WallTime kNoon = base::parse_rfc3339("2026-11-22T12:00:00Z").value().utc;

schema::Event started(std::string command_line, std::int64_t pid, seconds after = seconds(0)) {
  schema::Event event;
  event.id = base::Guid::random();
  event.time = {kNoon + after, minutes(60)};
  event.payload = schema::payload_of(
      schema::ProcessCreate{.executable = "/bin/sh",
                            .process_id = pid,
                            .parent_process_id = pid - 1,
                            .user_id = "0",
                            .user_name = "root",
                            .command_line = std::move(command_line),
                            .extra_details = {{"Sequence", std::to_string(pid)}, {"Cwd", "/"}}});
  return event;
}

const schema::ProcessCreate& item_of(const schema::Event& event) {
  return std::get<std::vector<schema::ProcessCreate>>(event.payload).at(0);
}

class OutboxTest : public ::testing::Test {
 protected:
  Outbox make(Outbox::Options options) {
    return Outbox(std::move(options), [this](const schema::Event& event, Priority priority) {
      emitted_.push_back(event);
      priorities_.push_back(priority);
    });
  }
  static Outbox::Options aggregating() {
    return {.windows = {{schema::EventName::ProcessCreate, minutes(5)},
                        {schema::EventName::ConnectionCreate, minutes(5)}},
            .max_entries = 100,
            .max_bytes = 1U << 20U,
            .ignored_details = {"Sequence"},
            .summed_details = {"BytesSent"}};
  }

  std::vector<schema::Event> emitted_;
  std::vector<Priority> priorities_;
};

TEST_F(OutboxTest, EmitsTheFirstAtOnceAndRepeatsAsOne) {
  Outbox outbox = make(aggregating());
  const auto first = started("cron", 100);
  outbox.submit(first, Priority::Low, kStart);
  ASSERT_EQ(emitted_.size(), 1U);
  EXPECT_EQ(emitted_[0].id, first.id);
  EXPECT_EQ(emitted_[0].payload, first.payload);
  const auto repeat = started("cron", 110, seconds(10));
  outbox.submit(repeat, Priority::Low, kStart + seconds(10));
  outbox.submit(started("cron", 120, seconds(20)), Priority::Low, kStart + seconds(20));
  outbox.submit(started("cron", 130, seconds(30)), Priority::Low, kStart + seconds(30));
  EXPECT_EQ(emitted_.size(), 1U);
  EXPECT_EQ(outbox.stats().held, 3U);
  EXPECT_EQ(outbox.next_expiry(), kStart + minutes(5));
  outbox.expire(kStart + minutes(5) - seconds(1));
  EXPECT_EQ(emitted_.size(), 1U);
  outbox.expire(kStart + minutes(5));
  ASSERT_EQ(emitted_.size(), 2U);
  EXPECT_EQ(emitted_[1].id, repeat.id);
  EXPECT_EQ(emitted_[1].hit_count(0), 3);
  EXPECT_EQ(item_of(emitted_[1]).process_id, 0);
  EXPECT_EQ(item_of(emitted_[1]).parent_process_id, 0);
  const auto& details = item_of(emitted_[1]).extra_details;
  EXPECT_EQ(*schema::find(details, "StartTimeUtc"), "2026-11-22T12:00:10.000Z");
  EXPECT_EQ(*schema::find(details, "StartTimeLocal"), "2026-11-22T13:00:10.000+01:00");
  EXPECT_EQ(*schema::find(details, "EndTimeUtc"), "2026-11-22T12:00:30.000Z");
  EXPECT_EQ(*schema::find(details, "EndTimeLocal"), "2026-11-22T13:00:30.000+01:00");
  EXPECT_EQ(*schema::find(details, "FirstProcessId"), "110");
  EXPECT_EQ(*schema::find(details, "LastProcessId"), "130");
  EXPECT_EQ(*schema::find(details, "Cwd"), "/");
  EXPECT_EQ(outbox.stats().held, 0U);
  EXPECT_EQ(outbox.stats().merged, 3U);
  EXPECT_EQ(outbox.next_expiry(), MonoTime::max());
}

TEST_F(OutboxTest, ASingleRepeatIsSentAsItIs) {
  Outbox outbox = make(aggregating());
  outbox.submit(started("cron", 1), Priority::Low, kStart);
  const auto repeat = started("cron", 2, seconds(1));
  outbox.submit(repeat, Priority::Low, kStart);
  outbox.flush();
  ASSERT_EQ(emitted_.size(), 2U);
  EXPECT_EQ(emitted_[1].payload, repeat.payload);
}

schema::Event connected(schema::Direction direction, std::string remote_port,
                        std::string local_port, std::string bytes) {
  schema::Event event;
  event.id = base::Guid::random();
  event.time = {kNoon, minutes(0)};
  event.payload = schema::payload_of(
      schema::ConnectionCreate{.remote_address = "2001:db8::7",
                               .remote_port = std::move(remote_port),
                               .local_address = "2001:db8::1",
                               .local_port = std::move(local_port),
                               .direction = direction,
                               .protocol = "tcp",
                               .process_id = 7,
                               .user_id = "0",
                               .executable = "/usr/sbin/sshd",
                               .command_line = {},
                               .extra_details = {{"BytesSent", std::move(bytes)}}});
  return event;
}

// The side that chose its port at random is not told apart; the other one is.
TEST_F(OutboxTest, AggregatesConnectionsToOneService) {
  Outbox outbox = make(aggregating());
  const auto submit = [&](schema::Event event) {
    outbox.submit(std::move(event), Priority::Low, kStart);
  };
  submit(connected(schema::Direction::In, "50001", "22", "10"));
  submit(connected(schema::Direction::In, "50002", "22", "20"));
  submit(connected(schema::Direction::In, "50003", "22", "30"));
  submit(connected(schema::Direction::In, "50004", "2222", "1"));
  EXPECT_EQ(emitted_.size(), 2U);
  submit(connected(schema::Direction::Out, "443", "50001", "1"));
  submit(connected(schema::Direction::Out, "443", "50002", "2"));
  submit(connected(schema::Direction::Out, "443", "50003", "3"));
  submit(connected(schema::Direction::Out, "80", "50003", "3"));
  EXPECT_EQ(emitted_.size(), 4U);
  outbox.flush();
  ASSERT_EQ(emitted_.size(), 6U);
  const auto item = [&](std::size_t i) {
    return std::get<std::vector<schema::ConnectionCreate>>(emitted_[i].payload).at(0);
  };
  EXPECT_EQ(item(0).remote_port, "50001");  // the first is as it was
  EXPECT_EQ(item(4).remote_port, "0");
  EXPECT_EQ(item(4).local_port, "22");
  EXPECT_EQ(item(4).process_id, 0);
  EXPECT_EQ(*schema::find(item(4).extra_details, "HitCount"), "2");
  EXPECT_EQ(*schema::find(item(4).extra_details, "BytesSent"), "50");
  EXPECT_EQ(item(5).remote_port, "443");
  EXPECT_EQ(item(5).local_port, "0");
  EXPECT_EQ(*schema::find(item(5).extra_details, "BytesSent"), "5");
}

TEST_F(OutboxTest, OtherWindowsEndWhatIsHeldAndLoseNothing) {
  Outbox outbox = make(aggregating());
  for (int i = 0; i < 4; ++i) {
    outbox.submit(started("cron", i), Priority::Low, kStart);
    outbox.submit(connected(schema::Direction::In, "1", "22", "1"), Priority::Low, kStart);
  }
  EXPECT_EQ(emitted_.size(), 2U);
  outbox.set_windows({{schema::EventName::ConnectionCreate, minutes(5)}});
  ASSERT_EQ(emitted_.size(), 3U);
  EXPECT_EQ(emitted_[2].hit_count(0), 3);
  outbox.submit(started("cron", 9), Priority::Low, kStart);
  EXPECT_EQ(emitted_.size(), 4U);  // not aggregated any more
  outbox.submit(connected(schema::Direction::In, "1", "22", "1"), Priority::Low, kStart);
  EXPECT_EQ(emitted_.size(), 4U);  // still is
  outbox.set_windows({{schema::EventName::ConnectionCreate, minutes(1)}});
  ASSERT_EQ(emitted_.size(), 5U);
  EXPECT_EQ(emitted_[4].hit_count(0), 4);
  EXPECT_EQ(outbox.stats().held, 0U);
}

TEST_F(OutboxTest, BeginsANewWindowAfterTheOldOne) {
  Outbox outbox = make(aggregating());
  outbox.submit(started("cron", 1), Priority::Low, kStart);
  outbox.submit(started("cron", 2), Priority::Low, kStart + seconds(1));
  // Without expire() in between: what was held goes first.
  outbox.submit(started("cron", 3), Priority::Low, kStart + minutes(6));
  ASSERT_EQ(emitted_.size(), 3U);
  EXPECT_EQ(item_of(emitted_[1]).process_id, 2);
  EXPECT_EQ(item_of(emitted_[2]).process_id, 3);
  EXPECT_EQ(outbox.next_expiry(), kStart + minutes(11));
}

TEST_F(OutboxTest, TellsApartWhatDiffers) {
  Outbox outbox = make(aggregating());
  auto other_user = started("a", 1);
  std::get<0>(other_user.payload)[0].user_id = "1000";
  auto other_cwd = started("a", 1);
  std::get<0>(other_cwd.payload)[0].extra_details = {{"Cwd", "/tmp"}};
  outbox.submit(started("a", 1), Priority::Low, kStart);
  outbox.submit(started("b", 1), Priority::Low, kStart);
  outbox.submit(other_user, Priority::Low, kStart);
  outbox.submit(other_cwd, Priority::Low, kStart);
  outbox.submit(started("a", 1), Priority::High, kStart);
  EXPECT_EQ(emitted_.size(), 5U);
  EXPECT_EQ(priorities_.back(), Priority::High);
}

TEST_F(OutboxTest, PassesOtherKindsAndSnapshots) {
  Outbox outbox = make(aggregating());
  schema::Event heartbeat;
  heartbeat.payload = std::vector<schema::Heartbeat>(1);
  auto snapshot = started("a", 1);
  std::get<0>(snapshot.payload).push_back(std::get<0>(snapshot.payload)[0]);
  schema::Event empty;
  empty.payload = std::vector<schema::ProcessCreate>();
  for (int i = 0; i < 2; ++i) {
    outbox.submit(heartbeat, Priority::Low, kStart);
    outbox.submit(snapshot, Priority::Low, kStart);
    outbox.submit(empty, Priority::Low, kStart);
  }
  EXPECT_EQ(emitted_.size(), 6U);
  EXPECT_EQ(outbox.stats().merged, 0U);
}

TEST_F(OutboxTest, EndsTheOldestWindowEarlyWhenItIsFull) {
  auto options = aggregating();
  options.max_entries = 3;
  Outbox outbox = make(options);
  for (const char* name : {"a", "b", "c"})
    outbox.submit(started(name, 1), Priority::Low, kStart);
  outbox.submit(started("a", 2), Priority::Low, kStart);
  EXPECT_EQ(emitted_.size(), 3U);
  outbox.submit(started("d", 1), Priority::Low, kStart);
  ASSERT_EQ(emitted_.size(), 5U);
  EXPECT_EQ(item_of(emitted_[4]).process_id, 2);
  EXPECT_EQ(outbox.stats().evicted_early, 1U);
  EXPECT_EQ(outbox.stats().held, 0U);
}

TEST_F(OutboxTest, IsBoundedInBytes) {
  auto options = aggregating();
  options.max_bytes = 50'000;
  Outbox outbox = make(options);
  for (int i = 0; i < 90; ++i) {
    outbox.submit(started(std::string(1000, 'x') + std::to_string(i), 1), Priority::Low, kStart);
  }
  EXPECT_GT(outbox.stats().evicted_early, 45U);
  EXPECT_LT(outbox.stats().evicted_early, 80U);
}

TEST_F(OutboxTest, LosesNoHit) {
  auto options = aggregating();
  options.max_entries = 7;
  options.windows = {{schema::EventName::ProcessCreate, seconds(10)}};
  Outbox outbox = make(options);
  std::map<std::string, std::int64_t> submitted;
  for (int i = 0; i < 3000; ++i) {
    const std::string name = std::to_string(i / 3 * 7919 % 11);
    ++submitted[name];
    outbox.submit(started(name, i), Priority::Low, kStart + std::chrono::milliseconds(i * 13));
  }
  outbox.flush();
  std::map<std::string, std::int64_t> hits;
  for (const auto& event : emitted_)
    hits[item_of(event).command_line] += event.hit_count(0);
  EXPECT_EQ(hits, submitted);
  EXPECT_LT(emitted_.size(), 3000U);
}

}  // namespace
}  // namespace uplink
