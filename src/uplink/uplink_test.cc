#include "uplink/uplink.h"

#include <atomic>
#include <map>
#include <random>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "os/file.h"
#include "os/scratch_testing.h"
#include "schema/message.h"
#include "uplink/hub_testing.h"
#include "uplink/spool_testing.h"

namespace uplink {
namespace {

using base::Code;
using std::chrono::milliseconds;
using Answer = TestHub::Answer;

schema::Event started(std::string command_line, std::size_t items = 1) {
  schema::Event event;
  event.id = base::Guid::random();
  event.time = {base::wall_now(), std::chrono::minutes(0)};
  schema::ProcessCreate item;
  item.executable = "/bin/sh";
  item.process_id = 42;
  item.user_id = "0";
  item.command_line = std::move(command_line);
  event.payload = std::vector<schema::ProcessCreate>(items, item);
  return event;
}

class UplinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = os::Loop::create().value();
    ASSERT_TRUE(os::write_file_atomic(dir_ / "ca.pem", TestHub::certificates().ca_pem));
    options_.identity = {.host_name = "127.0.0.1",
                         .port = hub_.port(),
                         .device_id = "d1",
                         .module_id = "azureiotsecurity",
                         .key_base64 = std::string(TestHub::kKey),
                         .ca_file = dir_ / "ca.pem"};
    options_.agent_version = "0.1.0";
    options_.spool.folder = dir_ / "spool";
    options_.spool.max_bytes = 4U << 20U;
    options_.session.backoff_first = milliseconds(1);
    options_.session.backoff_most = milliseconds(10);
    options_.low_delay = milliseconds(5);
    options_.sync_delay_high = milliseconds(1);
    options_.sync_delay_low = milliseconds(5);
  }

