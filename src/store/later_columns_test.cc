// Rows of programs that did not know columns which came later: in pieces, and in exports.
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "store/duck.h"
#include "store/pieces_testing.h"
#include "store/transfer.h"

namespace store {
namespace {

using Known = std::function<bool(const StoredColumn&)>;

bool always_there(const StoredColumn& column) {
  return column.absent.empty();
}

bool before_the_times(const StoredColumn& column) {
  return !column.name.starts_with("Written");
}

class LaterColumnsTest : public PiecesTest {
 protected:
  // Makes the only piece one of a program that knew these columns of its table. The store is closed
  // then.
  void make_older(const TableDefinition& table, const Known& known) {
    const Piece piece = list().at(0);
    close();
    std::string names;
    std::size_t count = 0;
    for (const StoredColumn& column : table.stored) {
      if (!known(column)) continue;
      names += (names.empty() ? "\"" : ", \"") + std::string(column.name) + "\"";
      ++count;
    }
    const std::string older = piece.path + ".older";
    {
      auto connection = direct();
      const auto copied =
          connection.second.execute("COPY (SELECT " + names + " FROM '" + piece.path + "') TO '" +
                                    older + "' (FORMAT parquet)");
      ASSERT_TRUE(copied) << copied.error().to_string();
      const auto done = connection.second.execute(
          "UPDATE piece SET columns = " + std::to_string(count) +
          ", bytes = " + std::to_string(std::filesystem::file_size(older)) +
          " WHERE id = " + std::to_string(piece.id));
      ASSERT_TRUE(done) << done.error().to_string();
    }
    std::filesystem::rename(older, piece.path);
  }
  std::pair<duck::Database, duck::Connection> direct() {
    auto database = *duck::Database::open(
        options_.path, {std::size_t{256} << 20U, 1, options_.path + ".tmp", {dir_.path()}});
    auto connection = *duck::Connection::open(database);
    return {std::move(database), std::move(connection)};
  }
  // One whose text the store takes apart, and others that it keeps whole.
  void append_events(bool all) {
    Batch batch;
    if (all) batch.events.push_back(event(batch, 1, 10, 1));
    EventRow foreign = event(batch, 2, 10, 1);
    foreign.details =
        R"({"Executable":"/a","ProcessId":12,"TimestampLocal":"2020-02-03T04:05:06+07:00"})";
    batch.events.push_back(foreign);
    EventRow number = event(batch, 3, 10, 1);
    number.details = R"({"TimestampLocal":7,"TimestampUTC":"2020-02-03"})";
    batch.events.push_back(number);
    EventRow none = event(batch, 4, 10, 1);
    none.details = "what is this";
    batch.events.push_back(none);
    const auto done = store_->append(batch, ++sequence_);
    ASSERT_TRUE(done) << done.error().to_string();
  }
  // What is asked of columns, and the same of the text.
  void expect_times(const std::string& local, const std::string& utc) {
    EXPECT_EQ(kql(R"(SecurityIoTRawEvent | order by TimeGenerated asc |
                  summarize make_list(extractjson("$.TimestampLocal", EventDetails)))"),
              local);
    EXPECT_EQ(kql(R"(SecurityIoTRawEvent | order by TimeGenerated asc |
                  summarize make_list(strcat(extractjson("$.TimestampUTC", EventDetails, typeof(datetime)))))"),
              utc);
  }
};

TEST_F(LaterColumnsTest, HaveTheirValueInOlderPieces) {
  Batch batch;
  OperationRow row;
  row.time = day_begin(kDay);
  row.operation = "old";
  row.count = 7;
  row.tls_cipher = "cipher";
  batch.operations = {row};
  ASSERT_TRUE(store_->append(batch, 1));
  seal();
  make_older(operation_table(), always_there);
  open(options_);
  EXPECT_EQ(pieces_->stats().damaged, 0U);
  row.operation = "new";
  batch.operations = {row};
  ASSERT_TRUE(store_->append(batch, 2));
  seal();
  EXPECT_EQ(
      kql("IoTHubOperations | where OperationName == 'old' | project strcat(Count, TlsCipher)"),
      "1");
  EXPECT_EQ(
      kql("IoTHubOperations | where OperationName == 'new' | project strcat(Count, TlsCipher)"),
      "7cipher");
  compact();
  EXPECT_EQ(list().size(), 1U);
  EXPECT_EQ(kql("IoTHubOperations | summarize sum(Count)"), "8");
}

TEST_F(LaterColumnsTest, FollowFromTheTextOfOlderPieces) {
  append_events(true);
  seal();
  const std::string local = R"(["2016-07-18T02:23:00.000Z","2020-02-03T04:05:06+07:00","",""])";
  const std::string utc =
      R"(["2016-07-18T02:23:00.0000000Z","","2020-02-03T00:00:00.0000000Z",""])";
  expect_times(local, utc);
  make_older(raw_event_table(), before_the_times);
  open(options_);
  expect_times(local, utc);
  // Rewritten, they have the columns.
  append(5, 6, 10, 1);
  seal();
  compact();
  EXPECT_EQ(list().size(), 1U);
  EXPECT_EQ(kql(R"(SecurityIoTRawEvent | where TimeStamp < datetime(2016-07-18T08:00) |
                summarize count() by extractjson("$.TimestampLocal", EventDetails) | count)"),
            "3");
}

TEST_F(LaterColumnsTest, FollowFromTheTextOfTheOldestPieces) {
  append_events(false);
  seal();
  make_older(raw_event_table(), always_there);
  open(options_);
  expect_times(R"(["2020-02-03T04:05:06+07:00","",""])",
               R"(["","2020-02-03T00:00:00.0000000Z",""])");
  EXPECT_EQ(kql("SecurityIoTRawEvent | where extractjson('$.Executable', EventDetails) == '/a' | "
                "project extractjson('$.ProcessId', EventDetails, typeof(long))"),
            "12");
}

TEST_F(LaterColumnsTest, FollowFromTheTextOfOlderExports) {
  const TempDir other;
  const std::string older = dir_.path() + "/older.parquet";
  const std::string file = dir_.path() + "/exports/older.parquet";
  append_events(true);
  close();
  {
    auto connection = direct();
    std::string names;
    for (const StoredColumn& column : raw_event_table().stored) {
      if (before_the_times(column)) names += (names.empty() ? "" : ", ") + std::string(column.name);
    }
    const auto copied = connection.second.execute("COPY (SELECT " + names + " FROM " +
                                                  hot_name(raw_event_table(), 1) + ") TO '" +
                                                  older + "' (FORMAT parquet)");
    ASSERT_TRUE(copied) << copied.error().to_string();
  }
  EventStoreOptions options = options_in(other.path());
  options.export_dir = dir_.path() + "/exports";  // emptied when the store opens
  open(options);
  std::filesystem::rename(older, file);
  auto import = Import::open(*store_, {"SecurityIoTRawEvent", file, RowFormat::Parquet});
  ASSERT_TRUE(import) << import.error().to_string();
  for (auto more = (*import)->step(); more.value_or(false); more = (*import)->step()) {
  }
  expect_times(R"(["2016-07-18T02:23:00.000Z","2020-02-03T04:05:06+07:00","",""])",
               R"(["2016-07-18T02:23:00.0000000Z","","2020-02-03T00:00:00.0000000Z",""])");
  close();
}

}  // namespace
}  // namespace store
