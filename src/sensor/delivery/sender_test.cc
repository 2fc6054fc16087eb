#include "sensor/delivery/sender.h"

#include <gtest/gtest.h>

#include "os/file.h"
#include "os/scratch_testing.h"
#include "sensor/delivery/events.h"
#include "uplink/hub_testing.h"

namespace sensor::delivery {

namespace {

using uplink::TestHub;

constexpr std::chrono::seconds kPatience{60};

schema::Event health(int number) {
  schema::SensorHealth item;
  item.packets = number;
  return event_of(schema::payload_of(std::move(item)), base::wall_now(), std::to_string(number));
}

class SenderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(os::write_file_atomic(dir_ / "ca.pem", TestHub::certificates().ca_pem));
  }

  std::unique_ptr<Sender> start(Sender::Full full) {
    uplink::Uplink::Options options;
    options.identity = {.host_name = "127.0.0.1",
                        .port = hub_.port(),
                        .device_id = "d1",
                        .module_id = "vedette-sensor",
                        .key_base64 = std::string(TestHub::kKey),
                        .ca_file = dir_ / "ca.pem"};
    options.agent_version = "0.1.0";
    options.spool.folder = dir_ / "spool";
    options.spool.max_bytes = 1U << 20U;
    options.session.backoff_first = std::chrono::milliseconds(1);
    options.session.backoff_most = std::chrono::milliseconds(10);
    options.pace.spread = std::chrono::nanoseconds(0);
    auto started = Sender::start(std::move(options), full);
    EXPECT_TRUE(started) << started.error().to_string();
    return started ? std::move(*started) : nullptr;
  }

  os::ScratchDir dir_;
  TestHub hub_;
};

TEST_F(SenderTest, WhatIsSubmittedArrives) {
  const auto sender = start(Sender::Full::Wait);
  ASSERT_NE(sender, nullptr);
  for (int i = 0; i < 2000; ++i)
    sender->submit(health(i), i % 2 == 0 ? uplink::Priority::High : uplink::Priority::Low);
  EXPECT_TRUE(sender->drain(kPatience));
  const uplink::SpoolStats spool = sender->stats().spool;
  EXPECT_EQ(spool.high.acknowledged, 1000U);
  EXPECT_EQ(spool.low.acknowledged, 1000U);
  EXPECT_EQ(sender->dropped(), 0U);
}

TEST_F(SenderTest, NobodyNeedWaitForAHubThatDoesNotAnswer) {
  hub_.on_publish = [](const TestHub::Published&) { return TestHub::Answer::Silence; };
  {
    const auto sender = start(Sender::Full::Wait);
    ASSERT_NE(sender, nullptr);
    sender->submit(health(1), uplink::Priority::High);
    EXPECT_FALSE(sender->drain(std::chrono::milliseconds(20)));
    sender->hurry();
    EXPECT_FALSE(sender->drain(std::chrono::hours(24)));
  }
  // What was not taken is there for the next one.
  hub_.on_publish = [](const TestHub::Published&) { return TestHub::Answer::Ack; };
  const auto next = start(Sender::Full::Wait);
  ASSERT_NE(next, nullptr);
  EXPECT_TRUE(next->drain(kPatience));
  EXPECT_EQ(next->stats().spool.high.acknowledged, 1U);
}

}  // namespace

}  // namespace sensor::delivery
