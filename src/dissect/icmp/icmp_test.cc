#include "dissect/icmp/icmp.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::icmp {
namespace {

using testing::bytes_of;
using testing::Conversation;

TEST(Icmp, AnEchoHasItsReply) {
  Conversation one(kProtocol, 0, Transport::Ip);
  one.client(bytes_of("08 00 1234 0007 0001 616263"));
  one.client(bytes_of("08 00 1234 0007 0002 616263"));
  one.server(bytes_of("00 00 1234 0007 0002 616263"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("identifier"), "7");
  EXPECT_EQ(kept.detail("sequence"), "1");
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_TRUE(kept.transactions[0].answered);
  EXPECT_EQ(kept.transactions[0].packet, 2U);
  EXPECT_EQ(kept.transactions[0].request_bytes, 3U);
  EXPECT_FALSE(kept.transactions[1].answered);
}

TEST(Icmp, AnErrorNamesWhoCouldNotBeReached) {
  Conversation one(kProtocol, 0, Transport::Ip);
  one.server(bytes_of(
      "03 03 1234 0000 0000 45000024000000004011 0000 c0000201 c0000202 c350 01f6 0010 0000"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("original_destination"), "192.0.2.2");
  EXPECT_EQ(kept.detail("original_destination_port"), "502");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "unreachable");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "port");
  EXPECT_EQ(kept.transactions[0].objects[0].name, "192.0.2.2 udp/502");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
}

TEST(Icmp, ARedirectChangesRoutes) {
  Conversation one(kProtocol, 0, Transport::Ip);
  one.server(bytes_of("05 01 1234 c0000201 45000014000000004001 0000 c0000201 c6336401"));
  EXPECT_EQ(one.kept().detail("gateway"), "192.0.2.1");
  EXPECT_EQ(one.kept().transactions[0].access, Access::ConfigWrite);
  EXPECT_EQ(one.kept().transactions[0].objects[0].name, "198.51.100.1");
}

TEST(Icmp, SaysWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"08 00", "message ends within its header"},
      {"08 00 1234 0007", "message ends within its values"},
      {"0d 00 1234 0007 0001 00", "message ends within its values"},
      {"c8 00 1234 0007", "unknown type of message"},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol, 0, Transport::Ip);
    talk.client(bytes_of(one.bytes));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

TEST(Icmpv6, ANeighborTellsItsAddress) {
  Conversation one(kProtocol6, 0, Transport::Ip);
  one.server(bytes_of("88 00 1234 60000000 20010db8000000000000000000000009 0201 020000000009"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("target"), "2001:db8::9");
  EXPECT_EQ(kept.detail("option"), "2");
  EXPECT_EQ(kept.fact(Fact::Ip), "2001:db8::9");
  EXPECT_EQ(kept.transactions[0].operation.name, "neighbor advertisement");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Icmp, OnlyTooBigHasAnMtu) {
  Conversation big(kProtocol, 0, Transport::Ip);
  big.server(bytes_of("03 04 0000 0000 05dc"));
  EXPECT_EQ(big.done().detail("mtu"), "1500");
  Conversation closed(kProtocol, 0, Transport::Ip);
  closed.server(bytes_of("03 03 0000 0000 05dc"));
  EXPECT_EQ(closed.done().detail("mtu"), "");
}

TEST(Icmpv6, ARouterSaysThatItIsOne) {
  Conversation one(kProtocol6, 0, Transport::Ip);
  one.server(
      bytes_of("86 00 1234 40 00 0708 00000000 00000000 0501 0000 000005dc "
               "0304 40c0 00278d00 00093a80 00000000 20010db8000000000000000000000000"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.fact(Fact::Gateway), "icmpv6");
  EXPECT_EQ(kept.detail("router_lifetime"), "1800");
  EXPECT_EQ(kept.detail("option_mtu"), "1500");
  EXPECT_EQ(kept.detail("prefix"), "2001:db8::");
  EXPECT_EQ(kept.detail("prefix_length"), "64");
}

TEST(Icmpv6, SaysWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"80", "message ends within its header"},
      {"87 00 1234 00000000 2001", "message ends within its values"},
      {"87 00 1234 00000000 20010db8000000000000000000000009 0100 020000000009",
       "option without a length"},
      {"87 00 1234 00000000 ff020000000000000000000000000001", "target is a group's address"},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol6, 0, Transport::Ip);
    talk.client(bytes_of(one.bytes));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

}  // namespace
}  // namespace dissect::icmp
