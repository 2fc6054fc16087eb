#include "uplink/uplink.h"

#include <atomic>
#include <map>

#include "base/json.h"
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

TEST_F(UplinkTest, DividesLargeSnapshotsAndCountsWhatCannotBeDivided) {
  options_.max_message_bytes = 4096;
  open();
  uplink_->start();
  uplink_->submit(started("item of a large snapshot", 100), Priority::High);
  uplink_->submit(started(std::string(5000, 'x')), Priority::High);
  uplink_->submit(started("after"), Priority::High);
  run_until(
      [&] { return uplink_->stats().session.online && uplink_->stats().spool.high.pending == 0; });
  EXPECT_EQ(uplink_->stats().events_split, 1U);
  EXPECT_EQ(uplink_->stats().spool.high.too_large, 1U);
  EXPECT_EQ(arrived(),
            (std::map<std::string, int>{{"item of a large snapshot", 100}, {"after", 1}}));
  for (const auto& published : hub_.published())
    EXPECT_LE(published.payload.size(), 4096U);
  expect_balanced();
}

TEST_F(UplinkTest, AggregatesRepeatsUntilTheirWindowEnds) {
  options_.outbox.aggregate = {schema::EventName::ProcessCreate};
  options_.outbox.window = milliseconds(30);
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
  options_.outbox.aggregate = {schema::EventName::ProcessCreate};
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

TEST_F(UplinkTest, RefusesOptionsThatCannotWork) {
  options_.max_message_bytes = 100;
  EXPECT_EQ(Uplink::open(*loop_, options_).error().code, Code::Invalid);
  options_.max_message_bytes = 200U << 10U;
  options_.spool.max_bytes = 1;
  EXPECT_EQ(Uplink::open(*loop_, options_).error().code, Code::Invalid);
}

}  // namespace
}  // namespace uplink