  void open() {
    auto opened = Uplink::open(*loop_, options_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    uplink_ = std::move(*opened);
  }
  template <class Condition>
  void run_until(Condition&& condition) {
    const auto deadline = base::mono_now() + std::chrono::seconds(20);
    const os::TimerId timer = loop_->every(std::chrono::microseconds(200), [&] {
      if (condition()) loop_->stop();
      if (base::mono_now() > deadline) {
        ADD_FAILURE() << "not in time";
        loop_->stop();
      }
    });
    ASSERT_TRUE(loop_->run());
    loop_->cancel(timer);
  }
  std::uint64_t acknowledged() const {
    const SpoolStats stats = uplink_->stats().spool;
    return stats.high.acknowledged + stats.low.acknowledged;
  }
  void expect_balanced() const {
    uplink::expect_balanced(uplink_->stats().spool.high);
    uplink::expect_balanced(uplink_->stats().spool.low);
  }
  // What the hub was sent, by command line: how often.
  std::map<std::string, int> arrived() const {
    std::map<std::string, int> lines;
    for (const auto& published : hub_.published()) {
      const auto message = base::json::parse(published.payload).value();
      EXPECT_EQ(message.text_or("AgentVersion", ""), "0.1.0");
      for (const auto& event : *message.find("Events")->if_array()) {
        for (const auto& item : *event.find("Payload")->if_array())
          ++lines[std::string(item.text_or("CommandLine", ""))];
      }
    }
    return lines;
  }

  os::ScratchDir dir_;
  TestHub hub_;
  std::unique_ptr<os::Loop> loop_;
  Uplink::Options options_;
  std::unique_ptr<Uplink> uplink_;
};

TEST_F(UplinkTest, DeliversAnEventAtOnce) {
  options_.low_delay = std::chrono::seconds(10);  // which High must not wait for
  open();
  uplink_->start();
  run_until([&] { return uplink_->stats().session.online; });
  const auto before = base::mono_now();
  uplink_->submit(started("sh -c cpuminer"), Priority::High);
  run_until([&] { return acknowledged() == 1; });
  EXPECT_LT(base::mono_now() - before, std::chrono::seconds(1));
  EXPECT_EQ(arrived(), (std::map<std::string, int>{{"sh -c cpuminer", 1}}));
  expect_balanced();
}

TEST_F(UplinkTest, SendsEventsOfOneTurnTogether) {
  open();
  uplink_->start();
  run_until([&] { return uplink_->stats().session.online; });
  for (int i = 0; i < 50; ++i)
    uplink_->submit(started(std::to_string(i)), Priority::High);
  EXPECT_EQ(uplink_->stats().spool.high.collected, 0U);
  run_until([&] { return acknowledged() == 50; });
  EXPECT_EQ(hub_.published().size(), 1U);
}

TEST_F(UplinkTest, LowEventsWaitForCompany) {
  options_.low_delay = milliseconds(50);
  open();
  uplink_->start();
  run_until([&] { return uplink_->stats().session.online; });
  int sent = 0;
  const os::TimerId timer = loop_->every(std::chrono::microseconds(500), [&] {
    if (sent < 8) uplink_->submit(started(std::to_string(sent++)), Priority::Low);
  });
  run_until([&] { return acknowledged() == 8; });
  loop_->cancel(timer);
  EXPECT_LT(hub_.published().size(), 8U);
}

TEST_F(UplinkTest, CollectsWithoutAHubAndDeliversHighFirst) {
  hub_.stop();
  open();
  uplink_->start();
  for (int i = 0; i < 100; ++i) {
    uplink_->submit(started("low" + std::to_string(i)), Priority::Low);
    uplink_->submit(started("high" + std::to_string(i)), Priority::High);
  }
  run_until([&] { return uplink_->stats().session.connect_failures > 2; });
  EXPECT_EQ(uplink_->stats().spool.high.pending, 100U);
  EXPECT_EQ(uplink_->stats().spool.low.pending, 100U);
  expect_balanced();
  hub_.restart();
  run_until([&] { return acknowledged() == 200; });
  expect_balanced();
  EXPECT_EQ(arrived().size(), 200U);
  const std::string first = hub_.published().at(0).payload;
  EXPECT_NE(first.find("high99"), std::string::npos);
  EXPECT_LT(first.find("high99"), first.find("low0"));
}

TEST_F(UplinkTest, SendsAgainAfterARestartWhatWasNotAcknowledged) {
  std::atomic<bool> silent{true};
  hub_.on_publish = [&](const TestHub::Published&) {
    return silent ? Answer::Silence : Answer::Ack;
  };
  open();
  uplink_->start();
  for (int i = 0; i < 10; ++i)
    uplink_->submit(started(std::to_string(i)), Priority::High);
  run_until([&] { return hub_.published().size() == 1; });
  uplink_.reset();
  silent = false;
  open();
  EXPECT_EQ(uplink_->stats().spool.high.pending, 10U);
  uplink_->start();
  run_until([&] { return acknowledged() == 10; });
  for (const auto& [line, count] : arrived())
    EXPECT_EQ(count, 2) << line;
  uplink_.reset();
  open();
  EXPECT_EQ(uplink_->stats().spool.high.pending, 0U);
  EXPECT_EQ(uplink_->stats().spool.high.acknowledged, 10U);
  expect_balanced();
}

TEST_F(UplinkTest, LosesNothingWhileConnectionsBreak) {
  std::atomic<unsigned> seen{0};
  hub_.on_publish = [&](const TestHub::Published&) {
    const unsigned number = ++seen * 2654435761U >> 24U;
    return number < 40 ? Answer::Cut : number < 80 ? Answer::Silence : Answer::Ack;
  };
  options_.session.ack_timeout = milliseconds(20);
  options_.session.window = 4;
  open();
  uplink_->start();
  std::size_t sent = 0;
  const auto enough = [&] { return sent >= 300 && uplink_->stats().session.disconnects >= 5; };
  const os::TimerId timer = loop_->every(milliseconds(1), [&] {
    for (int i = 0; i < 3 && !enough(); ++i) {
      const std::size_t number = sent++;
      uplink_->submit(started(std::to_string(number)),
                      number % 2 == 0 ? Priority::High : Priority::Low);
    }
    expect_balanced();
  });
  run_until([&] { return enough() && acknowledged() == sent; });
  loop_->cancel(timer);
  EXPECT_EQ(arrived().size(), sent);
  EXPECT_EQ(uplink_->stats().spool.high.dropped() + uplink_->stats().spool.low.dropped(), 0U);
}

TEST_F(UplinkTest, DividesLargeSnapshotsAndCutsWhatCannotBeDivided) {
  options_.max_message_bytes = 4096;
  open();
  uplink_->start();
  uplink_->submit(started("item of a large snapshot", 100), Priority::High);
  uplink_->submit(started(std::string(5000, 'x')), Priority::High);
  uplink_->submit(started("after"), Priority::High);
  run_until(
      [&] { return uplink_->stats().session.online && uplink_->stats().spool.high.pending == 0; });
  EXPECT_EQ(uplink_->stats().events_split, 1U);
  EXPECT_EQ(uplink_->stats().events_truncated, 1U);
  EXPECT_EQ(uplink_->stats().spool.high.dropped(), 0U);
  const auto lines = arrived();
  EXPECT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines.at("item of a large snapshot"), 100);
  EXPECT_EQ(lines.at("after"), 1);
  bool marked = false;
  for (const auto& published : hub_.published())
    marked |= published.payload.find(R"("Truncated":"CommandLine")") != std::string::npos;
  EXPECT_TRUE(marked);
  for (const auto& published : hub_.published())
    EXPECT_LE(published.payload.size(), 4096U);
  expect_balanced();
}

