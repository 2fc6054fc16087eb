#include "journal/log.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <thread>

#include <sys/resource.h>

#include "journal/log_testing.h"
#include "os/file.h"
#include "os/scratch_testing.h"

namespace journal {
namespace {

using base::as_bytes;
using base::Code;
using Records = std::map<std::uint64_t, std::string>;

std::size_t segment_files(const os::ScratchDir& dir) {
  const auto names = os::list_dir(dir.path()).value();
  return static_cast<std::size_t>(
      std::count_if(names.begin(), names.end(), [](auto& name) { return name.ends_with(".seg"); }));
}

TEST(Log, GivesSequencesThatGoOnAfterReopening) {
  const os::ScratchDir dir;
  {
    const auto log = must_open(dir.path());
    EXPECT_EQ(log->next_sequence(), 1U);
    EXPECT_EQ(log->first_sequence(), 1U);
    EXPECT_EQ(log->append(as_bytes("a")).value(), 1U);
    EXPECT_EQ(log->append(as_bytes("b")).value(), 2U);
    EXPECT_TRUE(read_all(*log).empty());
    ASSERT_TRUE(log->commit());
    EXPECT_EQ(read_all(*log), (Records{{1, "a"}, {2, "b"}}));
    EXPECT_TRUE(log->append(as_bytes("never committed")));
  }
  const auto log = must_open(dir.path());
  EXPECT_EQ(log->next_sequence(), 3U);
  EXPECT_EQ(log->recovery().records, 2U);
  EXPECT_EQ(log->recovery().torn_bytes, 0U);
  put(*log, "c");
  EXPECT_EQ(read_all(*log), (Records{{1, "a"}, {2, "b"}, {3, "c"}}));
  EXPECT_EQ(segment_files(dir), 1U);
}

TEST(Log, BelongsToOneProcess) {
  const os::ScratchDir dir;
  const auto log = must_open(dir.path());
  const auto second = Log::open(dir.path(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::Conflict);
}

TEST(Log, RefusesWhatIsTooLargeAndWhatDoesNotFit) {
  const os::ScratchDir dir;
  const auto log = must_open(dir.path(), {.max_bytes = 200, .max_record_bytes = 100});
  EXPECT_EQ(log->append(as_bytes(std::string(101, 'x'))).error().code, Code::TooLarge);
  EXPECT_TRUE(log->append(as_bytes(std::string(100, 'x'))));
  EXPECT_EQ(log->append(as_bytes(std::string(100, 'x'))).error().code, Code::Full);
  EXPECT_EQ(log->next_sequence(), 2U);
  EXPECT_TRUE(log->append(as_bytes("small")));
  ASSERT_TRUE(log->commit());
  EXPECT_EQ(read_all(*log).size(), 2U);
}

TEST(Log, TrimsWholeFilesAndKeepsTheLast) {
  const os::ScratchDir dir;
  {
    const auto log = must_open(dir.path(), {.segment_bytes = 100});
    for (int i = 1; i <= 9; ++i)
      put(*log, std::string(40, static_cast<char>('0' + i)));
    // 24 + 56 + 56 closes a file: two records in each.
    EXPECT_EQ(segment_files(dir), 5U);
    ASSERT_TRUE(log->trim(3));
    EXPECT_EQ(log->first_sequence(), 3U);
    EXPECT_EQ(segment_files(dir), 4U);
    ASSERT_TRUE(log->trim(UINT64_MAX));
    EXPECT_EQ(log->first_sequence(), 9U);
    EXPECT_EQ(log->size_bytes(), 24U + 56U);
  }
  const auto log = must_open(dir.path(), {.segment_bytes = 100});
  EXPECT_EQ(log->next_sequence(), 10U);
  EXPECT_EQ(log->recovery().lost_records, 0U);
  EXPECT_EQ(read_all(*log).size(), 1U);
}

TEST(Log, EvictsTheOldestFileAndRemembersTheSequence) {
  const os::ScratchDir dir;
  {
    const auto log = must_open(dir.path(), {.segment_bytes = 100});
    EXPECT_FALSE(log->evict_oldest().value());
    for (int i = 0; i < 3; ++i)
      put(*log, std::string(40, 'x'));
    EXPECT_EQ(log->evict_oldest().value(), (Range{1, 2}));
    EXPECT_EQ(log->first_sequence(), 3U);
    EXPECT_EQ(log->evict_oldest().value(), (Range{3, 3}));
    EXPECT_FALSE(log->evict_oldest().value());
    EXPECT_EQ(log->size_bytes(), 0U);
  }
  {
    const auto log = must_open(dir.path(), {.segment_bytes = 100});
    EXPECT_EQ(log->next_sequence(), 4U);
    EXPECT_EQ(log->recovery().lost_records, 0U);
    put(*log, "four");
  }
  const auto log = must_open(dir.path(), {.segment_bytes = 100});
  EXPECT_EQ(read_all(*log), (Records{{4, "four"}}));
}

TEST(Log, ContinuesAtWhatItsOwnerRemembers) {
  const os::ScratchDir dir;
  {
    const auto log = must_open(dir.path());
    put(*log, "one");
    put(*log, "two");
  }
  const Options options{.min_next_sequence = 6};
  {
    const auto log = must_open(dir.path(), options);
    EXPECT_EQ(log->next_sequence(), 6U);
    EXPECT_EQ(log->recovery().lost, (std::vector<Range>{{3, 5}}));
    put(*log, "six");
    EXPECT_EQ(read_all(*log), (Records{{1, "one"}, {2, "two"}, {6, "six"}}));
  }
  const auto log = must_open(dir.path(), options);
  EXPECT_EQ(log->next_sequence(), 7U);
  EXPECT_EQ(log->recovery().lost, (std::vector<Range>{{3, 5}}));
  EXPECT_EQ(read_all(*log), (Records{{1, "one"}, {2, "two"}, {6, "six"}}));
}

TEST(Log, LeavesOtherFilesAlone) {
  const os::ScratchDir dir;
  for (const char* name :
       {"README", "1-0.seg", "00000000000000000000-00000000.seg",
        "00000000000000000001-0000000G.seg", "00000000000000000001_00000000.seg"}) {
    ASSERT_TRUE(os::write_file_atomic(dir / name, "mine"));
  }
  const auto log = must_open(dir.path());
  EXPECT_EQ(log->recovery().other_files, 5U);
  put(*log, "a");
  ASSERT_TRUE(log->trim(UINT64_MAX));
  EXPECT_EQ(os::read_file(dir / "README").value(), "mine");
}

// Files of this process may not grow beyond this, as on a disk that fills up in the middle of a
// write.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST(Log, AnswersFullWhenTheDiskIsAndRecovers) {
  const os::ScratchDir dir;
  const auto log = must_open(dir.path());
  put(*log, "before");
  for (const bool durable : {false, true}) {
    const FileSizeLimit limit(100);
    ASSERT_TRUE(log->append(as_bytes("goes with the group")));
    ASSERT_TRUE(log->append(as_bytes(std::string(200, 'x'))));
    const auto result = durable ? log->commit() : log->flush();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::Full);
    EXPECT_EQ(log->next_sequence(), 2U);
    EXPECT_EQ(log->buffered_bytes(), 0U);
    EXPECT_EQ(read_all(*log), (Records{{1, "before"}}));
  }
  put(*log, "after");
  EXPECT_EQ(read_all(*log), (Records{{1, "before"}, {2, "after"}}));
}

TEST(Log, LeavesNothingTornBehindAFullDisk) {
  const os::ScratchDir dir;
  {
    const auto log = must_open(dir.path());
    put(*log, "before");
    const FileSizeLimit limit(100);
    ASSERT_TRUE(log->append(as_bytes(std::string(200, 'x'))));
    ASSERT_FALSE(log->commit());
  }
  const auto log = must_open(dir.path());
  EXPECT_EQ(log->recovery().torn_bytes, 0U);
  EXPECT_EQ(read_all(*log), (Records{{1, "before"}}));
}

TEST(Log, UsesAFileAgainWhoseFirstGroupFailed) {
  const os::ScratchDir dir;
  {
    const auto log = must_open(dir.path());
    {
      const FileSizeLimit limit(10);
      ASSERT_TRUE(log->append(as_bytes("one")));
      ASSERT_FALSE(log->commit());
    }
    put(*log, "one");
    EXPECT_EQ(segment_files(dir), 1U);
  }
  EXPECT_EQ(read_all(*must_open(dir.path())), (Records{{1, "one"}}));
}

TEST(Log, SyncsOnAnotherThread) {
  const os::ScratchDir dir;
  const auto log = must_open(dir.path(), {.segment_bytes = 100});
  EXPECT_FALSE(log->needs_sync());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(log->append(as_bytes(std::string(60, 'x'))));
    ASSERT_TRUE(log->flush());
  }
  EXPECT_TRUE(log->needs_sync());
  SyncJob job;
  log->begin_sync(job);
  EXPECT_FALSE(log->needs_sync());
  ASSERT_TRUE(log->trim(3));  // files of the job may go meanwhile
  base::Result<void> result;
  std::thread([&] { result = job.run(); }).join();
  EXPECT_TRUE(result);
}

