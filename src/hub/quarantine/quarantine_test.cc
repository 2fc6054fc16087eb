#include "hub/quarantine/quarantine.h"

#include <gtest/gtest.h>

#include "store/store_testing.h"

namespace hub::quarantine {
namespace {

using base::Code;

base::WallTime clock_at(int second) {
  return base::WallTime(std::chrono::seconds(1'800'000'000 + second));
}

Message message(std::uint64_t sequence, const std::string& device, std::string payload) {
  Message message;
  message.sequence = sequence;
  message.device_id = device;
  message.module_id = "azureiotsecurity";
  message.generation_id = "g1";
  message.auth_method = R"({"scope":"module"})";
  message.received = clock_at(static_cast<int>(sequence));
  message.properties = "%24.ifid=x";
  message.reason = "message_invalid";
  message.why = "AgentVersion: expected text, found 7";
  message.payload = std::move(payload);
  return message;
}

class QuarantineTest : public ::testing::Test {
 protected:
  QuarantineTest() { reopen(); }

  void reopen() {
    quarantine_.reset();
    options_.path = dir_.path() + "/quarantine.db";
    options_.now = [this] { return now_; };
    auto opened = Quarantine::open(options_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    quarantine_ = std::move(*opened);
  }
  void add(const Message& one) {
    const auto added = quarantine_->add({&one, 1});
    ASSERT_TRUE(added) << added.error().to_string();
  }
  std::vector<std::string> devices() {
    std::vector<std::string> out;
    const auto page = quarantine_->list({});
    for (const Message& each : page->items)
      out.push_back(each.device_id);
    return out;
  }

  store::TempDir dir_;
  base::WallTime now_ = clock_at(0);
  Options options_;
  std::unique_ptr<Quarantine> quarantine_;
};

TEST_F(QuarantineTest, KeepsAMessageAsItCameAcrossARestart) {
  const std::string payload("{\"bad\":\0\xff}", 10);
  add(message(7, "press-1", payload));
  reopen();
  const auto page = quarantine_->list({});
  ASSERT_TRUE(page);
  ASSERT_EQ(page->items.size(), 1U);
  EXPECT_EQ(page->total, 1);
  EXPECT_EQ(page->items[0].bytes, payload.size());
  EXPECT_EQ(page->items[0].payload, "");
  const auto held = quarantine_->get(page->items[0].id);
  ASSERT_TRUE(held);
  EXPECT_EQ(held->payload, payload);
  EXPECT_EQ(held->device_id, "press-1");
  EXPECT_EQ(held->module_id, "azureiotsecurity");
  EXPECT_EQ(held->generation_id, "g1");
  EXPECT_EQ(held->auth_method, R"({"scope":"module"})");
  EXPECT_EQ(held->properties, "%24.ifid=x");
  EXPECT_EQ(held->received, clock_at(7));
  EXPECT_EQ(held->reason, "message_invalid");
  EXPECT_EQ(held->why, "AgentVersion: expected text, found 7");
  EXPECT_EQ(quarantine_->held().messages, 1U);
}

TEST_F(QuarantineTest, TheSameMessageAgainChangesNothing) {
  add(message(7, "press-1", "x"));
  add(message(7, "press-1", "x"));
  EXPECT_EQ(quarantine_->held().messages, 1U);
  EXPECT_EQ(quarantine_->counters().added.value(), 1U);
}

TEST_F(QuarantineTest, ListsByDeviceAndReasonInPages) {
  for (std::uint64_t i = 1; i <= 5; ++i)
    add(message(i, i % 2 == 0 ? "even" : "odd", "x"));
  auto other = message(6, "odd", "x");
  other.reason = "event_invalid";
  add(other);
  Filter filter;
  filter.device_id = "odd";
  filter.limit = 3;
  const auto first = quarantine_->list(filter);
  ASSERT_TRUE(first);
  ASSERT_EQ(first->items.size(), 3U);
  EXPECT_EQ(first->total, 4);
  EXPECT_EQ(first->items[0].sequence, 6U);
  filter.cursor = first->next_cursor;
  const auto second = quarantine_->list(filter);
  ASSERT_TRUE(second);
  ASSERT_EQ(second->items.size(), 1U);
  EXPECT_EQ(second->items[0].sequence, 1U);
  EXPECT_EQ(second->next_cursor, "");
  Filter reason;
  reason.reason = "event_invalid";
  EXPECT_EQ(quarantine_->list(reason)->items.size(), 1U);
  Filter nonsense;
  nonsense.cursor = "x' OR 1=1";
  EXPECT_EQ(quarantine_->list(nonsense).error().code, Code::Invalid);
  Filter injected;
  injected.device_id = "x' OR '1'='1";
  EXPECT_EQ(quarantine_->list(injected)->items.size(), 0U);
}

TEST_F(QuarantineTest, TheLoudestDeviceLosesItsOldestFirst) {
  options_.max_bytes = 10'000;
  reopen();
  add(message(1, "quiet", std::string(500, 'q')));
  for (std::uint64_t i = 2; i < 40; ++i)
    add(message(i, "loud", std::string(1'000, 'l')));
  const auto held = quarantine_->held();
  EXPECT_LE(held.bytes, 10'000U);
  EXPECT_GT(quarantine_->counters().evicted.value(), 20U);
  const auto kept = devices();
  EXPECT_EQ(kept.back(), "quiet");
  EXPECT_EQ(quarantine_->list({})->items.front().sequence, 39U);
  // The count is what the rows say, too.
  reopen();
  EXPECT_EQ(quarantine_->held().bytes, held.bytes);
  EXPECT_EQ(quarantine_->held().messages, held.messages);
}

TEST_F(QuarantineTest, BoundsTheirNumber) {
  options_.max_messages = 3;
  reopen();
  for (std::uint64_t i = 1; i <= 10; ++i)
    add(message(i, "d", "x"));
  EXPECT_EQ(quarantine_->held().messages, 3U);
  EXPECT_EQ(quarantine_->counters().evicted.value(), 7U);
}

TEST_F(QuarantineTest, OldOnesGo) {
  add(message(0, "old", "x"));
  add(message(100, "new", "x"));
  now_ = clock_at(50) + options_.max_age;
  ASSERT_TRUE(quarantine_->maintain());
  EXPECT_EQ(devices(), std::vector<std::string>{"new"});
  EXPECT_EQ(quarantine_->counters().expired.value(), 1U);
  EXPECT_EQ(quarantine_->held().messages, 1U);
}

TEST_F(QuarantineTest, WhatIsTakenLeavesAndWhatIsNotStaysWithTheAnswer) {
  add(message(1, "d", "good now"));
  add(message(2, "d", "still bad"));
  const auto page = quarantine_->list({});
  const std::int64_t bad = page->items[0].id;
  const std::int64_t good = page->items[1].id;
  std::vector<std::string> seen;
  const Quarantine::Submit submit = [&](const Message& each) -> base::Result<void> {
    seen.push_back(each.payload);
    if (each.payload == "good now") return {};
    return base::fail(Code::Invalid, "replay", -1, "Events: expected an array");
  };
  EXPECT_TRUE(quarantine_->replay(good, submit));
  EXPECT_EQ(quarantine_->replay(bad, submit).error().code, Code::Invalid);
  EXPECT_EQ(quarantine_->replay(good, submit).error().code, Code::NotFound);
  EXPECT_EQ(seen, (std::vector<std::string>{"good now", "still bad"}));
  const auto left = quarantine_->get(bad);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->attempts, 1U);
  EXPECT_EQ(left->last_answer, "Events: expected an array");
  EXPECT_EQ(left->last_attempt, now_);
  EXPECT_EQ(quarantine_->counters().replayed.value(), 1U);
  EXPECT_EQ(quarantine_->held().messages, 1U);
}

TEST_F(QuarantineTest, DiscardsOnce) {
  add(message(1, "d", "x"));
  const std::int64_t id = quarantine_->list({})->items[0].id;
  EXPECT_TRUE(quarantine_->discard(id));
  EXPECT_EQ(quarantine_->discard(id).error().code, Code::NotFound);
  EXPECT_EQ(quarantine_->held().bytes, 0U);
}

}  // namespace
}  // namespace hub::quarantine
