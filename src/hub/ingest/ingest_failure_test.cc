#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/ingest/ingest_testing.h"

namespace hub::ingest {
namespace {

// Lets no file of this process grow, as a full disk would.
class FullDisk {
 public:
  FullDisk() {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_), 0);
    old_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{0, old_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  sighandler_t old_handler_ = nullptr;
};

TEST(IngestFailure, FullDiskRefusesRecordsItOnceAndRecovers) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send(message_of({process_event(1, "before")})));
    hub.drain();
    {
      const FullDisk full;
      for (std::uint64_t i = 0; i < 5; ++i)
        EXPECT_FALSE(hub.send(message_of({process_event(10 + i, "lost?")})));
      EXPECT_TRUE(hub.ingest->journal().failing);
      EXPECT_FALSE(hub.ingest->journal().problem.empty());
    }
    EXPECT_EQ(hub.ingest->counters().not_durable.value(), 5U);
    int records = 0;
    for (const auto& record : hub.refusals())
      records += record.operation == "journalWrite" ? 1 : 0;
    EXPECT_EQ(records, 1) << "one record for all of it";
    // What was not acknowledged is sent again.
    for (std::uint64_t i = 0; i < 5; ++i)
      EXPECT_TRUE(hub.send(message_of({process_event(10 + i, "lost?")})));
    EXPECT_FALSE(hub.ingest->journal().failing);
    hub.drain();
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*), count(DISTINCT EventId) FROM raw_event"),
            (Table{{"6", "6"}}));
}

TEST(IngestFailure, AStoreOnAFullDiskCatchesUpLater) {
  const store::TempDir dir;
  {
    Options options;
    Hub hub(dir.path(), options);
    EXPECT_TRUE(hub.send(message_of({process_event(1, "before")})));
    hub.drain();
    // Files may not grow beyond what the journal's segment has: the stores fail, the journal does
    // not.
    rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{8192, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    EXPECT_TRUE(hub.send(message_of({process_event(2, "sh -c echo cpuminer-multi")})));
    EXPECT_FALSE(hub.ingest->drain(std::chrono::milliseconds(50)));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    ::signal(SIGXFSZ, old_handler);
    hub.drain();
    EXPECT_GE(hub.ingest->counters().store_failures.value(), 1U);
    EXPECT_EQ(hub.alerts->list({})->items.at(0).hit_count, 1);
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*), count(DISTINCT EventId) FROM raw_event"),
            (Table{{"2", "2"}}));
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*) FROM SecurityAlert"), (Table{{"1"}}));
}

TEST(IngestFailure, FindsOutByItselfThatTheDiskHasRoomAgain) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    {
      const FullDisk full;
      EXPECT_FALSE(hub.send(message_of({process_event(1, "lost?")})));
      EXPECT_TRUE(hub.ingest->journal().failing);
    }
    // Nobody sends anything: what was to be recorded is tried again and again.
    const auto deadline = base::mono_now() + kPatience;
    while (hub.ingest->journal().failing && base::mono_now() < deadline)
      std::this_thread::yield();
    EXPECT_FALSE(hub.ingest->journal().failing);
    hub.drain();
    EXPECT_EQ(hub.ingest->counters().operations_dropped.value(), 0U);
  }
  EXPECT_EQ(store::ask(rows_path(dir),
                       "SELECT StatusCode, count(*) FROM operation WHERE "
                       "OperationName = 'journalWrite' GROUP BY 1 ORDER BY 1"),
            (Table{{"200", "1"}, {"503", "1"}}))
      << "both its beginning and its end are in the records";
}

TEST(IngestFailure, AnOlderCopyOfTheStoreIsSaidToLackRecords) {
  const store::TempDir dir;
  Options options;
  options.journal_segment_bytes = 4096;
  {
    const Hub made(dir.path(), options);
  }
  std::filesystem::copy(rows_path(dir), dir.path() + "/old.duckdb");
  {
    Hub hub(dir.path(), options);
    for (std::uint64_t i = 0; i < 20; ++i) {
      EXPECT_TRUE(hub.send(message_of({process_event(i, std::string(1000, 'x'))})));
      hub.drain();
    }
    EXPECT_EQ(hub.ingest->counters().journal_corrupt_records.value(), 0U);
    EXPECT_GT(hub.ingest->journal().first_sequence, 1U) << "the journal gives up what is stored";
  }
  std::filesystem::remove(rows_path(dir) + ".wal");
  std::filesystem::rename(dir.path() + "/old.duckdb", rows_path(dir));
  Hub hub(dir.path(), options);
  const auto lost = hub.ingest->counters().journal_corrupt_records.value();
  EXPECT_GT(lost, 0U);
  hub.drain();
  EXPECT_FALSE(hub.refusals().empty());
  EXPECT_NE(
      hub.refusals().front().detail.find("lacks journal records 1 to " + std::to_string(lost)),
      std::string::npos);
}

TEST(IngestFailure, AFullJournalRefuses) {
  const store::TempDir dir;
  Options options;
  options.journal_max_bytes = 64 * 1024;
  options.journal_segment_bytes = 16 * 1024;
  Hub hub(dir.path(), options);
  // Stored and trimmed as it goes: far more than fits goes through.
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(hub.send(std::string(4096, 'x'), false));
    if (i % 5 == 4) hub.drain();
  }
  EXPECT_FALSE(hub.send(std::string(128 * 1024, 'x'), false));
  EXPECT_EQ(hub.ingest->counters().not_durable.value(), 1U);
}

