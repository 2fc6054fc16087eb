#include "dissect/arp/arp.h"

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::arp {
namespace {

using testing::bytes_of;
using testing::Conversation;

constexpr std::string_view kRequest =
    "0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202";

TEST(Arp, ARequestSaysWhoAsksForWhom) {
  Conversation one(kProtocol, 0, Transport::Link);
  one.client(bytes_of(kRequest));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("hardware_type"), "1");
  EXPECT_EQ(kept.detail("protocol_type"), "2048");
  EXPECT_EQ(kept.detail("hardware_size"), "6");
  EXPECT_EQ(kept.detail("protocol_size"), "4");
  EXPECT_EQ(kept.detail("opcode"), "1");
  EXPECT_EQ(kept.detail("sender_mac"), base::as_text(bytes_of("020000000001")));
  EXPECT_EQ(kept.detail("sender_ip"), "192.0.2.1");
  EXPECT_EQ(kept.detail("target_ip"), "192.0.2.2");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "request");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  ASSERT_EQ(kept.transactions[0].objects.size(), 1U);
  EXPECT_EQ(kept.transactions[0].objects[0].name, "192.0.2.2");
  EXPECT_EQ(kept.fact(Fact::Ip), "192.0.2.1");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Arp, TellsWhoseAddressItIs) {
  Conversation one(kProtocol, 0, Transport::Link);
  one.client(bytes_of("0001 0800 06 04 0002 020000000001 c0000201 020000000002 c0000202"));
  ASSERT_EQ(one.kept().evidence_.size(), 1U);
  // The frame came from somewhere else: the test's ends have no hardware address.
  EXPECT_EQ(one.kept().evidence_[0].about, About::Address);
  EXPECT_EQ(one.kept().evidence_[0].value, "192.0.2.1");
}

struct FormCase {
  std::string_view name;
  std::string_view packet;
  std::string_view form;
  std::size_t facts;
};

TEST(Arp, KnowsProbesAndAnnouncements) {
  const FormCase cases[] = {
      {"probe", "0001 0800 06 04 0001 020000000001 00000000 000000000000 c0000202", "probe", 0},
      {"announcement", "0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000201",
       "announcement", 1},
      {"gratuitous reply", "0001 0800 06 04 0002 020000000001 c0000201 ffffffffffff c0000201",
       "gratuitous", 1},
  };
  for (const FormCase& one : cases) {
    Conversation talk(kProtocol, 0, Transport::Link);
    talk.client(bytes_of(one.packet));
    ASSERT_EQ(talk.kept().transactions.size(), 1U) << one.name;
    EXPECT_EQ(talk.kept().transactions[0].sub_operation.name, one.form) << one.name;
    EXPECT_EQ(talk.kept().evidence_.size(), one.facts) << one.name;
  }
}

struct IssueCase {
  std::string_view packet;
  std::string_view issue;
};

TEST(Arp, SaysWhatIsWrong) {
  const IssueCase cases[] = {
      {"0001 0800 06 04 0001 020000000001 c0000201 0000", "packet ends before its addresses"},
      {"", "packet ends before its addresses"},
      {"0001 0800 06 04 00ff 020000000001 c0000201 000000000000 c0000202", "unknown operation"},
      {"0001 0800 02 04 0001 0200 c0000201 0000 c0000202", "hardware size of Ethernet is not 6"},
      {"0001 0800 06 02 0001 020000000001 c000 000000000000 c000",
       "protocol size of IPv4 is not 4"},
      {"0001 0800 06 04 0002 010000000001 c0000201 000000000000 c0000202",
       "sender's hardware address is of a group"},
      {"0001 0800 06 04 0002 020000000001 e0000001 000000000000 c0000202",
       "sender's address is of a group"},
  };
  for (const IssueCase& one : cases) {
    Conversation talk(kProtocol, 0, Transport::Link);
    talk.client(bytes_of(one.packet));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
    const bool believed = talk.kept().fact(Fact::Ip).empty();
    EXPECT_TRUE(believed || one.issue == "unknown operation") << one.issue;
  }
}

TEST(Arp, OtherLinksHaveOtherAddresses) {
  Conversation one(kProtocol, 0, Transport::Link);
  one.client(bytes_of("0007 0800 01 04 0001 0a c0000201 00 c0000202"));
  EXPECT_EQ(one.kept().detail("sender_hardware"), "\x0a");
  EXPECT_EQ(one.kept().detail("sender_ip"), "192.0.2.1");
  EXPECT_TRUE(one.kept().issues.empty());
}

}  // namespace
}  // namespace dissect::arp
