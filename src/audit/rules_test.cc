#include "audit/rules.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

namespace audit {
namespace {

TEST(Rules, ReadAsTheyWereWritten) {
  std::vector<Rule> rules = exec_rules(77);
  for (const Rule& rule : connection_rules(77))
    rules.push_back(rule);
  for (const Rule& rule : path_rules(77, "/etc/ssh", PathKind::Folder, true))
    rules.push_back(rule);
  for (const Rule& rule : rules) {
    const auto read = read_rule(write_rule(rule));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, rule);
    EXPECT_EQ(rule.key(), kKey);
    EXPECT_EQ(rule.value(AUDIT_PID), 77U);
  }
}

TEST(Rules, BadBytes) {
  const base::ByteVec good = write_rule(exec_rules(1).front());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(read_rule(base::ByteView(good).first(size))) << size;
  base::ByteVec many = good;
  many[8] = 65;  // fields
  EXPECT_EQ(read_rule(many).error().code, base::Code::Malformed);
}

TEST(Rules, BothAbis) {
#if defined(__x86_64__)
  EXPECT_EQ(exec_rules(1).size(), 2U);
  EXPECT_EQ(exec_rules(1)[0].syscalls, (std::vector<std::uint32_t>{59, 322}));
  EXPECT_EQ(exec_rules(1)[1].syscalls, (std::vector<std::uint32_t>{11, 358}));
  EXPECT_EQ(exec_rules(1)[1].value(AUDIT_ARCH), std::uint32_t{AUDIT_ARCH_I386});
#endif
  EXPECT_EQ(activity_of(AUDIT_ARCH_X86_64, 59, 0), Activity::Exec);
  EXPECT_EQ(activity_of(AUDIT_ARCH_X86_64, 288, 0), Activity::Accept);
  EXPECT_EQ(activity_of(AUDIT_ARCH_X86_64, 11, 0), Activity::Other);
  EXPECT_EQ(activity_of(AUDIT_ARCH_I386, 11, 0), Activity::Exec);
  EXPECT_EQ(activity_of(AUDIT_ARCH_I386, 102, 3), Activity::Connect);
  EXPECT_EQ(activity_of(AUDIT_ARCH_I386, 102, 5), Activity::Accept);
  EXPECT_EQ(activity_of(AUDIT_ARCH_I386, 102, 1), Activity::Other);
  EXPECT_EQ(activity_of(AUDIT_ARCH_AARCH64, 203, 0), Activity::Connect);
  EXPECT_EQ(activity_of(AUDIT_ARCH_AARCH64, 0xFFFFFFFF, 3), Activity::Other);
  EXPECT_EQ(activity_of(AUDIT_ARCH_X86_64, 41, 2), Activity::Socket);
  EXPECT_EQ(activity_of(0, 59, 0), Activity::Other);
}

TEST(Rules, Silences) {
  const Rule all{.list = AUDIT_FILTER_TASK, .action = AUDIT_NEVER, .syscalls = {}, .matches = {}};
  EXPECT_EQ(silences(all), Silences::All);
  Rule some = exec_rules(1).front();
  EXPECT_EQ(silences(some), Silences::Nothing);
  some.action = AUDIT_NEVER;
  EXPECT_EQ(silences(some), Silences::Some);
  // Records of one type left out.
  const Rule excluded{.list = AUDIT_FILTER_EXCLUDE,
                      .action = AUDIT_NEVER,
                      .syscalls = {},
                      .matches = {{AUDIT_MSGTYPE, AUDIT_EQUAL, 1327}}};
  EXPECT_EQ(silences(excluded), Silences::Nothing);
}

}  // namespace
}  // namespace audit