TEST(IngestFailure, ADamagedJournalIsCountedAndTheRestGoesOn) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    EXPECT_TRUE(hub.send(message_of({process_event(1, "stored")})));
  }
  // Records that the store has not seen: a journal written by a hub whose store is put back later.
  std::filesystem::copy(dir.path() + "/events.duckdb", dir.path() + "/old.duckdb");
  {
    Hub hub(dir.path());
    for (std::uint64_t i = 2; i < 6; ++i) {
      EXPECT_TRUE(hub.send(message_of({process_event(i, "marker-" + std::to_string(i))})));
    }
  }
  std::filesystem::remove(dir.path() + "/events.duckdb.wal");
  std::filesystem::rename(dir.path() + "/old.duckdb", dir.path() + "/events.duckdb");
  std::size_t damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path() + "/journal")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    const auto at = bytes.find("marker-3");
    if (at == std::string::npos) continue;
    bytes[at] = 'X';
    std::ofstream(entry.path(), std::ios::binary) << bytes;
    ++damaged;
  }
  ASSERT_EQ(damaged, 1U);
  {
    Hub hub(dir.path());
    hub.drain();
    EXPECT_EQ(hub.ingest->counters().journal_corrupt_records.value(), 1U);
    EXPECT_TRUE(hub.send(message_of({process_event(7, "after")})));
  }
  EXPECT_EQ(store::ask(rows_path(dir),
                       "SELECT EventDetails->>'$.CommandLine' FROM SecurityIoTRawEvent ORDER BY 1"),
            (Table{{"after"}, {"marker-2"}, {"marker-4"}, {"marker-5"}, {"stored"}}));
}

TEST(IngestFailure, ClocksMayStep) {
  const store::TempDir dir;
  {
    Hub hub(dir.path());
    for (std::uint64_t i = 0; i < 5; ++i) {
      EXPECT_TRUE(hub.send(message_of({process_event(i, "sh -c echo cpuminer-multi")}), true,
                           clock_at(-1000 * static_cast<int>(i))));
    }
    hub.drain();
    EXPECT_EQ(hub.alerts->list({})->items.at(0).hit_count, 5);
    EXPECT_EQ(hub.alerts->list({})->items.at(0).last_seen, clock_at(0));
  }
  EXPECT_EQ(store::ask(rows_path(dir), "SELECT count(*) FROM raw_event"), (Table{{"5"}}));
}

// Sends numbered messages for ever and reports each that was acknowledged. Never returns.
[[noreturn]] void send_for_ever(const std::string& dir, std::uint64_t first, int progress) {
  Hub hub(dir);
  for (std::uint64_t number = first;; ++number) {
    Done done = [progress, number](bool durable) {
      if (!durable || ::write(progress, &number, sizeof number) != sizeof number) ::_exit(3);
    };
    const std::string payload =
        message_of({process_event(number, "sh -c echo cpuminer-multi " + std::to_string(number))});
    Received message;
    message.device_id = "device-1";
    message.module_id = "azureiotsecurity";
    message.payload = payload;
    message.security = true;
    while (!hub.ingest->submit(message, done))
      ::usleep(100);
  }
}

TEST(IngestFailure, KilledAtAnyMomentNothingAcknowledgedIsLostOrDoubled) {
  const store::TempDir dir;
  std::minstd_rand random(42);
  std::uint64_t next = 1;
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 8; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    // The last messages again, as a device does whose acknowledgements were lost.
    const std::uint64_t first = next > 20 ? next - 20 : 1;
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe[0]);
      send_for_ever(dir.path(), first, pipe[1]);
    }
    ::close(pipe[1]);
    int wanted = 1 + static_cast<int>(random() % 800);
    std::uint64_t number = 0;
    const auto take = [&] {
      if (::read(pipe[0], &number, sizeof number) != sizeof number) return false;
      acknowledged = std::max(acknowledged, number);
      return true;
    };
    while (wanted-- > 0 && take()) {
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    while (take()) {
    }
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    next = acknowledged + 1;
  }
  std::int64_t hits = 0;
  {
    Hub hub(dir.path());
    hub.drain();
    ASSERT_EQ(hub.alerts->list({})->total, 1);
    hits = hub.alerts->list({})->items.at(0).hit_count;
  }
  const auto stored = store::ask(rows_path(dir),
                                 "SELECT count(*), count(DISTINCT IoTRawEventId), count(*) FILTER "
                                 "(EventDetails->>'$.CommandLine' IS NOT NULL "
                                 "AND CAST(EventDetails->>'$.ProcessId' AS BIGINT) <= " +
                                     std::to_string(acknowledged) + ") FROM SecurityIoTRawEvent");
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0][0], stored[0][1]) << "nothing twice";
  EXPECT_EQ(stored[0][2], std::to_string(acknowledged)) << "everything acknowledged";
  EXPECT_EQ(std::to_string(hits), stored[0][0]) << "the alert counted each event once";
  const auto alerts = store::ask(
      rows_path(dir),
      "SELECT count(DISTINCT SystemAlertId), max(CAST(ExtendedProperties->>'$.HitCount' AS "
      "BIGINT)) <= " +
          std::to_string(hits) +
          ", count(*) = count(DISTINCT ExtendedProperties->>'$.HitCount') FROM SecurityAlert");
  EXPECT_EQ(alerts, (Table{{"1", "true", "true"}}));
}

}  // namespace
}  // namespace hub::ingest
