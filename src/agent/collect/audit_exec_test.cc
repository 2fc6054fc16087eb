#include "agent/collect/audit_exec.h"

#include <gtest/gtest.h>

namespace agent::collect {
namespace {

using namespace std::string_literals;

constexpr const char* kCall =
    "arch=c000003e syscall=59 success=yes exit=0 a0=1 items=3 ppid=411 pid=412 auid=1000 uid=1000 "
    "gid=100 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts2 ses=3 comm=\"sh\" "
    "exe=\"/usr/bin/dash\" key=\"vedette\"";

audit::Event script() {
  return {.serial = 9,
          .time = {},
          .records = {{1300, kCall},
                      {1309, "argc=3 a0=\"/bin/sh\" a1=\"./run it\" a2=612062"},
                      {1307, "cwd=2F746D702F612062"},
                      {1302, "item=0 name=\"./run\" inode=3"},
                      {1302, "item=1 name=\"/bin/sh\" inode=4"},
                      {1302, "item=2 name=\"/lib64/ld-linux-x86-64.so.2\" inode=5"}},
          .complete = true,
          .omitted = {}};
}

TEST(ReadAuditExec, AScript) {
  const auto started = read_audit_exec(script());
  ASSERT_TRUE(started);
  EXPECT_EQ(started->process.pid, 412U);
  EXPECT_EQ(started->parent.pid, 411U);
  EXPECT_EQ(started->uid, 1000U);
  EXPECT_EQ(started->euid, 0U);
  EXPECT_EQ(started->gid, 100U);
  EXPECT_EQ(started->loginuid, 1000U);
  EXPECT_EQ(started->tty, "pts2");
  EXPECT_EQ(started->executable, "/usr/bin/dash");
  EXPECT_EQ(started->file, "./run");
  EXPECT_EQ(started->interpreter, "/bin/sh");
  EXPECT_EQ(started->argv, "/bin/sh\0./run it\0a b\0"s);
  EXPECT_EQ(started->argv_head, started->argv.size());
  EXPECT_EQ(started->cwd, "/tmp/a b");
  EXPECT_EQ(started->gaps.to_string(), "Cgroup");
}

TEST(ReadAuditExec, WhatIsMissingIsAGap) {
  audit::Event event = script();
  event.records.erase(event.records.begin() + 1, event.records.end());
  const auto started = read_audit_exec(event);
  ASSERT_TRUE(started);
  EXPECT_EQ(started->gaps.to_string(), "Argv,Cwd,Cgroup");
}

TEST(ReadAuditExec, ADeletedFileIn32Bits) {
  audit::Event event = script();
  event.records[0].body =
      "arch=40000003 syscall=11 success=yes pid=7 ppid=1 auid=4294967295 uid=0 euid=0 gid=0 "
      "tty=(none) comm=\"x\" exe=2F6D656D66643A78202864656C6574656429";
  const auto started = read_audit_exec(event);
  ASSERT_TRUE(started);
  EXPECT_EQ(started->executable, "/memfd:x");
  EXPECT_TRUE(started->executable_deleted);
  EXPECT_EQ(started->loginuid, std::nullopt);
  EXPECT_EQ(started->tty, "");
}

TEST(ReadAuditExec, OtherCallsAndFailures) {
  audit::Event event = script();
  event.records[0].body = "arch=c000003e syscall=42 success=yes pid=7 uid=0";
  EXPECT_FALSE(read_audit_exec(event));
  event.records[0].body = "arch=c000003e syscall=59 success=no exit=-2 pid=7 uid=0";
  EXPECT_FALSE(read_audit_exec(event));
  event.records[0].body = "arch=c000003e syscall=59 success=yes uid=0";
  EXPECT_FALSE(read_audit_exec(event));
  event.records.erase(event.records.begin());
  EXPECT_FALSE(read_audit_exec(event));
}

// Of a long one the beginning and the end, with its size.
TEST(ReadAuditExec, ALongArgv) {
  audit::Event event = script();
  event.records[1].body = "argc=2 a0=\"" + std::string(30'000, 'x') + "\" a1=\"end\"";
  const auto started = read_audit_exec(event);
  ASSERT_TRUE(started);
  EXPECT_EQ(started->argv.size(), 16U << 10U);
  EXPECT_EQ(started->argv_head, 12U << 10U);
  EXPECT_EQ(started->argv_bytes, 30'005U);
  EXPECT_TRUE(started->argv.ends_with("x\0end\0"s));
  EXPECT_FALSE(started->gaps.has(Gap::Argv));
}

}  // namespace
}  // namespace agent::collect
