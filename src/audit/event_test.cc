#include "audit/event.h"

#include <gtest/gtest.h>

namespace audit {
namespace {

using namespace std::string_literals;

// Bodies as kernel 6.18 and PAM of Debian 12 write them.
constexpr const char* kSyscall =
    "arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=7f a2=0 a3=0 items=2 ppid=411 pid=412 "
    "auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) "
    "ses=4294967295 comm=\"ls\" exe=\"/usr/bin/ls\" subj=unconfined key=(null)";
constexpr const char* kLogin =
    "pid=900 uid=0 auid=1000 ses=3 msg='op=PAM:authentication grantors=? acct=\"o perator\" "
    "exe=\"/usr/sbin/sshd\" hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh res=failed'";

TEST(Fields, OfASystemCall) {
  const Fields fields(kSyscall);
  EXPECT_EQ(fields.raw("arch"), "c000003e");
  EXPECT_EQ(fields.number("pid"), 412);
  EXPECT_EQ(fields.number("auid"), 4294967295);
  EXPECT_EQ(fields.text("exe"), "/usr/bin/ls");
  EXPECT_EQ(fields.text("tty"), "");
  EXPECT_EQ(fields.text("key"), "");
  EXPECT_EQ(fields.text("nothing"), std::nullopt);
  EXPECT_EQ(fields.number("exe"), std::nullopt);
}

TEST(Fields, OfAMessageOfUserSpace) {
  const Fields fields(kLogin);
  EXPECT_EQ(fields.number("pid"), 900);
  EXPECT_EQ(fields.raw("op"), "PAM:authentication");
  EXPECT_EQ(fields.text("acct"), "o perator");
  EXPECT_EQ(fields.text("addr"), "192.0.2.7");
  EXPECT_EQ(fields.raw("res"), "failed");
  EXPECT_EQ(fields.text("grantors"), "");
}

// What user space wrote cannot stand in for what the kernel says of it.
TEST(Fields, TheKernelsOwnWin) {
  const Fields fields("pid=900 uid=0 msg='op=x pid=1 uid=1000 it's res=success'");
  EXPECT_EQ(fields.number("pid"), 900);
  EXPECT_EQ(fields.number("uid"), 0);
  EXPECT_EQ(fields.raw("res"), "success");
}

TEST(Fields, NegativeNumbersAndUnset) {
  const Fields fields("exit=-115 auid=unset big=99999999999999999999");
  EXPECT_EQ(fields.number("exit"), -115);
  EXPECT_EQ(fields.number("auid"), 4294967295);
  EXPECT_EQ(fields.number("big"), std::nullopt);
}

TEST(Fields, OddBodies) {
  EXPECT_TRUE(Fields("").all().empty());
  EXPECT_TRUE(Fields("no fields here at all").all().empty());
  EXPECT_TRUE(Fields("= =x == ").all().empty());
  EXPECT_EQ(Fields("login pid=4 uid=0 old auid=1").number("pid"), 4);
  EXPECT_EQ(Fields("a=\"never closed b=1").raw("a"), "\"never closed b=1");
  EXPECT_EQ(Fields("msg='never closed pid=3").number("pid"), 3);
  EXPECT_EQ(Fields("msg='").all().size(), 0U);
  EXPECT_EQ(Fields("a= b=1").raw("a"), "");
  EXPECT_EQ(Fields("a= b=1").number("b"), 1);
}

TEST(DecodeText, Table) {
  EXPECT_EQ(decode_text("\"plain\""), "plain");
  EXPECT_EQ(decode_text("\"\""), "");
  EXPECT_EQ(decode_text("612062"), "a b");
  EXPECT_EQ(decode_text("FF00"), "\xff\0"s);
  EXPECT_EQ(decode_text("(null)"), "");
  EXPECT_EQ(decode_text("?"), "");
  EXPECT_EQ(decode_text("123"), "123");  // odd: no hexadecimal
  EXPECT_EQ(decode_text("ssh"), "ssh");
  EXPECT_EQ(decode_text("\""), "\"");
  EXPECT_EQ(decode_text(""), "");
}

TEST(Event, Find) {
  const Event event{.serial = 1, .time = {}, .records = {{1300, "a"}, {1302, "b"}, {1302, "c"}}};
  ASSERT_NE(event.find(1302), nullptr);
  EXPECT_EQ(event.find(1302)->body, "b");
  EXPECT_EQ(event.find(1309), nullptr);
}

}  // namespace
}  // namespace audit