TEST(Reader, FollowsTheWriter) {
  const os::ScratchDir dir;
  const auto log = must_open(dir.path(), {.segment_bytes = 100});
  Reader reader(*log, 1);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    EXPECT_FALSE(reader.next().value());
    put(*log, std::to_string(i));
    const auto record = reader.next().value();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->sequence, i);
    EXPECT_EQ(base::as_text(record->payload), std::to_string(i));
  }
}

TEST(Reader, BeginsAnywhereAndSeeksBothWays) {
  const os::ScratchDir dir;
  const auto log = must_open(dir.path(), {.segment_bytes = 100});
  for (int i = 1; i <= 20; ++i)
    put(*log, std::to_string(i));
  Reader reader(*log, 7);
  EXPECT_EQ(reader.next().value()->sequence, 7U);
  reader.seek(15);
  EXPECT_EQ(reader.position(), 15U);
  EXPECT_EQ(reader.next().value()->sequence, 15U);
  reader.seek(2);
  EXPECT_EQ(reader.next().value()->sequence, 2U);
  reader.seek(100);
  EXPECT_FALSE(reader.next().value());
  reader.seek(20);
  EXPECT_EQ(reader.next().value()->sequence, 20U);
}

TEST(Reader, PassesOverWhatWasTrimmedOrEvicted) {
  const os::ScratchDir dir;
  const auto log = must_open(dir.path(), {.segment_bytes = 50});
  for (int i = 1; i <= 10; ++i)
    put(*log, std::string(30, 'x'));
  Reader fresh(*log, 1);
  Reader reading(*log, 1);
  ASSERT_EQ(reading.next().value()->sequence, 1U);
  ASSERT_TRUE(log->trim(3));
  ASSERT_TRUE(log->evict_oldest());
  EXPECT_EQ(fresh.next().value()->sequence, 5U);
  EXPECT_EQ(reading.next().value()->sequence, 5U);
}

