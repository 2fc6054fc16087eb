// Processes that die while they write, and disks that fill up.
#include <csignal>
#include <random>

#include <sys/wait.h>
#include <unistd.h>

#include "journal/log_testing.h"
#include "os/file.h"
#include "os/scratch_testing.h"
#include "os/small_disk_testing.h"

namespace journal {
namespace {

using base::Code;

constexpr Options kSmall{.segment_bytes = 2000, .max_bytes = 1U << 20U, .max_record_bytes = 4096};

// What the record of that sequence holds; sizes from 0 to 400 bytes.
std::string content_of(std::uint64_t sequence) {
  const std::string word = std::to_string(sequence * 0x9E3779B97F4A7C15ULL) + ";";
  std::string content;
  while (content.size() < sequence % 400)
    content += word;
  return content;
}

// Appends for ever in groups of random size, and reports each sequence that flush() or commit()
// has taken.
[[noreturn]] void write_until_killed(const std::string& folder, int report, unsigned seed) {
  std::minstd_rand random(seed);
  auto log = Log::open(folder, kSmall);
  if (!log) ::_exit(1);
  for (;;) {
    for (auto count = random() % 8; count > 0; --count) {
      const std::string content = content_of((*log)->next_sequence());
      if (!(*log)->append(base::as_bytes(content))) ::_exit(2);
    }
    if (!(random() % 4 == 0 ? (*log)->commit() : (*log)->flush())) ::_exit(3);
    const std::uint64_t taken = (*log)->flushed_sequence() - 1;
    if (::write(report, &taken, sizeof taken) != sizeof taken) ::_exit(4);
    if (random() % 16 == 0 && taken > 100 && !(*log)->trim(taken - 100)) ::_exit(5);
  }
}

TEST(Crash, KeepsWhatWasFlushedWhenTheProcessIsKilled) {
  const os::ScratchDir dir;
  std::minstd_rand random(20181108);
  std::uint64_t taken = 0;
  for (unsigned round = 0; round < 40; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      write_until_killed(dir.path(), ends[1], round);
    }
    ::close(ends[1]);
    for (auto reports = random() % 200; reports > 0; --reports) {
      ASSERT_EQ(::read(ends[0], &taken, sizeof taken), static_cast<ssize_t>(sizeof taken));
    }
    ::kill(child, SIGKILL);
    while (::read(ends[0], &taken, sizeof taken) > 0) {
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);

    const auto log = must_open(dir.path(), kSmall);
    ASSERT_TRUE(log);
    EXPECT_GT(log->next_sequence(), taken);
    EXPECT_EQ(log->recovery().lost_records, 0U);
    EXPECT_EQ(log->recovery().damaged_bytes, 0U);
    const auto records = read_all(*log);
    ASSERT_EQ(records.size(), log->next_sequence() - log->first_sequence());
    for (const auto& [sequence, content] : records)
      ASSERT_EQ(content, content_of(sequence));
  }
  EXPECT_GT(taken, 1000U);
}

TEST(Crash, FullDiskIsAnAnswerAndPasses) {
  const os::SmallDisk disk("size=256k");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small tmpfs needs root";
  const auto log = must_open(disk / "log", kSmall);
  put(*log, "before");
  std::uint64_t failures = 0;
  while (failures < 3) {
    const std::uint64_t sequence = log->next_sequence();
    ASSERT_TRUE(log->append(base::as_bytes(std::string(1000, 'x'))));
    const auto committed = log->commit();
    if (committed) continue;
    EXPECT_EQ(committed.error().code, Code::Full);
    EXPECT_EQ(log->next_sequence(), sequence);
    ++failures;
  }
  const std::uint64_t next = log->next_sequence();
  EXPECT_EQ(read_all(*log).size(), next - 1);
  // The oldest file makes room for the next.
  ASSERT_EQ(log->evict_oldest().value()->first, 1U);
  put(*log, "after");
  EXPECT_EQ(read_all(*log).rbegin()->second, "after");
}

TEST(Crash, EvictsTheOnlyFileOfAFullDisk) {
  const os::SmallDisk disk("size=64k");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small tmpfs needs root";
  {
    const auto log = must_open(disk / "log");
    for (int i = 0; i < 10; ++i)
      put(*log, std::string(1000, 'x'));
    disk.fill();
    // No new page is to be had.
    ASSERT_TRUE(log->append(base::as_bytes(std::string(4000, 'x'))));
    ASSERT_FALSE(log->commit());
    EXPECT_EQ(log->evict_oldest().value(), (Range{1, 10}));
    put(*log, std::string(4000, 'y'));
  }
  const auto log = must_open(disk / "log");
  EXPECT_EQ(log->next_sequence(), 12U);
  EXPECT_EQ(read_all(*log).size(), 1U);
}

TEST(Crash, DiskWithoutRoomForAFileIsAnAnswer) {
  const os::SmallDisk disk("nr_inodes=5");  // the root, the folder, the lock and two files
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small tmpfs needs root";
  const auto log = must_open(disk / "log", {.segment_bytes = 100});
  put(*log, std::string(100, 'x'));
  put(*log, std::string(100, 'x'));
  ASSERT_TRUE(log->append(base::as_bytes("no file for this")));
  const auto committed = log->commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, Code::Full);
  ASSERT_TRUE(log->trim(1));
  put(*log, "three");
  EXPECT_EQ(log->next_sequence(), 4U);
}

}  // namespace
}  // namespace journal