TEST_F(UplinkTest, AggregatesRepeatsUntilTheirWindowEnds) {
  options_.outbox.windows = {{schema::EventName::ProcessCreate, milliseconds(30)}};
  open();
  uplink_->start();
  for (int i = 0; i < 5; ++i)
    uplink_->submit(started("again"), Priority::High);
  EXPECT_EQ(uplink_->stats().outbox.held, 4U);
  run_until([&] { return acknowledged() == 2; });
  EXPECT_EQ(uplink_->stats().outbox.held, 0U);
  EXPECT_EQ(uplink_->stats().outbox.merged, 4U);
  EXPECT_NE(hub_.published().back().payload.find(R"("HitCount":"4")"), std::string::npos);
}

TEST_F(UplinkTest, StopKeepsWhatWasHeldBack) {
  options_.outbox.windows = {{schema::EventName::ProcessCreate, std::chrono::minutes(5)}};
  open();
  for (int i = 0; i < 5; ++i)
    uplink_->submit(started("again"), Priority::Low);
  uplink_->stop();
  EXPECT_EQ(uplink_->stats().spool.low.collected, 2U);
  uplink_.reset();
  open();
  EXPECT_EQ(uplink_->stats().spool.low.pending, 2U);
  uplink_->start();
  run_until([&] { return acknowledged() == 2; });
}

TEST_F(UplinkTest, MayBeStoppedAndStartedAgain) {
  open();
  for (int round = 1; round <= 3; ++round) {
    uplink_->start();
    uplink_->submit(started("round " + std::to_string(round)), Priority::High);
    run_until([&] { return acknowledged() == static_cast<std::uint64_t>(round); });
    uplink_->stop();
    EXPECT_FALSE(uplink_->stats().session.online);
  }
  EXPECT_EQ(arrived().size(), 3U);
}

TEST_F(UplinkTest, FreesTheSpoolAsTheHubAcknowledges) {
  options_.spool.max_bytes = 256U << 10U;
  open();
  uplink_->start();
  std::uint64_t sent = 0;
  const os::TimerId timer = loop_->every(std::chrono::microseconds(300), [&] {
    // As fast as it is acknowledged, about.
    for (int i = 0; i < 5 && sent < acknowledged() + 100 && sent < 2000; ++i) {
      uplink_->submit(started(std::to_string(sent++) + std::string(500, 'x')), Priority::High);
    }
  });
  run_until([&] { return acknowledged() == 2000; });
  loop_->cancel(timer);
  EXPECT_LE(uplink_->stats().spool.bytes, 256U << 10U);
  EXPECT_EQ(uplink_->stats().spool.high.dropped(), 0U);
  EXPECT_EQ(uplink_->stats().spool.sync_errors, 0U);
}

TEST_F(UplinkTest, SyncsInTheBackground) {
  open();
  uplink_->submit(started("to be kept"), Priority::High);
  // Nobody to send to; the disk is told all the same.
  run_until([&] { return uplink_->stats().spool.syncs >= 1; });
  EXPECT_EQ(uplink_->stats().spool.high.pending, 1U);
}

