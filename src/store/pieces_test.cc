#include "store/pieces.h"

#include <atomic>
#include <thread>

#include "store/pieces_testing.h"

namespace store {
namespace {

TEST_F(PiecesTest, SealingAndMergingChangeNothingForQueries) {
  append(0, 500, 1000, 3);
  const Table half = everything();
  EXPECT_EQ(half.size(), 500U);
  EXPECT_EQ(half.at(0).at(7).find(R"({"TimestampLocal":")"), 0U) << half.at(0).at(7);
  EXPECT_EQ(seal(), 500U);
  EXPECT_EQ(everything(), half);
  append(500, 1000, 1000, 3);
  const Table all = everything();
  EXPECT_EQ(all.size(), 1000U);
  seal();
  EXPECT_EQ(list().size(), 4U) << "the middle day was sealed in two";
  EXPECT_EQ(everything(), all);
  compact();
  EXPECT_EQ(list().size(), 3U);
  EXPECT_EQ(everything(), all);
  EXPECT_EQ(files(), 3U);
  EXPECT_EQ(seal(), 0U);
  EXPECT_EQ(kql("SecurityIoTRawEvent | where DeviceId == 'device-3' | count"), "143");
  EXPECT_EQ(kql("SecurityIoTRawEvent | summarize sum(_BilledSize - strlen(EventDetails))"), "0");
}

TEST_F(PiecesTest, EveryTableIsSealed) {
  Batch batch;
  AlertRow alert;
  alert.time_generated = day_begin(kDay);
  alert.alert_id = "a";
  alert.extended_json = R"({"A":1})";
  batch.alerts.push_back(alert);
  OperationRow operation;
  operation.time = day_begin(kDay + 1);
  operation.operation = "connect";
  operation.properties = R"({"a":1})";
  batch.operations.push_back(operation);
  TelemetryRow telemetry;
  telemetry.time_generated = day_begin(kDay + 2);
  telemetry.device_id = "d";
  telemetry.system_properties = R"({"s":1})";
  telemetry.properties = "{}";
  batch.telemetry.push_back(telemetry);
  AuditRow audit;
  audit.id = 1;
  audit.time = day_begin(kDay + 3);
  audit.action = "a.b";
  batch.audits.push_back(audit);
  ASSERT_TRUE(store_->append(batch, 1));
  EXPECT_EQ(seal(), 4U);
  compact();
  std::vector<std::string> tables;
  for (const Piece& piece : list()) {
    tables.emplace_back(piece.table);
    EXPECT_EQ(piece.rows, 1U);
    EXPECT_EQ(piece.first_generated, piece.first_stamp);
    EXPECT_TRUE(piece.merged);
  }
  EXPECT_EQ(tables, (std::vector<std::string>{"SecurityAlert", "IoTHubAudit", "IoTHubOperations",
                                              "DeviceTelemetry"}));
  EXPECT_EQ(kql("SecurityAlert | project ExtendedProperties"), R"({"A":1})");
  EXPECT_EQ(kql("IoTHubOperations | project tostring(Properties.a)"), "1");
  EXPECT_EQ(kql("DeviceTelemetry | project tostring(SystemProperties.s)"), "1");
  EXPECT_EQ(kql("IoTHubAudit | project OperationName"), "a.b");
}

TEST_F(PiecesTest, SayWhatIsInThem) {
  append(0, 300, 300, 3);
  seal();
  const auto pieces = list();
  ASSERT_EQ(pieces.size(), 3U);
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    EXPECT_EQ(piece.table, "SecurityIoTRawEvent");
    EXPECT_EQ(piece.day, std::chrono::sys_days(std::chrono::days(kDay + static_cast<int>(i))));
    EXPECT_GE(piece.first_generated, day_begin(kDay + static_cast<int>(i)));
    EXPECT_LT(piece.last_generated, day_begin(kDay + static_cast<int>(i) + 1));
    EXPECT_EQ(piece.first_stamp, piece.first_generated - 30 * kql::kTicksPerHour);
    EXPECT_EQ(piece.bytes, std::filesystem::file_size(piece.path));
    EXPECT_FALSE(piece.merged);
    rows += piece.rows;
  }
  EXPECT_EQ(rows, 300U);
  append(0, 5, 5, 1);
  const auto hot = pieces_->hot();
  ASSERT_TRUE(hot);
  EXPECT_EQ(hot->front().rows, 5U);
  EXPECT_EQ(hot->front().first_generated, day_begin(kDay));
  const auto use = pieces_->disk_use();
  ASSERT_TRUE(use);
  EXPECT_GT(use->database, 0U);
  EXPECT_GE(use->pieces, pieces[0].bytes + pieces[1].bytes + pieces[2].bytes);
  EXPECT_EQ(use->dropped, 0U);
}

// One device's rows stand together, so that questions about it read little.
TEST_F(PiecesTest, RowsAreInTheOrderOfTheirTable) {
  append(0, 5000, 5000, 1);
  seal();
  const std::string path = list().at(0).path;
  close();
  EXPECT_EQ(ask(options_.path,
                "SELECT count(*) FROM (SELECT row(RawEventName, DeviceId, TimeStamp) AS r, "
                "lag(row(RawEventName, DeviceId, TimeStamp)) OVER () AS before "
                "FROM read_parquet('" +
                    path + "')) WHERE before > r"),
            (Table{{"0"}}));
}

TEST_F(PiecesTest, LargeDaysAreDividedByDevice) {
  auto options = options_in(dir_.path());
  options.seal.piece_rows = 100;
  open(options);
  append(0, 650, 650, 1);
  const Table before = everything();
  seal();
  EXPECT_GE(list().size(), 4U);
  compact();
  EXPECT_EQ(everything(), before);
  for (const Piece& piece : list())
    EXPECT_LE(piece.rows, 2 * 100U);
  const auto merged = list();
  compact();
  EXPECT_EQ(list().size(), merged.size()) << "and are not merged again";
  EXPECT_EQ(list().front().id, merged.front().id);
}

TEST_F(PiecesTest, StoredIdentitiesAreFoundInThem) {
  auto options = options_in(dir_.path());
  options.recent_keys = 50;
  open(options);
  append(0, 400, 400, 2);
  seal();
  compact();
  for (int round = 0; round < 2; ++round) {
    Batch batch;
    std::vector<EventKey> keys;
    for (std::uint64_t i = 0; i < 401; ++i) {
      batch.events.push_back(event(batch, i, 400, 2));
      keys.push_back(key_of(batch.events.back()));
    }
    std::vector<std::uint8_t> expected(401, 0);
    expected[400] = round == 0 ? 1 : 0;
    open(options);
    const auto claimed = store_->claim(keys);
    ASSERT_TRUE(claimed) << claimed.error().to_string();
    EXPECT_EQ(*claimed, expected);
    if (round == 0) append(400, 401, 400, 2);
  }
}

TEST_F(PiecesTest, DroppedOnesAreGoneWhenNobodyNeedsTheirFiles) {
  append(0, 300, 300, 3);
  seal();
  const auto pieces = list();
  ASSERT_EQ(pieces.size(), 3U);
  const std::vector<std::uint64_t> ids = {pieces[0].id, pieces[2].id};
  {
    const auto pin = pieces_->pin();
    const auto change = pieces_->drop(ids);
    ASSERT_TRUE(change) << change.error().to_string();
    EXPECT_EQ(change->pieces, 2U);
    EXPECT_EQ(change->rows, pieces[0].rows + pieces[2].rows);
    EXPECT_EQ(kql("SecurityIoTRawEvent | count"), std::to_string(pieces[1].rows));
    EXPECT_TRUE(std::filesystem::exists(pieces[0].path));
    EXPECT_EQ(pieces_->disk_use()->dropped, change->bytes);
  }
  EXPECT_EQ(files(), 1U);
  EXPECT_FALSE(std::filesystem::exists(pieces[0].path));
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(pieces[0].path).parent_path()));
  EXPECT_EQ(pieces_->drop(ids).error().code, base::Code::Conflict);
  const std::vector<std::uint64_t> one_gone = {pieces[0].id, pieces[1].id};
  EXPECT_EQ(pieces_->drop(one_gone).error().code, base::Code::Conflict);
  EXPECT_EQ(list().size(), 1U) << "all or none";
}

