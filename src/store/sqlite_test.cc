#include "store/sqlite.h"

#include <array>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace store {
namespace {

class SqliteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "sqliteXXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    path_ = dir_ + "/state.db";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  Sqlite open() {
    auto connection = Sqlite::open(path_);
    EXPECT_TRUE(connection) << connection.error().to_string();
    return std::move(*connection);
  }

  std::string dir_;
  std::string path_;
};

constexpr std::array<std::string_view, 2> kSteps = {
    "CREATE TABLE thing(id INTEGER PRIMARY KEY, name TEXT UNIQUE, weight REAL, bytes BLOB)",
    "ALTER TABLE thing ADD COLUMN note TEXT"};

TEST_F(SqliteTest, KeepsTypedValuesAcrossReopening) {
  const std::array<std::uint8_t, 3> bytes = {0, 1, 255};
  {
    auto db = open();
    ASSERT_TRUE(db.migrate("things", kSteps));
    ASSERT_TRUE(db.run("INSERT INTO thing VALUES(?, ?, ?, ?, ?)", std::int64_t{7}, "a\0b", 2.5,
                       base::ByteView(bytes), std::optional<std::string>()));
    EXPECT_EQ(db.changes(), 1);
    EXPECT_EQ(db.last_insert_id(), 7);
  }
  auto db = open();
  ASSERT_TRUE(db.migrate("things", kSteps));
  auto query = *db.prepare("SELECT id, name, weight, bytes, note FROM thing");
  ASSERT_TRUE(*query.step());
  EXPECT_EQ(query.integer(0), 7);
  EXPECT_EQ(query.text(1), "a");
  EXPECT_EQ(query.real(2), 2.5);
  EXPECT_TRUE(std::ranges::equal(query.blob(3), bytes));
  EXPECT_EQ(query.optional_string(4), std::nullopt);
  EXPECT_FALSE(*query.step());
}

TEST_F(SqliteTest, KeptStatementsAreAsNewOnes) {
  auto opened = open();
  ASSERT_TRUE(opened.migrate("things", kSteps));
  Sqlite db = std::move(opened);
  for (int id = 1; id <= 3; ++id)
    ASSERT_TRUE(db.run("INSERT INTO thing(id, name) VALUES(?, ?)", id, std::to_string(id)));
  constexpr std::string_view kQuery = "SELECT id FROM thing WHERE ? IS NULL OR id > ? ORDER BY id";
  {
    auto half_way = *db.prepare(kQuery);
    half_way.bind_all(1, 1);
    ASSERT_TRUE(*half_way.step());
    EXPECT_EQ(half_way.integer(0), 2);
    // The same words at the same time are another statement.
    auto other = *db.prepare(kQuery);
    other.bind_all(2, 2);
    ASSERT_TRUE(*other.step());
    EXPECT_EQ(other.integer(0), 3);
    ASSERT_TRUE(*half_way.step());
    EXPECT_EQ(half_way.integer(0), 3);
  }
  // It begins anew, without the parameters of before, and does not hold the file.
  auto again = *db.prepare(kQuery);
  ASSERT_TRUE(*again.step());
  EXPECT_EQ(again.integer(0), 1);
  again.reset();
  ASSERT_TRUE(db.execute("ALTER TABLE thing ADD COLUMN later TEXT; DELETE FROM thing"));
  EXPECT_FALSE(*again.step());
}

TEST_F(SqliteTest, KeepsAsManyStatementsAsItMay) {
  auto db = open();
  for (std::size_t round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i <= Sqlite::kCachedStatements; ++i) {
      auto query = *db.prepare("SELECT " + std::to_string(i));
      ASSERT_TRUE(*query.step());
      EXPECT_EQ(query.integer(0), static_cast<std::int64_t>(i));
    }
  }
}

TEST_F(SqliteTest, FileIsPrivateAndDurable) {
  auto db = open();
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  auto query =
      *db.prepare("SELECT (SELECT * FROM pragma_journal_mode), (SELECT * FROM pragma_synchronous)");
  ASSERT_TRUE(*query.step());
  EXPECT_EQ(query.text(0), "wal");
  EXPECT_EQ(query.integer(1), 2);
}

TEST_F(SqliteTest, EmptyTextIsNotNull) {
  auto db = open();
  auto query = *db.prepare("SELECT ? IS NULL, ? IS NULL");
  query.bind_all(std::string_view(), base::ByteView());
  ASSERT_TRUE(*query.step());
  EXPECT_EQ(query.integer(0), 0);
  EXPECT_EQ(query.integer(1), 0);
}

TEST_F(SqliteTest, ConstraintIsExists) {
  auto db = open();
  ASSERT_TRUE(db.migrate("things", kSteps));
  ASSERT_TRUE(db.run("INSERT INTO thing(name) VALUES(?)", "x"));
  const auto again = db.run("INSERT INTO thing(name) VALUES(?)", "x");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, base::Code::Exists);
}