TEST(Reader, OutlivesItsLog) {
  const os::ScratchDir dir;
  auto log = must_open(dir.path());
  put(*log, "a");
  Reader reader(*log, 1);
  log.reset();
  EXPECT_EQ(reader.next().value()->sequence, 1U);
  EXPECT_FALSE(reader.next().value());
}

TEST(Reader, ReadsOnAnotherThreadWhileTheLogRolls) {
  const os::ScratchDir dir;
  const auto log = must_open(dir.path(), {.segment_bytes = 4096});
  constexpr std::uint64_t kRecords = 5000;
  std::uint64_t seen = 0;
  bool in_order = true;
  std::thread consumer([&] {
    Reader reader(*log, 1);
    while (seen < kRecords) {
      const auto record = reader.next().value();
      if (!record) {
        std::this_thread::yield();
        continue;
      }
      in_order &= record->sequence == seen + 1 &&
                  base::as_text(record->payload) == std::to_string(record->sequence);
      ++seen;
    }
  });
  for (std::uint64_t i = 1; i <= kRecords; ++i) {
    ASSERT_TRUE(log->append(as_bytes(std::to_string(i))));
    if (i % 7 == 0 || i == kRecords) {
      ASSERT_TRUE(log->flush());
    }
  }
  consumer.join();
  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace journal
