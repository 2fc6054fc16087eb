#include "uplink/spool.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <random>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/cell.h"
#include "os/file.h"
#include "os/scratch_testing.h"
#include "os/small_disk_testing.h"
#include "uplink/spool_testing.h"

namespace uplink {
namespace {

using base::Code;

TEST(Spool, KeepsEventsInOrderAndForgetsAcknowledgedOnes) {
  const os::ScratchDir dir;
  {
    const auto spool = must_open(dir / "spool");
    for (int i = 1; i <= 5; ++i)
      spool->append("high" + std::to_string(i), Priority::High);
    spool->append("low1", Priority::Low);
    EXPECT_EQ(spool->stats().high.collected, 0U);
    spool->flush();
    EXPECT_EQ(spool->stats().high.collected, 5U);
    spool->settle(Priority::High, {1, 2}, Outcome::Acknowledged);
    expect_balanced(*spool);
  }
  const auto spool = must_open(dir / "spool");
  expect_balanced(*spool);
  EXPECT_EQ(spool->stats().high.acknowledged, 2U);
  EXPECT_EQ(spool->stats().high.pending, 3U);
  EXPECT_EQ(spool->stats().low.pending, 1U);
  EXPECT_EQ(read_all(*spool, Priority::High),
            (std::vector<std::string>{"high3", "high4", "high5"}));
  EXPECT_EQ(read_all(*spool, Priority::Low), (std::vector<std::string>{"low1"}));
}

TEST(Spool, CollectsWhatWasAppendedWhenItIsClosed) {
  const os::ScratchDir dir;
  must_open(dir / "spool")->append("last words", Priority::Low);
  EXPECT_EQ(must_open(dir / "spool")->stats().low.pending, 1U);
}

TEST(Spool, AcknowledgementsMayComeInAnyOrder) {
  const os::ScratchDir dir;
  {
    const auto spool = must_open(dir / "spool");
    for (int i = 1; i <= 6; ++i)
      spool->append(std::to_string(i), Priority::High);
    spool->flush();
    spool->settle(Priority::High, {5, 6}, Outcome::Acknowledged);
    spool->settle(Priority::High, {2, 3}, Outcome::Acknowledged);
    EXPECT_EQ(spool->stats().high.acknowledged, 4U);
    EXPECT_EQ(read_all(*spool, Priority::High), (std::vector<std::string>{"1", "4"}));
    expect_balanced(*spool);
  }
  // Only what lies before the first gap is remembered; the rest is sent once more.
  const auto spool = must_open(dir / "spool");
  expect_balanced(*spool);
  EXPECT_EQ(spool->stats().high.acknowledged, 0U);
  EXPECT_EQ(spool->stats().high.pending, 6U);
}

TEST(Spool, RemovesFilesOnlyAfterTheSync) {
  const os::ScratchDir dir;
  const auto spool = must_open(dir / "spool");
  for (int i = 0; i < 40; ++i) {
    spool->append(std::string(1000, 'x'), Priority::High);
    spool->flush();
  }
  const std::size_t before = spool->stats().bytes;
  spool->settle(Priority::High, {1, 40}, Outcome::Acknowledged);
  EXPECT_EQ(spool->stats().bytes, before);
  EXPECT_TRUE(spool->needs_sync());
  const Spool::Sync failed = spool->begin_sync();
  spool->end_sync(failed, base::fail(Code::Io, "test"));
  EXPECT_EQ(spool->stats().bytes, before);
  EXPECT_EQ(spool->stats().sync_errors, 1U);
  EXPECT_TRUE(spool->needs_sync());
  ASSERT_TRUE(spool->sync());
  EXPECT_FALSE(spool->needs_sync());
  EXPECT_LT(spool->stats().bytes, before / 2);
}

TEST(Spool, EvictsTheOldestLowEventsFirst) {
  const os::ScratchDir dir;
  const auto spool = must_open(dir / "spool", 64U << 10U);
  for (int i = 1; i <= 30; ++i) {
    spool->append("L" + std::to_string(i) + std::string(990, '.'), Priority::Low);
    spool->append("H" + std::to_string(i) + std::string(990, '.'), Priority::High);
    spool->flush();
  }
  EXPECT_EQ(spool->stats().low.evicted, 0U);
  for (int i = 31; i <= 50; ++i) {
    spool->append("H" + std::to_string(i) + std::string(990, '.'), Priority::High);
    spool->flush();
    EXPECT_LE(spool->stats().bytes, 64U << 10U);
    expect_balanced(*spool);
  }
  const SpoolStats stats = spool->stats();
  EXPECT_EQ(stats.high.dropped(), 0U);
  EXPECT_EQ(stats.high.pending, 50U);
  EXPECT_GT(stats.low.evicted, 10U);
  const auto low = read_all(*spool, Priority::Low);
  ASSERT_EQ(low.size(), 30 - stats.low.evicted);
  EXPECT_TRUE(low.empty() || low.back().starts_with("L30."));
}

TEST(Spool, LowNeverDisplacesHigh) {
  const os::ScratchDir dir;
  const auto spool = must_open(dir / "spool", 64U << 10U);
  for (int i = 0; i < 60; ++i) {
    spool->append(std::string(1000, 'h'), Priority::High);
    spool->flush();
  }
  for (int i = 0; i < 60; ++i) {
    spool->append(std::string(1000, 'l'), Priority::Low);
    spool->flush();
    expect_balanced(*spool);
  }
  EXPECT_EQ(spool->stats().high.dropped(), 0U);
  EXPECT_EQ(spool->stats().high.pending, 60U);
  EXPECT_GT(spool->stats().low.evicted + spool->stats().low.refused, 50U);
}

TEST(Spool, HighDisplacesTheOldestHighInTheEnd) {
  const os::ScratchDir dir;
  const auto spool = must_open(dir / "spool", 64U << 10U);
  for (int i = 1; i <= 200; ++i) {
    spool->append("H" + std::to_string(i) + std::string(990, '.'), Priority::High);
    spool->flush();
    ASSERT_LE(spool->stats().bytes, 64U << 10U);
  }
  expect_balanced(*spool);
  EXPECT_GT(spool->stats().high.evicted, 100U);
  EXPECT_GT(spool->stats().high.pending, 40U);
  EXPECT_TRUE(read_all(*spool, Priority::High).back().starts_with("H200."));
}

TEST(Spool, MakesRoomOutOfWhatIsAcknowledgedBeforeItDropsAnything) {
  const os::ScratchDir dir;
  const auto spool = must_open(dir / "spool", 64U << 10U);
  for (std::uint64_t i = 1; i <= 500; ++i) {
    spool->append(std::string(1000, 'h'), Priority::High);
    spool->flush();
    if (i > 20) spool->settle(Priority::High, {i - 20, i - 20}, Outcome::Acknowledged);
  }
  expect_balanced(*spool);
  EXPECT_EQ(spool->stats().high.dropped(), 0U);
  EXPECT_LE(spool->stats().bytes, 64U << 10U);
}

TEST(Spool, ABurstLargerThanTheSpoolKeepsItsEnd) {
  const os::ScratchDir dir;
  const auto spool = must_open(dir / "spool", 64U << 10U);
  for (int i = 1; i <= 1000; ++i)
    spool->append(std::to_string(i) + std::string(500, '.'), Priority::Low);
  spool->flush();
  expect_balanced(*spool);
  EXPECT_EQ(spool->stats().low.collected, 1000U);
  EXPECT_TRUE(read_all(*spool, Priority::Low).back().starts_with("1000."));
}

TEST(Spool, CountsEventsThatAreTooLarge) {
  const os::ScratchDir dir;
  {
    const auto spool = must_open(dir / "spool", 1U << 20U, 100);
    spool->append(std::string(101, 'x'), Priority::High);
    spool->append(std::string(100, 'x'), Priority::High);
    spool->flush();
    expect_balanced(*spool);
    EXPECT_EQ(spool->stats().high.too_large, 1U);
    EXPECT_EQ(spool->stats().high.collected, 2U);
  }
  const auto spool = must_open(dir / "spool", 1U << 20U, 100);
  EXPECT_EQ(spool->stats().high.too_large, 1U);
  expect_balanced(*spool);
}

TEST(Spool, CountsDamageAsLost) {
  const os::ScratchDir dir;
  {
    const auto spool = must_open(dir / "spool");
    for (int i = 1; i <= 9; ++i)
      spool->append("event" + std::to_string(i), Priority::High);
    spool->flush();
    spool->settle(Priority::High, {1, 3}, Outcome::Acknowledged);
  }
  for (const auto& entry : std::filesystem::directory_iterator(dir / "spool/high")) {
    if (entry.path().extension() != ".seg") continue;
    std::string content = os::read_file(entry.path()).value();
    for (const char* victim : {"event2", "event5", "event6"})
      content[content.find(victim)] = 'X';
    ASSERT_TRUE(os::write_file_atomic(entry.path(), content));
  }
  for (int reopening = 0; reopening < 2; ++reopening) {
    const auto spool = must_open(dir / "spool");
    expect_balanced(*spool);
    EXPECT_EQ(spool->stats().high.acknowledged, 3U);
    EXPECT_EQ(spool->stats().high.lost, 2U);
    EXPECT_EQ(read_all(*spool, Priority::High),
              (std::vector<std::string>{"event4", "event7", "event8", "event9"}));
  }
}

TEST(Spool, CountsALostTailAsLostWhenTheAccountKnewIt) {
  const os::ScratchDir dir;
  {
    const auto spool = must_open(dir / "spool");
    for (int i = 1; i <= 9; ++i)
      spool->append("event" + std::to_string(i), Priority::High);
    spool->flush();
    ASSERT_TRUE(spool->sync());
  }
  for (const auto& entry : std::filesystem::directory_iterator(dir / "spool/high")) {
    if (entry.path().extension() != ".seg") continue;
    std::filesystem::resize_file(entry.path(), std::filesystem::file_size(entry.path()) - 30);
  }
  const auto spool = must_open(dir / "spool");
  expect_balanced(*spool);
  EXPECT_EQ(spool->stats().high.collected, 9U);
  EXPECT_EQ(spool->stats().high.lost, 2U);
  EXPECT_EQ(spool->stats().high.pending, 7U);
  EXPECT_GT(spool->stats().torn_bytes, 0U);
}

TEST(Spool, BeginsANewAccountWhenItsOwnIsDestroyed) {
  const os::ScratchDir dir;
  {
    const auto spool = must_open(dir / "spool");
    for (int i = 1; i <= 9; ++i)
      spool->append("event" + std::to_string(i), Priority::Low);
    spool->flush();
    spool->settle(Priority::Low, {1, 5}, Outcome::Acknowledged);
  }
  ASSERT_TRUE(os::write_file_atomic(dir / "spool/account", std::string(12288, '?')));
  const auto spool = must_open(dir / "spool");
  EXPECT_TRUE(spool->stats().account_lost);
  expect_balanced(*spool);
  EXPECT_EQ(spool->stats().low.collected, 9U);
  EXPECT_EQ(spool->stats().low.pending, 9U);
}

TEST(Spool, RefusesAnAccountThatContradictsItself) {
  const os::ScratchDir dir;
  {
    const auto spool = must_open(dir / "spool");
    spool->append("event", Priority::Low);
    spool->flush();
  }
  {
    auto cell = journal::Cell::open(dir / "spool/account").value();
    ASSERT_TRUE(cell.write(
        R"({"high":{"cursor":5,"acknowledged":3},"low":{"cursor":1,"acknowledged":1}})"));
  }
  const auto spool = must_open(dir / "spool");
  EXPECT_TRUE(spool->stats().account_lost);
  expect_balanced(*spool);
}

TEST(Spool, BelongsToOneProcessAndChecksItsOptions) {
  const os::ScratchDir dir;
  const auto spool = must_open(dir / "spool");
  EXPECT_EQ(Spool::open({.folder = dir / "spool"}).error().code, Code::Conflict);
  EXPECT_EQ(Spool::open({.folder = dir / "other", .max_bytes = 1000}).error().code, Code::Invalid);
}

// A disk that takes no more in the middle of a write.
TEST(Spool, AnswersAFullDiskAndRecovers) {
  const os::ScratchDir dir;
  const auto spool = must_open(dir / "spool");
  spool->append("before", Priority::High);
  spool->flush();
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{10, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  for (int i = 0; i < 3; ++i) {
    spool->append(std::string(500, 'x'), Priority::High);
    spool->append(std::string(500, 'x'), Priority::Low);
    spool->flush();
    expect_balanced(*spool);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_GT(spool->stats().write_errors, 0U);
  EXPECT_EQ(spool->stats().high.refused, 3U);
  EXPECT_EQ(spool->stats().low.refused, 3U);
  spool->append("after", Priority::High);
  spool->flush();
  expect_balanced(*spool);
  EXPECT_EQ(read_all(*spool, Priority::High).back(), "after");
}

TEST(Spool, EvictsLowEventsForHighOnesOnAFullDisk) {
  const os::SmallDisk disk("size=256k");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small tmpfs needs root";
  const auto spool = must_open(disk / "spool");
  for (int i = 0; i < 100; ++i) {
    spool->append(std::string(1000, 'l'), Priority::Low);
    spool->flush();
  }
  // The file that is being read goes too, and its place with it.
  ASSERT_TRUE(spool->read(Priority::Low).value());
  disk.fill();
  for (int i = 0; i < 100; ++i) {
    spool->append(std::string(1000, 'h'), Priority::High);
    spool->flush();
    expect_balanced(*spool);
  }
  const SpoolStats stats = spool->stats();
  EXPECT_GT(stats.write_errors, 0U);
  EXPECT_GT(stats.low.evicted, 50U);
  EXPECT_GT(stats.high.pending, 80U);
  EXPECT_EQ(stats.high.evicted, 100 - stats.high.pending - stats.high.refused);
  EXPECT_TRUE(spool->sync());
}

// --- Killed at random moments ---

struct Report {
  std::uint64_t collected = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t dropped = 0;
};

[[noreturn]] void spool_until_killed(const std::string& folder, int report, unsigned seed) {
  std::minstd_rand random(seed);
  auto opened = Spool::open({.folder = folder, .max_bytes = 64U << 10U, .max_event_bytes = 900});
  if (!opened) ::_exit(1);
  Spool& spool = **opened;
  for (;;) {
    const auto priority = static_cast<Priority>(random() % 2);
    for (auto count = random() % 6; count > 0; --count)
      spool.append(std::string(random() % 1000, 'x'), priority);
    spool.flush();
    // What a hub would acknowledge, not always in order.
    for (auto count = random() % 5; count > 0; --count) {
      const auto record = spool.read(priority);
      if (!record) ::_exit(2);
      if (!*record) break;
      const std::uint64_t sequence = (*record)->sequence;
      if (random() % 8 != 0) spool.settle(priority, {sequence, sequence}, Outcome::Acknowledged);
    }
    if (random() % 4 == 0 && !spool.sync()) ::_exit(3);
    const SpoolStats stats = spool.stats();
    const Report now{stats.high.collected + stats.low.collected,
                     stats.high.acknowledged + stats.low.acknowledged,
                     stats.high.dropped() + stats.low.dropped()};
    if (::write(report, &now, sizeof now) != sizeof now) ::_exit(4);
  }
}

TEST(Spool, AccountHoldsWheneverTheProcessIsKilled) {
  const os::ScratchDir dir;
  std::minstd_rand random(20181108);
  Report last;
  for (unsigned round = 0; round < 30; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) spool_until_killed(dir / "spool", ends[1], round);
    ::close(ends[1]);
    for (auto reports = random() % 150; reports > 0; --reports) {
      ASSERT_EQ(::read(ends[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    }
    ::kill(child, SIGKILL);
    while (::read(ends[0], &last, sizeof last) > 0) {
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);

    const auto spool = must_open(dir / "spool", 64U << 10U, 900);
    ASSERT_TRUE(spool);
    expect_balanced(*spool);
    const SpoolStats stats = spool->stats();
    EXPECT_GE(stats.high.collected + stats.low.collected, last.collected);
    EXPECT_EQ(stats.high.lost + stats.low.lost, 0U);
    EXPECT_GE(stats.high.dropped() + stats.low.dropped(), last.dropped);
    for (const Priority priority : {Priority::High, Priority::Low}) {
      const LaneStats& lane = priority == Priority::High ? stats.high : stats.low;
      EXPECT_EQ(read_all(*spool, priority).size(), lane.pending);
    }
    expect_balanced(*spool);
  }
  EXPECT_GT(last.acknowledged, 500U);
  EXPECT_GT(last.dropped, 100U);
}

}  // namespace
}  // namespace uplink