Uplink::Delivery delivery() {
  Uplink::Delivery how;
  how.max_cache_bytes = 4U << 20U;
  return how;
}

TEST_F(UplinkTest, SendsEachLaneAtItsOccasions) {
  open();
  uplink_->start();
  run_until([&] { return uplink_->stats().session.online; });
  auto how = delivery();
  how.high_every = milliseconds(300);
  how.low_every = std::chrono::hours(5);
  uplink_->configure(how);
  const auto begun = base::mono_now();
  uplink_->submit(started("low"), Priority::Low);
  uplink_->submit(started("high"), Priority::High);
  // Low rides along with High.
  run_until([&] { return acknowledged() == 2; });
  EXPECT_GE(base::mono_now() - begun, milliseconds(295));
  EXPECT_EQ(hub_.published().size(), 1U);
  EXPECT_TRUE(uplink_->quiet());
  uplink_->submit(started("later"), Priority::Low);
  loop_->after(milliseconds(400), [&] { loop_->stop(); });
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(acknowledged(), 2U);
  EXPECT_TRUE(uplink_->quiet());
  // A change is in effect at once, and counts from the last occasion.
  how.low_every = milliseconds(100);
  uplink_->configure(how);
  run_until([&] { return acknowledged() == 3; });
  expect_balanced();
}

TEST_F(UplinkTest, AFullMessageDoesNotWait) {
  open();
  uplink_->start();
  run_until([&] { return uplink_->stats().session.online; });
  auto how = delivery();
  how.high_every = how.low_every = std::chrono::hours(5);
  how.max_message_bytes = 8192;
  uplink_->configure(how);
  for (int i = 0; i < 20; ++i)
    uplink_->submit(started(std::to_string(i) + std::string(1000, 'x')), Priority::Low);
  // Quiet once all that is full has been acknowledged.
  run_until([&] { return acknowledged() >= 10 && uplink_->quiet(); });
  EXPECT_LT(acknowledged(), 20U);
  for (const auto& published : hub_.published())
    EXPECT_LE(published.payload.size(), 8192U);
}

