#include "audit/record.h"

#include <gtest/gtest.h>

#include "audit/names.h"
#include "audit/sockaddr.h"

namespace audit {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

TEST(ReadHead, OfTheKernel) {
  const auto head = read_head("audit(1364481363.243:24287): arch=c000003e syscall=2\0"sv);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->serial, 24287U);
  EXPECT_EQ(head->time, base::WallTime(1364481363243ms));
  EXPECT_EQ(head->body, "arch=c000003e syscall=2");
  const auto empty = read_head("audit(1.000:1): ");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->body, "");
}

TEST(ReadHead, RefusesTheRest) {
  for (const std::string_view text :
       {"", "audit(", "audit(1.2)", "audit(1.2:3", "audit(1.2:3)", "audit(1.2:3) x",
        "audit(-1.200:3): x", "audit(1.1000:3): x", "audit(99999999999.000:3): x",
        "audit(1.000:99999999999999999999): x", "type=SYSCALL msg=audit(1.000:3): x", "garbage"}) {
    EXPECT_FALSE(read_head(text)) << text;
  }
  EXPECT_EQ(read_head(std::string(100'000, 'x')).error().code, base::Code::TooLarge);
}

TEST(ReadLine, OfALog) {
  const auto line = read_line(
      "node=press-7 type=USER_LOGIN msg=audit(1.500:77): pid=3 msg='op=login res=success'\x1d"
      "UID=\"root\"");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->type, types::kUserLogin);
  EXPECT_EQ(line->head.serial, 77U);
  EXPECT_EQ(line->head.body, "pid=3 msg='op=login res=success'");
  EXPECT_EQ(read_line("type=UNKNOWN[1420] msg=audit(1.500:77): x=1")->type, 1420);
  for (const char* text :
       {"", "type=SYSCALL", "type=NOTHING msg=audit(1.500:77): x", "msg=audit(1.500:77): x",
        "node=x", "type=UNKNOWN[x] msg=audit(1.0:7): "})
    EXPECT_FALSE(read_line(text)) << text;
}

TEST(TypeName, BothWays) {
  EXPECT_EQ(type_name(types::kSyscall), "SYSCALL");
  EXPECT_EQ(type_name(types::kExecve), "EXECVE");
  EXPECT_EQ(type_name(types::kUserAuth), "USER_AUTH");
  EXPECT_EQ(type_name(types::kEndOfEvent), "EOE");
  EXPECT_EQ(type_name(1999), "UNKNOWN[1999]");
  for (unsigned type = 1000; type < 3000; ++type) {
    const auto number = static_cast<RecordType>(type);
    EXPECT_EQ(type_of_name(type_name(number)), number);
  }
  EXPECT_EQ(type_of_name("syscall"), std::nullopt);
  EXPECT_EQ(type_of_name("UNKNOWN[70000]"), std::nullopt);
}

struct SaddrCase {
  const char* hex;
  int family;
  const char* ip;
  int port;
  const char* path;
};
class Saddr : public ::testing::TestWithParam<SaddrCase> {};
TEST_P(Saddr, IsRead) {
  const auto address = read_saddr(GetParam().hex);
  ASSERT_TRUE(address) << address.error().to_string();
  EXPECT_EQ(address->family, GetParam().family);
  EXPECT_EQ(address->ip, GetParam().ip);
  EXPECT_EQ(address->port, GetParam().port);
  EXPECT_EQ(address->path, GetParam().path);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Saddr,
    ::testing::Values(
        SaddrCase{"02000035C00002070000000000000000", 2, "192.0.2.7", 53, ""},
        SaddrCase{"0A0001BB0000000020010DB800000000000000000000000700000000", 10, "2001:db8::7",
                  443, ""},
        SaddrCase{"0A00005000000000000000000000000000000000000000010000000000000000", 10, "::1", 80,
                  ""},
        // IPv4 within IPv6, with and without the zone that ends the structure.
        SaddrCase{"0A0000500000000000000000000000000000FFFFC0000207", 10, "192.0.2.7", 80, ""},
        SaddrCase{"01002F72756E2F6E7363642F736F636B65740000", 1, "", 0, "/run/nscd/socket"},
        SaddrCase{"0100006162630000", 1, "", 0, "@abc"}, SaddrCase{"0100", 1, "", 0, ""},
        SaddrCase{"100000000000000000000000", 16, "", 0, ""}));
TEST(SaddrErrors, ShortAndBad) {
  EXPECT_EQ(read_saddr("0200").error().code, base::Code::Truncated);
  EXPECT_EQ(read_saddr("0A00005000000000").error().code, base::Code::Truncated);
  EXPECT_EQ(read_saddr("").error().code, base::Code::Truncated);
  EXPECT_EQ(read_saddr("02000").error().code, base::Code::Malformed);
  EXPECT_EQ(read_saddr("xyz0").error().code, base::Code::Malformed);
}

}  // namespace
}  // namespace audit