TEST_F(PiecesTest, HeldOnesStay) {
  append(0, 300, 300, 3);
  seal();
  const std::uint64_t id = list().at(1).id;
  const std::vector<std::uint64_t> all = {list()[0].id, id, list()[2].id};
  ASSERT_TRUE(pieces_->hold(std::span(&id, 1), true));
  EXPECT_EQ(pieces_->drop(all).error().code, base::Code::Denied);
  EXPECT_EQ(pieces_->rewrite(id, "true").error().code, base::Code::Denied);
  compact();
  EXPECT_TRUE(list().at(1).held) << "also what it is merged into";
  open(options_);
  EXPECT_TRUE(list().at(1).held);
  const std::uint64_t merged = list().at(1).id;
  ASSERT_TRUE(pieces_->hold(std::span(&merged, 1), false));
  EXPECT_TRUE(pieces_->drop(std::span(&merged, 1)));
}

TEST_F(PiecesTest, RowsCanBeTakenOut) {
  append(0, 700, 700, 1);
  seal();
  const Piece before = list().at(0);
  const auto same = pieces_->rewrite(before.id, "DeviceId LIKE 'device-%'");
  ASSERT_TRUE(same) << same.error().to_string();
  EXPECT_EQ(same->rows, 0U);
  EXPECT_EQ(list().at(0).id, before.id);
  const auto change = pieces_->rewrite(before.id, "DeviceId IN ('device-1', 'device-2')");
  ASSERT_TRUE(change) << change.error().to_string();
  EXPECT_EQ(change->rows, 500U);
  EXPECT_GT(change->bytes, 0U);
  EXPECT_EQ(kql("SecurityIoTRawEvent | summarize count(), dcount(DeviceId)"), "200");
  EXPECT_NE(list().at(0).id, before.id);
  EXPECT_EQ(files(), 1U);
  const auto rest = pieces_->rewrite(list().at(0).id, "false");
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->rows, 200U);
  EXPECT_TRUE(list().empty());
  append(0, 70, 70, 1);
  const auto hot = pieces_->erase_hot("SecurityIoTRawEvent", "DeviceId = 'device-1'");
  ASSERT_TRUE(hot) << hot.error().to_string();
  EXPECT_EQ(hot->rows, 10U);
  EXPECT_EQ(kql("SecurityIoTRawEvent | count"), "60");
  EXPECT_EQ(pieces_->erase_hot("Nothing", "true").error().code, base::Code::NotFound);
}

