#include "agent/run_state.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "os/file.h"

namespace agent {
namespace {

using namespace std::chrono_literals;

class RunStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "run-state-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern + "/made/by/open";
  }

  RunState open(const std::string& boot = "boot-1") {
    auto state = RunState::open(folder_, boot, now_);
    EXPECT_TRUE(state) << state.error().to_string();
    return std::move(*state);
  }

  std::string folder_;
  base::WallTime now_{1'700'000'000s};
};

TEST_F(RunStateTest, FirstRun) {
  const RunState state = open();
  EXPECT_FALSE(state.previous().any);
  EXPECT_NE(state.agent_id(), base::Guid());
}

TEST_F(RunStateTest, CleanEnd) {
  base::Guid id;
  {
    RunState state = open();
    id = state.agent_id();
    EXPECT_EQ(state.next_sequence(), 1U);
    EXPECT_EQ(state.next_sequence(), 2U);
    state.totals().kernel_lost = 7;
    ASSERT_TRUE(state.close(now_ + 5s));
  }
  RunState state = open();
  EXPECT_EQ(state.agent_id(), id);
  EXPECT_TRUE(state.previous().any);
  EXPECT_TRUE(state.previous().clean);
  EXPECT_EQ(state.previous().boot_id, "boot-1");
  EXPECT_EQ(state.previous().last_alive, now_ + 5s);
  EXPECT_EQ(state.totals().kernel_lost, 7U);
  EXPECT_EQ(state.next_sequence(), 3U);
}

TEST_F(RunStateTest, UncleanEndNeverUsesANumberTwice) {
  std::uint64_t last = 0;
  {
    RunState state = open();
    for (int i = 0; i < 10; ++i)
      last = state.next_sequence();
    ASSERT_TRUE(state.touch(now_ + 60s));
    for (int i = 0; i < 10; ++i)
      last = state.next_sequence();
  }
  RunState state = open();
  EXPECT_FALSE(state.previous().clean);
  EXPECT_EQ(state.previous().last_alive, now_ + 60s);
  EXPECT_GT(state.next_sequence(), last);
}

TEST_F(RunStateTest, ReservationsGoOn) {
  std::uint64_t last = 0;
  {
    RunState state = open();
    state.skip_sequences(5'000'000);
    last = state.next_sequence();
    EXPECT_EQ(last, 5'000'001U);
  }
  EXPECT_GT(open().next_sequence(), last);
}

TEST_F(RunStateTest, AnotherBootCountsFromOne) {
  {
    RunState state = open();
    state.next_sequence();
    ASSERT_TRUE(state.close(now_));
  }
  RunState state = open("boot-2");
  EXPECT_EQ(state.previous().boot_id, "boot-1");
  EXPECT_EQ(state.next_sequence(), 1U);
}

TEST_F(RunStateTest, OneAgentOwnsTheFolder) {
  const RunState first = open();
  const auto second = RunState::open(folder_, "boot-1", now_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Code::Conflict);
}

TEST_F(RunStateTest, DamagedFileIsPutAside) {
  std::uint64_t last = open().next_sequence();
  for (const std::string_view damage :
       {"", "{", "[]", "{\"agentId\": 7, \"sequence\": -1}", "\xff\xfe"}) {
    ASSERT_TRUE(os::write_file_atomic(folder_ + "/agent.json", damage));
    RunState state = open();
    EXPECT_TRUE(state.previous().any);
    EXPECT_FALSE(state.previous().clean);
    EXPECT_NE(state.agent_id(), base::Guid());
    // Never a number twice, though the file no longer says which were used.
    now_ += 1s;
    EXPECT_GT(state.next_sequence(), last);
    last = state.next_sequence();
  }
}

}  // namespace
}  // namespace agent
