#include "audit/assembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/execve.h"
#include "audit/gaps.h"
#include "audit/names.h"

namespace audit {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::SizeIs;

class AssemblerTest : public ::testing::Test {
 protected:
  void add(RecordType type, std::uint64_t serial, std::string_view body = {}) {
    assembler_.add(type, {.serial = serial, .time = {}, .body = body}, now_);
  }
  base::MonoTime now_{};
  std::vector<Event> events_;
  Assembler assembler_{{.max_open = 4, .max_records = 8, .argv_head = 40, .argv_tail = 2},
                       [this](Event event) { events_.push_back(std::move(event)); }};
};

TEST_F(AssemblerTest, MixedEventsComeApart) {
  add(types::kSyscall, 1, "syscall=59");
  add(types::kSyscall, 2, "syscall=42");
  add(types::kExecve, 1, "argc=1 a0=\"x\"");
  add(types::kSockaddr, 2, "saddr=00");
  add(types::kEndOfEvent, 2);
  add(types::kEndOfEvent, 1);
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_EQ(events_[0].serial, 2U);
  EXPECT_EQ(events_[1].serial, 1U);
  EXPECT_THAT(events_[1].records, SizeIs(2));
  EXPECT_TRUE(events_[1].complete);
  EXPECT_EQ(assembler_.open(), 0U);
}

TEST_F(AssemblerTest, WhatUserSpaceSaysStandsAlone) {
  add(types::kUserLogin, 5, "pid=1");
  add(types::kEndOfEvent, 5);
  EXPECT_THAT(events_, SizeIs(1));
  EXPECT_EQ(assembler_.open(), 0U);
}

TEST_F(AssemblerTest, WaitsSoLongForTheEnd) {
  add(types::kSyscall, 1);
  add(types::kConfigChange, 2);
  now_ += 1s;
  assembler_.expire(now_);
  EXPECT_THAT(events_, SizeIs(0));
  now_ += 1s;
  assembler_.expire(now_);
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_FALSE(events_[0].complete);
  EXPECT_TRUE(events_[1].complete);  // no system call: nothing is missing
  EXPECT_EQ(assembler_.incomplete(), 1U);
}

TEST_F(AssemblerTest, TheOldestMakesRoom) {
  for (std::uint64_t serial = 1; serial <= 6; ++serial)
    add(types::kSyscall, serial);
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_EQ(events_[0].serial, 1U);
  EXPECT_EQ(assembler_.open(), 4U);
  assembler_.flush();
  EXPECT_THAT(events_, SizeIs(6));
}

// A flood of argv costs its own middle, and nothing else of the event.
TEST_F(AssemblerTest, LeavesOutTheMiddleOfALongArgv) {
  add(types::kSyscall, 1);
  add(types::kExecve, 1, "argc=4 a0=\"x\" a1_len=70 a1[0]=\"aaaaaaaaaa\"");
  for (int piece = 1; piece < 7; ++piece)
    add(types::kExecve, 1, "a1[" + std::to_string(piece) + "]=\"aaaaaaaaaa\"");
  add(types::kExecve, 1, "a2=\"middle\" a3=\"end\"");
  add(types::kCwd, 1, "cwd=\"/\"");
  add(types::kEndOfEvent, 1);
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_NE(events_[0].find(types::kCwd), nullptr);
  const Arguments arguments = read_arguments(events_[0]);
  EXPECT_FALSE(arguments.damaged);
  EXPECT_EQ(arguments.count, 4U);
  EXPECT_EQ(arguments.total, 2 + 71 + 7 + 4U);
  EXPECT_EQ(arguments.head, 2 + 10U);
  EXPECT_TRUE(arguments.bytes.ends_with(std::string("middle\0end\0", 11)));
}

TEST_F(AssemblerTest, BoundsTheOtherRecords) {
  add(types::kSyscall, 1);
  for (int i = 0; i < 20; ++i)
    add(types::kPath, 1, "name=\"x\"");
  add(types::kEndOfEvent, 1);
  EXPECT_THAT(events_[0].records, SizeIs(8));
  EXPECT_EQ(events_[0].omitted.records, 13U);
}

Arguments arguments_of(std::initializer_list<const char*> bodies) {
  Event event;
  for (const char* body : bodies)
    event.records.push_back({types::kExecve, body});
  return read_arguments(event);
}

TEST(ReadArguments, PlainAndHexadecimal) {
  const Arguments arguments = arguments_of({"argc=3 a0=\"sh\" a1=\"-c\" a2=6563686F20612062"});
  EXPECT_EQ(arguments.bytes, std::string("sh\0-c\0echo a b\0", 15));
  EXPECT_EQ(arguments.head, 15U);
  EXPECT_FALSE(arguments.damaged);
}

TEST(ReadArguments, OverSeveralRecords) {
  const Arguments arguments =
      arguments_of({"argc=4 a0=\"x\" a1_len=6 a1[0]=616263", "a1[1]=\"def\" a2=\"\"", "a3=\"e\""});
  EXPECT_EQ(arguments.bytes, std::string("x\0abcdef\0\0e\0", 12));
  EXPECT_FALSE(arguments.damaged);
}

TEST(ReadArguments, NoticesWhatIsMissing) {
  EXPECT_TRUE(arguments_of({"argc=3 a0=\"x\" a2=\"y\""}).damaged);
  EXPECT_TRUE(arguments_of({"argc=2 a0=\"x\""}).damaged);
  EXPECT_TRUE(arguments_of({"a0=\"x\""}).damaged);
  EXPECT_TRUE(arguments_of({"argc=2 a0=\"x\" a1[0]=\"a\" a1[2]=\"c\""}).damaged);
  EXPECT_TRUE(arguments_of({}).damaged);
  EXPECT_FALSE(arguments_of({"argc=0"}).damaged);
}

TEST(SerialGaps, InOrderAndNearly) {
  SerialGaps gaps;
  for (const std::uint64_t serial : {100U, 101U, 103U, 102U, 105U, 104U})
    gaps.saw(serial);
  EXPECT_EQ(gaps.missing(), 0U);
}

TEST(SerialGaps, CountsWhatNeverCame) {
  SerialGaps gaps;
  gaps.saw(100);
  gaps.saw(104);
  gaps.saw(102);
  EXPECT_EQ(gaps.missing(), 2U);
  EXPECT_EQ(gaps.lost(), 0U);  // they may still come
  for (std::uint64_t serial = 105; serial < 105 + SerialGaps::kWindow; ++serial)
    gaps.saw(serial);
  EXPECT_EQ(gaps.lost(), 2U);
  EXPECT_EQ(gaps.missing(), 2U);
}

TEST(SerialGaps, AnyStep) {
  SerialGaps gaps;
  gaps.saw(10);
  gaps.saw(10 + 1'000'000);
  EXPECT_EQ(gaps.missing(), 999'999U);
  // Back to the beginning: another count.
  gaps.saw(3);
  gaps.saw(4);
  EXPECT_EQ(gaps.lost(), 999'999U - (SerialGaps::kWindow - 1));
}

}  // namespace
}  // namespace audit