TEST_F(PiecesTest, QueriesSeeEveryRowOnceWhileAllMoves) {
  append(0, 200, 2000, 2);
  std::atomic<std::uint64_t> appended{200};
  std::atomic<bool> over{false};
  std::atomic<int> asked{0};
  std::thread reader([&] {
    while (!over) {
      const std::uint64_t least = appended;
      const std::string answer =
          kql("SecurityIoTRawEvent | summarize N = count(), D = dcount(IoTRawEventId, 4)");
      const std::uint64_t count = std::strtoull(answer.c_str(), nullptr, 10);
      EXPECT_GE(count, least) << answer;
      EXPECT_LE(count, 2000U) << answer;
      ++asked;
    }
  });
  for (std::uint64_t i = 200; i < 2000; i += 200) {
    append(i, i + 200, 2000, 2);
    appended = i + 200;
    seal();
    if (i % 600 == 0) compact();
  }
  while (asked < 5)
    std::this_thread::yield();
  over = true;
  reader.join();
  EXPECT_EQ(kql("SecurityIoTRawEvent | distinct IoTRawEventId | count"), "2000");
  EXPECT_EQ(files(), list().size());
}

// The list, written when the file was long, must not keep it long.
TEST_F(PiecesTest, TheDatabaseFileGetsSmallerAgain) {
  const auto long_text = std::string(2000, 'x');
  for (std::uint64_t part = 0; part < 5; ++part) {
    Batch batch;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      batch.events.push_back(event(batch, part * 10'000 + i, 50'000, 1));
      batch.events.back().details = long_text;
    }
    ASSERT_TRUE(store_->append(batch, ++sequence_));
  }
  open(options_);  // all of it is in the file now
  const auto before = pieces_->disk_use();
  EXPECT_GT(before->database, 80U << 20U);
  EXPECT_EQ(seal(), 50'000U);
  append(50'000, 50'010, 50'000, 1);
  compact();
  const auto after = pieces_->disk_use();
  EXPECT_LT(after->database, 8U << 20U);
  EXPECT_EQ(kql("SecurityIoTRawEvent | count"), "50010");
  append(50'010, 50'020, 50'000, 1);
  open(options_);
  EXPECT_EQ(kql("SecurityIoTRawEvent | count"), "50020");
}

TEST_F(PiecesTest, SealsByItselfWhenThereIsEnough) {
  auto options = options_in(dir_.path());
  options.seal.automatic = true;
  options.seal.rows = 400;
  options.seal.min_rows = 100;
  options.seal.every = std::chrono::milliseconds(5);
  open(options);
  append(0, 99, 1000, 2);
  append(99, 1000, 1000, 2);
  const auto deadline = base::mono_now() + std::chrono::seconds(60);
  while (pieces_->stats().merges == 0 && base::mono_now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(pieces_->stats().sealed_rows, 1000U);
  EXPECT_GT(pieces_->stats().merges, 0U) << "the day is over";
  EXPECT_EQ(pieces_->stats().failures, 0U);
  EXPECT_EQ(kql("SecurityIoTRawEvent | count"), "1000");
}

// The list of pieces is lost with the database: they say themselves what they are.
TEST_F(PiecesTest, PiecesOfALostDatabaseAreTakenOver) {
  append(0, 300, 300, 3);
  seal();
  append(300, 310, 300, 3);
  seal();
  const Table before = everything();
  const auto lose = [&] {
    close();
    std::filesystem::remove(options_.path);
    std::filesystem::remove(options_.path + ".wal");
  };
  // As if a crash had kept a file that was merged into another.
  const std::string old = list().back().path;
  std::filesystem::copy(old, old + ".kept");
  compact();
  const std::size_t merged = list().size();
  lose();
  std::filesystem::create_directories(std::filesystem::path(old).parent_path());
  std::filesystem::rename(old + ".kept", old);
  open(options_);
  EXPECT_EQ(list().size(), merged);
  EXPECT_EQ(kql("SecurityIoTRawEvent | count"), std::to_string(before.size()));
  append(310, 320, 300, 3);
  seal();
  EXPECT_GT(list().back().id, list().front().id) << "no file is written twice";
  std::vector<EventKey> keys;
  Batch batch;
  batch.events.push_back(event(batch, 1, 300, 3));
  keys.push_back(key_of(batch.events.back()));
  EXPECT_EQ(*store_->claim(keys), std::vector<std::uint8_t>{0}) << "known again";
  // One that cannot be read keeps the others from nothing.
  lose();
  std::filesystem::resize_file(piece_of_day(kDay), 50);
  open(options_);
  EXPECT_EQ(kql("SecurityIoTRawEvent | where TimeGenerated >= datetime(2016-07-19) | count"),
            "220");
}

// An older copy of the database beside newer pieces: they are not for crumbs of a crash.
TEST_F(PiecesTest, NewerPiecesThanTheListAreKept) {
  append(0, 100, 100, 1);
  close();
  std::filesystem::copy(options_.path, options_.path + ".copy");
  open(options_);
  seal();
  append(0, 100, 100, 1);
  seal();
  close();
  std::filesystem::remove(options_.path + ".wal");
  std::filesystem::rename(options_.path + ".copy", options_.path);
  open(options_);
  EXPECT_EQ(files(), 2U);
  EXPECT_EQ(kql("SecurityIoTRawEvent | count"), "100");
  seal();
  EXPECT_EQ(files(), 3U);
  EXPECT_GT(list().at(0).id, 2U);
}

}  // namespace
}  // namespace store
