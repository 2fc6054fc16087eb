#include "hub/operations/audit.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "store/sqlite.h"
#include "store/store_testing.h"

namespace hub::operations {
namespace {

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() { reopen(); }
  void reopen() {
    log_.reset();
    auto opened = AuditLog::open(path());
    ASSERT_TRUE(opened) << opened.error().to_string();
    log_ = std::move(*opened);
  }
  std::string path() const { return dir_.path() + "/state.db"; }
  static AuditRecord change(std::string target) {
    AuditRecord record;
    record.time = base::WallTime(std::chrono::seconds(1'700'000'000));
    record.actor = "ann";
    record.method = "session";
    record.action = "policy.put";
    record.target = std::move(target);
    record.result = "ok";
    record.status_code = 201;
    record.request_id = "r-1";
    record.properties = R"({"rights":3})";
    return record;
  }

  store::TempDir dir_;
  std::unique_ptr<AuditLog> log_;
};

TEST_F(AuditTest, WhatIsRecordedIsThereAfterwards) {
  ASSERT_TRUE(log_->record(change("p1")));
  log_->record_later(change("p2"));
  reopen();
  const auto all = log_->list(10, 0);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  const AuditRecord& first = all->at(1);
  EXPECT_EQ(first.target, "p1");
  EXPECT_EQ(first.actor, "ann");
  EXPECT_EQ(first.status_code, 201);
  EXPECT_EQ(first.request_id, "r-1");
  EXPECT_EQ(first.properties, R"({"rights":3})");
  EXPECT_EQ(first.time, change("").time);
  EXPECT_EQ(log_->list(10, all->at(0).id)->size(), 1U) << "pages go back";
  EXPECT_EQ(log_->lost(), 0U);
}

TEST_F(AuditTest, TheOutboxFollowsInOrder) {
  for (const char* name : {"a", "b", "c"})
    ASSERT_TRUE(log_->record(change(name)));
  const auto two = log_->outbox(0, 2);
  ASSERT_TRUE(two);
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ(two->at(0).target, "a");
  EXPECT_LT(two->at(0).id, two->at(1).id);
  const auto rest = log_->outbox(two->at(1).id, 10);
  ASSERT_EQ(rest->size(), 1U);
  EXPECT_EQ(rest->at(0).target, "c");
  EXPECT_EQ(rest->at(0).status_code, 201);
  ASSERT_TRUE(log_->continue_after(100));
  ASSERT_TRUE(log_->record(change("d")));
  EXPECT_EQ(log_->outbox(100, 10)->at(0).id, 101U);
}

TEST_F(AuditTest, TellsWhoFollowsThatThereIsMore) {
  std::atomic<int> told{0};
  log_->on_grown([&told] { ++told; });
  ASSERT_TRUE(log_->record(change("a")));
  ASSERT_TRUE(log_->record(change("b")));
  log_->on_grown({});
  EXPECT_GE(told, 1);
  const int before = told;
  ASSERT_TRUE(log_->record(change("c")));
  EXPECT_EQ(told, before);
}

TEST_F(AuditTest, FindsTheLatestOfItsKind) {
  EXPECT_FALSE(log_->latest("policy.put", "p1")->has_value());
  ASSERT_TRUE(log_->record(change("p1")));
  auto refused = change("p1");
  refused.result = "BadRequest";
  ASSERT_TRUE(log_->record(refused));
  auto found = log_->latest("policy.put", "p1");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->result, "ok");
}

TEST_F(AuditTest, LosesNothingBetweenThreads) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 25; ++j)
        EXPECT_TRUE(log_->record(change("x")));
    });
  }
  threads.clear();
  EXPECT_EQ(log_->list(1000, 0)->size(), 100U);
}

TEST_F(AuditTest, ForgetsAfterItsTime) {
  ASSERT_TRUE(log_->record(change("old")));
  const auto made = change("").time;
  ASSERT_TRUE(log_->purge(made + AuditLog::kLife - std::chrono::seconds(1)));
  EXPECT_EQ(log_->list(10, 0)->size(), 1U);
  ASSERT_TRUE(log_->purge(made + AuditLog::kLife));
  EXPECT_TRUE(log_->list(10, 0)->empty());
}

// What a hub recorded before the log was everybody's.
TEST(AuditLog, TakesOverAnOlderTable) {
  const store::TempDir dir;
  const std::string path = dir.path() + "/state.db";
  {
    auto database = store::Sqlite::open(path);
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->execute(
        "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, actor "
        "TEXT NOT NULL, method TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, result "
        "TEXT NOT NULL, remote TEXT NOT NULL, detail TEXT NOT NULL) STRICT;"
        "INSERT INTO audit VALUES (5, 1, 'bob', '', 'token.create', 't', 'ok', '', '')"));
  }
  auto log = AuditLog::open(path);
  ASSERT_TRUE(log) << log.error().to_string();
  EXPECT_EQ((*log)->outbox(0, 10)->at(0).actor, "bob");
}

}  // namespace
}  // namespace hub::operations
