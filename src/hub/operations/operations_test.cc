#include "hub/operations/operations.h"

#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"

namespace hub::operations {
namespace {

Record refused(std::string device) {
  Record record;
  record.time = base::WallTime(std::chrono::seconds(1'000'000'000));
  record.operation = "deviceConnect";
  record.status_code = 401;
  record.sub_code = 401003;
  record.level = Level::Error;
  record.device_id = std::move(device);
  record.protocol = Protocol::Mqtt;
  record.reason = Reason::SasExpired;
  record.auth.type = "sas";
  record.auth.scope = "device";
  record.ip = "192.0.2.7";
  record.tls_version = "TLSv1.3";
  return record;
}

TEST(Operations, KeepsTheLastOnesNewestFirst) {
  Operations operations(3);
  for (const char* device : {"a", "b", "c", "d"})
    operations.record(refused(device));
  const auto recent = operations.recent(10);
  ASSERT_EQ(recent.size(), 3U);
  EXPECT_EQ(recent[0].device_id, "d");
  EXPECT_EQ(recent[2].device_id, "b");
  EXPECT_EQ(operations.recent(1).size(), 1U);
}

TEST(Operations, CountsByCategoryLevelAndReason) {
  Operations operations;
  operations.record(refused("a"));
  operations.record(refused("b"));
  Record created;
  created.category = Category::DeviceIdentityOperations;
  operations.record(created);
  EXPECT_EQ(operations.count(Category::Connections, Level::Error), 2U);
  EXPECT_EQ(operations.count(Category::Connections, Level::Information), 0U);
  EXPECT_EQ(operations.count(Category::DeviceIdentityOperations, Level::Information), 1U);
  EXPECT_EQ(operations.count(Reason::SasExpired), 2U);
  EXPECT_EQ(operations.count(Reason::Disabled), 0U);
}

TEST(Operations, HandsEachRecordToTheSinkWhileThereIsOne) {
  Operations operations;
  std::vector<std::string> seen;
  operations.record(refused("before"));
  operations.set_sink([&](const Record& record) { seen.push_back(record.device_id); });
  operations.record(refused("during"));
  operations.set_sink({});
  operations.record(refused("after"));
  EXPECT_EQ(seen, std::vector<std::string>{"during"});
}

TEST(Operations, ASinkMayAskForWhatWasRecorded) {
  Operations operations;
  std::size_t seen = 99;
  operations.set_sink([&](const Record&) { seen = operations.recent(10).size(); });
  operations.record(refused("a"));
  EXPECT_EQ(seen, 0U);
}

TEST(Operations, LosesNothingBetweenThreads) {
  Operations operations(10);
  base::Counter sunk;
  operations.set_sink([&](const Record&) { sunk.add(); });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 500; ++j)
        operations.record(refused("x"));
    });
  }
  threads.clear();
  EXPECT_EQ(operations.count(Reason::SasExpired), 2'000U);
  EXPECT_EQ(sunk.value(), 2'000U);
  EXPECT_EQ(operations.recent(100).size(), 10U);
}

Record stranger(int second, std::string ip = "192.0.2.1") {
  Record record = refused("");
  record.reason = Reason::TlsHandshake;
  record.ip = std::move(ip);
  record.time = base::WallTime(std::chrono::seconds(1'000'000'000 + second));
  return record;
}

TEST(Operations, SumsUpWhatStrangersDoAgainAndAgain) {
  Operations operations;
  for (int i = 0; i < 500; ++i)
    operations.record(stranger(i / 100));
  operations.record(stranger(4, "192.0.2.2"));
  EXPECT_EQ(operations.recent(10).size(), 2U) << "one for each address, at once";
  EXPECT_EQ(operations.count(Reason::TlsHandshake), 501U) << "all of them count";
  operations.settle(stranger(9).time);
  EXPECT_EQ(operations.recent(10).size(), 2U) << "the window is not over";
  operations.settle(stranger(10).time);
  const auto recent = operations.recent(10);
  ASSERT_EQ(recent.size(), 3U);
  EXPECT_EQ(recent[0].count, 499U);
  EXPECT_EQ(recent[0].ip, "192.0.2.1");
  EXPECT_EQ(recent[0].time, stranger(4).time);
  operations.record(stranger(20));
  EXPECT_EQ(operations.recent(10).size(), 4U) << "a new window";
  operations.settle(base::WallTime::max());
  EXPECT_EQ(operations.recent(10).size(), 4U) << "nothing was held back";
}

TEST(Operations, AWindowThatIsOverIsKeptByTheNextToCome) {
  Operations operations;
  for (const int second : {0, 1, 2, 30})
    operations.record(stranger(second));
  const auto recent = operations.recent(10);
  ASSERT_EQ(recent.size(), 3U);
  EXPECT_EQ(recent[0].count, 1U);
  EXPECT_EQ(recent[1].count, 2U);
  // The clock was set back.
  operations.record(stranger(-1000));
  EXPECT_EQ(operations.recent(10).size(), 4U);
}

TEST(Operations, KnownDevicesAreNeverSummedUp) {
  Operations operations;
  for (int i = 0; i < 5; ++i)
    operations.record(refused("d"));
  EXPECT_EQ(operations.recent(10).size(), 5U);
}

TEST(Operations, StrangersAreBounded) {
  Operations operations(100'000);
  for (std::size_t i = 0; i < 3 * Operations::kMaxStrangers; ++i)
    operations.record(stranger(0, std::to_string(i)));
  // The first of each that is told apart, and the first of all others.
  EXPECT_EQ(operations.recent(100'000).size(), Operations::kMaxStrangers + 1);
  operations.settle(base::WallTime::max());
  const Record others = operations.recent(1).at(0);
  EXPECT_EQ(others.count, 2 * Operations::kMaxStrangers - 1);
  EXPECT_TRUE(others.ip.empty());
}

TEST(OperationJson, SaysWhatIsKnownAndNothingElse) {
  const auto value = base::json::parse(to_json(refused("d1")));
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->text_or("time", ""), "2001-09-09T01:46:40.000Z");
  EXPECT_EQ(value->text_or("category", ""), "Connections");
  EXPECT_EQ(value->text_or("reason", ""), "sas_expired");
  EXPECT_EQ(*value->find("subCode")->if_int(), 401003);
  EXPECT_EQ(value->find("auth")->text_or("type", ""), "sas");
  EXPECT_EQ(value->find("tls")->text_or("version", ""), "TLSv1.3");
  EXPECT_EQ(value->find("moduleId"), nullptr);
  EXPECT_EQ(value->find("durationMs"), nullptr);
  EXPECT_EQ(value->find("count"), nullptr) << "one is what a record stands for";
}

TEST(OperationNames, EveryReasonAndCategoryHasItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kReasons; ++i)
    names.insert(to_string(static_cast<Reason>(i)));
  EXPECT_EQ(names.size(), kReasons);
  names.clear();
  for (std::size_t i = 0; i < kCategories; ++i)
    names.insert(to_string(static_cast<Category>(i)));
  EXPECT_EQ(names.size(), kCategories);
}

}  // namespace
}  // namespace hub::operations
