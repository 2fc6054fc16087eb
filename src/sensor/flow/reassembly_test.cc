#include "sensor/flow/reassembly.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace sensor::flow {

namespace {

class Heard final : public Delivery {
 public:
  void bytes(base::ByteView bytes) override { text += base::as_text(bytes); }
  void gap(std::size_t bytes) override { text += "<" + std::to_string(bytes) + ">"; }
  void conflict() override { ++conflicts; }
  std::string text;
  int conflicts = 0;
};

class ReassemblyTest : public ::testing::Test {
 protected:
  void say(std::uint32_t sequence, std::string_view text, std::size_t missing = 0) {
    stream.segment(sequence, base::as_bytes(text), text.size() + missing, {}, heard);
  }
  Budget budget;
  FlowCounts counts;
  Heard heard;
  Reassembly stream{budget, counts};
};

}  // namespace

TEST_F(ReassemblyTest, PutsSegmentsInOrder) {
  stream.begin(99);
  say(104, "efgh");
  say(100, "abcd");
  say(108, "ij");
  EXPECT_EQ(heard.text, "abcdefghij");
  EXPECT_EQ(budget.used, 0U);
}

TEST_F(ReassemblyTest, BeginsAnywhereAndWrapsAround) {
  say(0xFFFFFFFE, "abcd");
  say(2, "ef");
  EXPECT_EQ(heard.text, "abcdef");
}

TEST_F(ReassemblyTest, TheFirstCopyWins) {
  stream.begin(99);
  say(102, "CDE");
  say(101, "bxxef");  // before, over and after what waits
  EXPECT_EQ(heard.conflicts, 1);
  say(100, "a");
  EXPECT_EQ(heard.text, "abCDEf");
}

TEST_F(ReassemblyTest, KnowsAnotherCopyOfWhatIsGone) {
  stream.begin(99);
  say(100, "abc");
  say(100, "abc");
  EXPECT_EQ(heard.conflicts, 0);
  say(100, "xyz");
  EXPECT_EQ(heard.conflicts, 1);
  // A probe whether anybody is there.
  say(102, "?");
  EXPECT_EQ(heard.conflicts, 1);
  EXPECT_EQ(heard.text, "abc");
  EXPECT_EQ(counts.of(FlowCount::Retransmitted), 3U);
}

TEST_F(ReassemblyTest, TakesTheNewPartOfARetransmission) {
  stream.begin(99);
  say(100, "abc");
  say(101, "bcde");
  EXPECT_EQ(heard.text, "abcde");
}

TEST_F(ReassemblyTest, WhatWasAcknowledgedWillNotCome) {
  stream.begin(99);
  say(103, "def");
  stream.acknowledged(103, heard);
  EXPECT_EQ(heard.text, "");
  stream.acknowledged(106, heard);
  EXPECT_EQ(heard.text, "<3>def");
}

TEST_F(ReassemblyTest, GivesUpAfterAWhile) {
  stream.begin(99);
  const base::WallTime then{std::chrono::seconds(10)};
  stream.segment(103, base::as_bytes("def"), 3, then, heard);
  stream.give_up_before(then - std::chrono::seconds(1), heard);
  EXPECT_EQ(heard.text, "");
  stream.give_up_before(then, heard);
  EXPECT_EQ(heard.text, "<3>def");
}

TEST_F(ReassemblyTest, WhatWasNotCapturedIsAGap) {
  stream.begin(99);
  say(100, "abc", 5);
  say(108, "ij");
  EXPECT_EQ(heard.text, "abc<5>ij");
}

TEST_F(ReassemblyTest, FarOffBeginsAnew) {
  stream.begin(99);
  say(100, "abc");
  say(0x80000000, "xyz");
  EXPECT_EQ(heard.text, "abc<0>xyz");
}

TEST_F(ReassemblyTest, HoldsABoundedAmount) {
  stream.begin(99);
  const std::string much(1400, 'x');
  for (std::uint32_t i = 0; i < 200; ++i)
    say(1000 + i * 2000, much);
  EXPECT_LE(budget.used, Reassembly::kMaxHeld);
  EXPECT_GT(counts.of(FlowCount::Gaps), 100U);
  Heard end;
  stream.finish(end);
  EXPECT_EQ(budget.used, 0U);
}

TEST_F(ReassemblyTest, SharesWhatAllMayHold) {
  budget.limit = 10;
  stream.begin(99);
  say(104, "efghij");
  say(112, "mnopqr");
  EXPECT_EQ(counts.of(FlowCount::HeldOut), 6U);
  say(100, "abcd");
  EXPECT_EQ(heard.text, "abcdefghij");
}

// Whatever the order and the overlaps, what comes out is what went in.
TEST(Reassembly, AnyOrderGivesTheSame) {
  std::mt19937 random(7);  // NOLINT(bugprone-random-generator-seed): the same each time
  for (int round = 0; round < 300; ++round) {
    std::string text(200, ' ');
    for (char& c : text)
      c = static_cast<char>('a' + random() % 26);
    std::vector<std::pair<std::size_t, std::size_t>> parts;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % 20, text.size() - at);
      const std::size_t back = std::min<std::size_t>(at, random() % 8);
      parts.emplace_back(at - back, size + back);
      at += size;
    }
    std::shuffle(parts.begin(), parts.end(), random);
    Budget budget;
    FlowCounts counts;
    Heard heard;
    Reassembly stream(budget, counts);
    stream.begin(0xFFFFFFF0);
    for (const auto& [at, size] : parts) {
      stream.segment(static_cast<std::uint32_t>(0xFFFFFFF1 + at),
                     base::as_bytes(std::string_view(text).substr(at, size)), size, {}, heard);
    }
    EXPECT_EQ(heard.text, text);
    EXPECT_EQ(heard.conflicts, 0);
    EXPECT_EQ(budget.used, 0U);
  }
}

}  // namespace sensor::flow
