#include "agent/trail/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent::trail {
namespace {

using namespace std::chrono_literals;

TEST(Allowance, ABurstThenSoManyEachSecond) {
  Allowance allowance;
  base::MonoTime now{};
  std::uint64_t passed = 0;
  for (int i = 0; i < 5000; ++i)
    passed += allowance.take(now) ? 1U : 0U;
  EXPECT_EQ(passed, kRecordsInBurst);
  now += 1s;
  passed = 0;
  for (int i = 0; i < 5000; ++i)
    passed += allowance.take(now) ? 1U : 0U;
  EXPECT_EQ(passed, kRecordsPerSecond);
  now += 1h;
  EXPECT_TRUE(allowance.take(now));
}

TEST(ReadRecord, WithItsOwnProcess) {
  const audit::Event event{
      .serial = 77,
      .time = {},
      .records = {{1112, "pid=9 uid=0 auid=4 ses=1 msg='op=login exe=\"/usr/sbin/sshd\" pid=1'"}}};
  const schema::AuditRecord record = read_record(event, event.records[0]);
  EXPECT_EQ(record.record_type, "USER_LOGIN");
  EXPECT_EQ(record.serial, 77);
  EXPECT_EQ(record.process_id, 9);
  EXPECT_EQ(record.user_id, "0");
  EXPECT_EQ(record.executable, "/usr/sbin/sshd");
  EXPECT_EQ(record.record, event.records[0].body);
}

TEST(ReadRecord, WithThatOfItsCall) {
  const audit::Event event{.serial = 78,
                           .time = {},
                           .records = {{1302, "item=0 name=\"/etc/x\""},
                                       {1300, "arch=c000003e pid=5 uid=33 exe=\"/bin/x\""}}};
  const schema::AuditRecord record = read_record(event, event.records[0]);
  EXPECT_EQ(record.record_type, "PATH");
  EXPECT_EQ(record.process_id, 5);
  EXPECT_EQ(record.user_id, "33");
  EXPECT_EQ(record.executable, "/bin/x");
}

TEST(ReadRecord, NobodyIsNamed) {
  const audit::Event event{
      .serial = 79, .time = {}, .records = {{1305, "op=set audit_enabled=0 old=1 res=1"}}};
  const schema::AuditRecord record = read_record(event, event.records[0]);
  EXPECT_EQ(record.process_id, std::nullopt);
  EXPECT_EQ(record.executable, std::nullopt);
}

TEST(ReadRecord, IsCutWithAMark) {
  const audit::Event event{
      .serial = 80, .time = {}, .records = {{1309, "a0=" + std::string(50'000, 'A')}}};
  const schema::AuditRecord record = read_record(event, event.records[0]);
  EXPECT_EQ(record.record.size(), 32U << 10U);
  EXPECT_THAT(record.extra_details,
              testing::Contains(std::pair<std::string, std::string>("RecordBytes", "50003")));
}

}  // namespace
}  // namespace agent::trail
