#include "dissect/transaction.h"

#include <gtest/gtest.h>

namespace dissect {
namespace {

using namespace std::chrono_literals;

class Matching : public ::testing::Test {
 protected:
  Pdu pdu(Side side, std::chrono::milliseconds at) {
    Pdu one;
    one.side = side;
    one.time = base::WallTime(std::chrono::hours(480'000)) + at;
    one.packet = ++packet_;
    (side == Side::A ? one.from : one.to).port = 50000;
    (side == Side::A ? one.to : one.from).port = 502;
    return one;
  }
  void ask(std::uint64_t key, std::chrono::milliseconds at = 0ms, Side side = Side::A) {
    Message one;
    one.kind = Kind::Request;
    one.key = key;
    one.operation = {static_cast<std::uint32_t>(key), "ask"};
    matcher_.take(one, pdu(side, at), tell());
  }
  void answer(std::uint64_t key, Outcome outcome = Outcome::Ok, bool last = true) {
    Message one;
    one.kind = Kind::Response;
    one.key = key;
    one.bytes = 10;
    one.last = last;
    one.status = {outcome, 0, ""};
    matcher_.take(one, pdu(Side::B, 5ms), tell());
  }
  Matcher::Tell tell() {
    return [this](const Transaction& one) { told_.push_back(one); };
  }

  TransactionPool pool_;
  Matcher matcher_{"test", pool_};
  std::vector<Transaction> told_;
  std::uint64_t packet_ = 0;
};

TEST_F(Matching, AResponseFindsItsRequest) {
  ask(1);
  ask(2);
  answer(2);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].operation.code, 2U);
  EXPECT_EQ(told_[0].packet, 2U);
  EXPECT_EQ(told_[0].answer_packet, 3U);
  EXPECT_EQ(told_[0].client.port, 50000);
  EXPECT_EQ(told_[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(*told_[0].answered - told_[0].time, 5ms);
  EXPECT_EQ(matcher_.pending(), 1U);
}

TEST_F(Matching, WithoutNumbersTheyFollowInOrder) {
  ask(0, 0ms);
  ask(0, 1ms);
  answer(0);
  answer(0);
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_EQ(told_[0].packet, 1U);
  EXPECT_EQ(told_[1].packet, 2U);
}

TEST_F(Matching, AResponseAloneIsTold) {
  answer(7, Outcome::Failed);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].kind, Kind::Response);
  EXPECT_EQ(told_[0].server.port, 502);
  EXPECT_EQ(told_[0].client.port, 50000);
  EXPECT_EQ(told_[0].response_bytes, 10U);
}

TEST_F(Matching, SeveralResponsesAreOneTransaction) {
  ask(3);
  answer(3, Outcome::Ok, false);
  answer(3, Outcome::Failed, false);
  EXPECT_TRUE(told_.empty());
  answer(3, Outcome::Ok, true);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].response_bytes, 30U);
  EXPECT_EQ(told_[0].status.outcome, Outcome::Failed);
}

TEST_F(Matching, TheSameNumberAgainGivesUpTheFirst) {
  ask(4, 0ms);
  ask(4, 1ms);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_FALSE(told_[0].answered);
  EXPECT_EQ(matcher_.pending(), 1U);
}

TEST_F(Matching, BothSidesMayAsk) {
  ask(5, 0ms, Side::B);
  answer(5);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].kind, Kind::Response) << "its own side's request is none for it";
  EXPECT_EQ(matcher_.pending(), 1U);
}

TEST_F(Matching, WhatWaitsTooLongIsGivenUp) {
  ask(6, 0ms);
  ask(7, 20s);
  matcher_.pass_time(base::WallTime(std::chrono::hours(480'000)) + 31s, tell());
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].operation.code, 6U);
  matcher_.finish(tell());
  EXPECT_EQ(told_.size(), 2U);
  EXPECT_EQ(matcher_.pending(), 0U);
}

TEST_F(Matching, WhatWasUsedBeforeLeavesNothing) {
  const Object objects[] = {
      {"tag", "a name that is longer than what fits into a string itself", 1, 2},
      {"tag", "Motor_2", 3, 4}};
  Message full;
  full.kind = Kind::Request;
  full.key = 8;
  full.operation = {1, "write"};
  full.sub_operation = {2, "symbol"};
  full.access = Access::Write;
  full.unit = 3;
  full.objects = objects;
  full.bytes = 9;
  matcher_.take(full, pdu(Side::A, 0ms), tell());
  answer(8, Outcome::Failed);
  ASSERT_EQ(told_.size(), 1U);
  ASSERT_EQ(told_[0].objects.size(), 2U);
  EXPECT_EQ(told_[0].objects[0].name, objects[0].name);
  Message empty;
  empty.kind = Kind::OneWay;
  matcher_.take(empty, Pdu{}, tell());
  ASSERT_EQ(told_.size(), 2U);
  const Transaction& second = told_[1];
  EXPECT_TRUE(second.objects.empty());
  EXPECT_EQ(second.kind, Kind::OneWay);
  EXPECT_FALSE(second.unit);
  EXPECT_FALSE(second.answered);
  EXPECT_EQ(second.access, Access::None);
  EXPECT_EQ(second.status.outcome, Outcome::Unknown);
  EXPECT_EQ(second.operation.name, "");
  EXPECT_EQ(second.sub_operation.code, 0U);
  EXPECT_EQ(second.request_bytes, 0U);
  EXPECT_EQ(second.response_bytes, 0U);
  EXPECT_EQ(second.answer_packet, 0U);
  EXPECT_EQ(second.client.port, 0);
}

TEST_F(Matching, WaitingIsBounded) {
  for (std::uint64_t i = 1; i <= Matcher::kPending + 10; ++i)
    ask(i);
  EXPECT_EQ(matcher_.pending(), Matcher::kPending);
  EXPECT_EQ(matcher_.crowded_out(), 10U);
  EXPECT_EQ(told_.size(), 10U);
}

}  // namespace
}  // namespace dissect