TEST_F(SqliteTest, UncommittedTransactionLeavesNothing) {
  auto db = open();
  ASSERT_TRUE(db.migrate("things", kSteps));
  {
    auto transaction = *Transaction::begin(db);
    ASSERT_TRUE(db.run("INSERT INTO thing(name) VALUES(?)", "gone"));
  }
  {
    auto transaction = *Transaction::begin(db);
    ASSERT_TRUE(db.run("INSERT INTO thing(name) VALUES(?)", "kept"));
    ASSERT_TRUE(transaction.commit());
  }
  auto query = *db.prepare("SELECT group_concat(name) FROM thing");
  ASSERT_TRUE(*query.step());
  EXPECT_EQ(query.text(0), "kept");
}

TEST_F(SqliteTest, ComponentsShareAFile) {
  auto db = open();
  const std::array<std::string_view, 1> others = {"CREATE TABLE other(id)"};
  ASSERT_TRUE(db.migrate("things", kSteps));
  ASSERT_TRUE(db.migrate("others", others));
  ASSERT_TRUE(db.migrate("things", kSteps));
  EXPECT_TRUE(db.run("INSERT INTO other VALUES(1)"));
}

TEST_F(SqliteTest, BrokenMigrationLeavesTheVersionBefore) {
  auto db = open();
  const std::array<std::string_view, 2> broken = {kSteps[0], "CREATE TABLE half(id); NONSENSE"};
  const auto result = db.migrate("things", broken);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, base::Code::Invalid);
  EXPECT_TRUE(db.migrate("things", kSteps)) << "the first step must have been kept";
  EXPECT_FALSE(db.prepare("SELECT * FROM half"));
}

TEST_F(SqliteTest, RefusesAFileFromANewerProgram) {
  auto db = open();
  ASSERT_TRUE(db.migrate("things", kSteps));
  const auto result = db.migrate("things", std::span(kSteps).first(1));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, base::Code::Unsupported);
}

TEST_F(SqliteTest, SaysWhenTheFileIsNoDatabase) {
  std::ofstream(path_) << std::string(4096, 'x');
  const auto connection = Sqlite::open(path_);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, base::Code::Corrupt);
  EXPECT_NE(connection.error().detail.find(path_), std::string::npos);
}

TEST_F(SqliteTest, LockedFileIsUnavailableAfterTheTimeout) {
  auto first = open();
  auto second = *Sqlite::open(path_, SqliteMode::ReadWrite, std::chrono::milliseconds(1));
  auto transaction = *Transaction::begin(first);
  const auto blocked = Transaction::begin(second);
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().code, base::Code::Unavailable);
}

TEST_F(SqliteTest, ACopyIsOfTheMomentAtWhichReadingBegan) {
  auto writer = open();
  ASSERT_TRUE(writer.execute("CREATE TABLE thing(x INTEGER); INSERT INTO thing VALUES (1)"));
  auto reader = *Sqlite::open(path_, SqliteMode::ReadOnly);
  ASSERT_TRUE(reader.begin_reading());
  ASSERT_TRUE(writer.execute("INSERT INTO thing VALUES (2)")) << "writers are not held up";
  const std::string copy = path_ + ".copy";
  ASSERT_TRUE(reader.copy_to(copy));
  ASSERT_TRUE(reader.end_reading());
  EXPECT_EQ(reader.copy_to(copy).error().code, base::Code::Exists);
  auto copied = *Sqlite::open(copy);
  auto count = *copied.prepare("SELECT count(*) FROM thing");
  ASSERT_TRUE(*count.step());
  EXPECT_EQ(count.integer(0), 1);
  ASSERT_TRUE(reader.copy_to(path_ + ".later"));
  auto later = *Sqlite::open(path_ + ".later", SqliteMode::ReadOnly);
  auto all = *later.prepare("SELECT count(*) FROM thing");
  ASSERT_TRUE(*all.step());
  EXPECT_EQ(all.integer(0), 2);
}

TEST_F(SqliteTest, WrongSqlIsInvalidWithSqlitesMessage) {
  auto db = open();
  const auto statement = db.prepare("SELECT thing FROM nowhere");
  ASSERT_FALSE(statement);
  EXPECT_EQ(statement.error().code, base::Code::Invalid);
  EXPECT_NE(statement.error().detail.find("nowhere"), std::string::npos);
}

TEST_F(SqliteTest, BindingOutOfRangeIsReported) {
  auto db = open();
  auto statement = *db.prepare("SELECT 1");
  statement.bind(2, "no such parameter");
  EXPECT_FALSE(statement.step());
}

}  // namespace
}  // namespace store