TEST_F(UplinkTest, KeepsToASmallerCacheAtOnce) {
  hub_.stop();
  open();
  for (int i = 0; i < 500; ++i) {
    uplink_->submit(started("low" + std::string(1000, 'x')), Priority::Low);
    uplink_->submit(started("high" + std::string(1000, 'x')), Priority::High);
  }
  auto how = delivery();
  how.max_cache_bytes = 800U << 10U;
  uplink_->configure(how);
  EXPECT_LE(uplink_->stats().spool.bytes, how.max_cache_bytes);
  EXPECT_EQ(uplink_->stats().spool.high.dropped(), 0U);  // Low goes first
  EXPECT_GT(uplink_->stats().spool.low.dropped(), 0U);
  expect_balanced();
  how.max_cache_bytes = how.max_message_bytes = 8192;
  uplink_->configure(how);
  EXPECT_LE(uplink_->stats().spool.bytes, 8192U);
  expect_balanced();
  // And works with it.
  for (int i = 0; i < 100; ++i) {
    uplink_->submit(started(std::to_string(i)), Priority::High);
    uplink_->submit(started(std::string(20'000, 'x')), Priority::Low);
    run_until([&] {
      return uplink_->stats().spool.low.collected >= 500U + static_cast<unsigned>(i) + 1U;
    });
    ASSERT_LE(uplink_->stats().spool.bytes, 8192U);
    expect_balanced();
  }
  EXPECT_GT(uplink_->stats().spool.high.pending, 0U);
  hub_.restart();
  uplink_->start();
  run_until([&] {
    return uplink_->stats().spool.high.pending + uplink_->stats().spool.low.pending == 0;
  });
  EXPECT_TRUE(arrived().contains("99"));
  expect_balanced();
}

TEST_F(UplinkTest, ABacklogThatFillsTheCacheIsSentAtOnce) {
  options_.spool.max_bytes = 1U << 20U;
  options_.pace.spread = milliseconds(0);
  options_.pace.bytes_per_second = 1000;  // more than ten minutes for all of it
  options_.max_message_bytes = 16U << 10U;
  open();
  const std::string filler(2000, 'x');
  for (int i = 0; i < 380; ++i)
    uplink_->submit(started(std::to_string(i) + filler), Priority::Low);
  uplink_->start();
  run_until([&] { return uplink_->stats().spool.bytes <= options_.spool.max_bytes / 4 * 3; });
  EXPECT_EQ(uplink_->stats().spool.low.dropped(), 0U);
}

// Changes of every kind, in the middle of everything: the account holds at each moment, and what
// was not counted as dropped has arrived.
TEST_F(UplinkTest, AccountsForEverythingWhileItsSettingsChange) {
  std::mt19937 random(11);  // NOLINT(cert-msc51-cpp): the same each time
  const auto pick = [&](std::uint32_t below) { return random() % below; };
  std::atomic<unsigned> seen{0};
  hub_.on_publish = [&](const TestHub::Published&) {
    const unsigned number = ++seen * 2654435761U >> 24U;
    return number < 20 ? Answer::Cut : number < 40 ? Answer::Silence : Answer::Ack;
  };
  options_.session.ack_timeout = milliseconds(20);
  options_.pace.spread = milliseconds(5);
  open();
  uplink_->start();
  std::size_t sent = 0;
  std::size_t changes = 0;
  const os::TimerId timer = loop_->every(milliseconds(1), [&] {
    for (int i = 0; i < 4 && sent < 3000; ++i) {
      const std::size_t size = pick(20) == 0 ? 12'000 : pick(400);
      uplink_->submit(started(std::to_string(sent % 700) + std::string(size, 'x')),
                      pick(3) == 0 ? Priority::High : Priority::Low);
      ++sent;
    }
    if (pick(10) == 0 && sent < 3000) {
      Uplink::Delivery how;
      how.high_every = milliseconds(pick(3) * 7);
      how.low_every = milliseconds(pick(3) * 20);
      how.max_message_bytes = 8192U << pick(5);
      how.max_cache_bytes = how.max_message_bytes << pick(6);
      how.resume_bytes_per_second = 100'000U << pick(4);
      if (pick(2) == 0)
        how.aggregate = {{schema::EventName::ProcessCreate, milliseconds(1 + pick(40))}};
      uplink_->configure(how);
      ++changes;
      EXPECT_LE(uplink_->stats().spool.bytes, how.max_cache_bytes);
    }
    expect_balanced();
  });
  run_until([&] { return sent == 3000; });
  loop_->cancel(timer);
  uplink_->configure(delivery());
  run_until([&] {
    const SpoolStats stats = uplink_->stats().spool;
    return stats.high.pending + stats.low.pending == 0 && uplink_->stats().outbox.held == 0;
  });
  EXPECT_GT(changes, 20U);
  const SpoolStats stats = uplink_->stats().spool;
  EXPECT_EQ(stats.high.collected + stats.low.collected,
            acknowledged() + stats.high.dropped() + stats.low.dropped());
  // Every event was collected, as itself or as a hit of another.
  std::int64_t hits = 0;
  std::set<std::string> ids;
  for (const auto& published : hub_.published()) {
    const auto message = base::json::parse(published.payload).value();
    for (const auto& event : *message.find("Events")->if_array()) {
      if (!ids.emplace(event.text_or("Id", "")).second) continue;  // sent again
      const auto* details = event.find("Payload")->if_array()->front().find("ExtraDetails");
      const auto count =
          base::parse_int(details == nullptr ? "" : details->text_or("HitCount", ""));
      hits += count.value_or(1);
    }
  }
  EXPECT_LE(hits, 3000);
  if (stats.high.dropped() + stats.low.dropped() == 0) {
    EXPECT_EQ(hits, 3000);
  }
}

TEST_F(UplinkTest, RefusesOptionsThatCannotWork) {
  options_.max_message_bytes = 100;
  EXPECT_EQ(Uplink::open(*loop_, options_).error().code, Code::Invalid);
  options_.max_message_bytes = 200U << 10U;
  options_.spool.max_bytes = 1;
  EXPECT_EQ(Uplink::open(*loop_, options_).error().code, Code::Invalid);
}

}  // namespace
}  // namespace uplink
