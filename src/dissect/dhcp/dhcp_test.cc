#include "dissect/dhcp/dhcp.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::dhcp {
namespace {

using testing::bytes_of;
using testing::Conversation;

// A message of a client 02:00:00:00:00:01 with the options given.
base::ByteVec message(std::string_view start, std::string_view options) {
  base::ByteVec bytes = bytes_of(start);  // op .. flags, then four addresses
  const base::ByteVec mac = bytes_of("020000000001");
  bytes.insert(bytes.end(), mac.begin(), mac.end());
  bytes.resize(236);
  const base::ByteVec rest = bytes_of("63825363" + std::string(options));
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return bytes;
}

constexpr std::string_view kAsk =
    "01 01 06 00 11223344 0000 8000 00000000 00000000 00000000 00000000";
constexpr std::string_view kAnswer =
    "02 01 06 00 11223344 0000 0000 00000000 c0000214 c0000201 00000000";

TEST(Dhcp, AClientSaysWhoItIs) {
  Conversation one(kProtocol, 67, Transport::Udp);
  // discover, "plc-7", "MSFT 5.0", requested address, three parameters
  one.client(
      message(kAsk, "350101 0c05 706c632d37 3c08 4d53465420352e30 3204 c0000214 3703 010306 ff"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("op"), "1");
  EXPECT_EQ(kept.detail("transaction_id"), std::to_string(0x11223344));
  EXPECT_EQ(kept.detail("flags"), "32768");
  EXPECT_EQ(kept.detail("message_type"), "1");
  EXPECT_EQ(kept.detail("hostname"), "plc-7");
  EXPECT_EQ(kept.detail("vendor_class"), "MSFT 5.0");
  EXPECT_EQ(kept.detail("requested_address"), "192.0.2.20");
  EXPECT_EQ(kept.detail("requested_option"), "1");
  EXPECT_EQ(kept.detail("client_mac"), base::as_text(bytes_of("020000000001")));
  EXPECT_EQ(kept.fact(Fact::Hostname), "plc-7");
  EXPECT_EQ(kept.fact(Fact::Software), "MSFT 5.0");
  EXPECT_EQ(kept.fact(Fact::Os), "Windows");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "discover");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.transactions[0].objects[0].name, "192.0.2.20");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Dhcp, AnAcknowledgementGivesAnAddress) {
  Conversation one(kProtocol, 67, Transport::Udp);
  one.client(message(kAsk, "350103 3204 c0000214 3604 c0000201 ff"));
  // ack, server, lease of a day, mask, router, "example"
  one.server(message(kAnswer,
                     "350105 3604 c0000201 3304 00015180 0104 ffffff00 0304 c0000201 0f07 "
                     "6578616d706c65 ff"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.fact(Fact::Ip), "192.0.2.20");
  EXPECT_EQ(kept.fact(Fact::Domain), "example");
  EXPECT_EQ(kept.fact(Fact::Gateway), "dhcp");
  EXPECT_EQ(kept.detail("lease_time"), "86400");
  EXPECT_EQ(kept.detail("subnet_mask"), "255.255.255.0");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "request");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_TRUE(kept.transactions[0].answered);
}

TEST(Dhcp, ARefusalIsAFailure) {
  Conversation one(kProtocol, 67, Transport::Udp);
  one.client(message(kAsk, "350103 ff"));
  one.server(message(kAnswer, "350106 3604 c0000201 ff"));
  ASSERT_EQ(one.done().transactions.size(), 1U);
  EXPECT_EQ(one.kept().transactions[0].status.outcome, Outcome::Failed);
}

TEST(Dhcp, OptionsMayFillTheFieldOfTheFile) {
  base::ByteVec bytes = message(kAsk, "350101 340101 ff");
  const base::ByteVec name = bytes_of("0c01 61 ff");
  std::copy(name.begin(), name.end(), bytes.begin() + 108);
  Conversation one(kProtocol, 67, Transport::Udp);
  one.client(bytes);
  EXPECT_EQ(one.kept().fact(Fact::Hostname), "a");
  EXPECT_EQ(one.kept().detail("boot_file"), "");
}

TEST(Dhcp, VendorClassesTellTheSystem) {
  Conversation one(kProtocol, 67, Transport::Udp);
  const std::string text = "dhcpcd-9.4.1:Linux-5.10.103:armv7l:BCM2835";
  std::string options = "350101 3c";
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto add = [&](unsigned int byte) {
    options += kDigits[byte >> 4U];
    options += kDigits[byte & 15U];
  };
  add(static_cast<unsigned int>(text.size()));
  for (const char c : text)
    add(static_cast<unsigned char>(c));
  one.client(message(kAsk, options + "ff"));
  EXPECT_EQ(one.kept().fact(Fact::Os), "Linux");
  EXPECT_EQ(one.kept().fact(Fact::OsVersion), "5.10.103");
  EXPECT_EQ(one.kept().fact(Fact::Hardware), "BCM2835");
}

TEST(Dhcp, SaysWhatIsWrong) {
  struct Case {
    base::ByteVec bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {bytes_of("01 01 06"), "message ends within its header"},
      {message(kAsk, "350101 0cff 61"), "option is longer than the message"},
      {message(kAsk, "3501ee ff"), "unknown type of message"},
      {message(kAsk, "350105 3604c0000201 ff"), "type of message does not go in this direction"},
      {message(kAnswer, "350102 ff"), "server does not say who it is"},
      {message(kAsk, "350101 3203 c00002 ff"), "option has a size that its kind cannot have"},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol, 67, Transport::Udp);
    talk.client(one.bytes);
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

TEST(Dhcp, IsKnownByItsMagicNumber) {
  const FlowInfo flow;
  const base::ByteVec good = message(kAsk, "350101ff");
  EXPECT_EQ(kProtocol.probe({flow, Side::A, good, {}}), Match::Yes);
  base::ByteVec bad = good;
  bad[236] = 0;
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bad, {}}), Match::No);
}

// A client identified by 02:00:00:00:00:01 (type 3), and what it is called.
constexpr std::string_view kSolicit =
    "01 aabbcc 0001 000a 0003 0001 020000000001 0008 0002 0064 0006 0004 0017 0018 "
    "0003 000c 00000007 00000e10 00001518 0027 0009 00 05706c632d37 01 6c";

TEST(Dhcpv6, AClientSaysWhoItIs) {
  Conversation one(kProtocol6, 547, Transport::Udp);
  one.client(bytes_of(kSolicit));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("message_type"), "1");
  EXPECT_EQ(kept.detail("transaction_id"), std::to_string(0xaabbcc));
  EXPECT_EQ(kept.detail("elapsed_time"), "100");
  EXPECT_EQ(kept.detail("requested_option"), "23");
  EXPECT_EQ(kept.detail("association"), base::as_text(bytes_of("00000007")));
  EXPECT_EQ(kept.fact(Fact::Hostname), "plc-7.l");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "solicit");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Dhcpv6, AReplyGivesAnAddress) {
  Conversation one(kProtocol6, 547, Transport::Udp);
  one.client(bytes_of("03 aabbcc 0001 000a 0003 0001 020000000001"));
  one.server(
      bytes_of("07 aabbcc 0001 000a 0003 0001 020000000001 0002 000a 0003 0001 020000000002 "
               "0003 0028 00000007 00000e10 00001518 0005 0018 20010db8000000000000000000000020 "
               "00001c20 00002a30 000d 0006 0000 676f6f64"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.fact(Fact::Ip), "2001:db8::20");
  EXPECT_EQ(kept.detail("address"), "2001:db8::20");
  EXPECT_EQ(kept.detail("valid_lifetime"), "10800");
  EXPECT_EQ(kept.detail("status_message"), "good");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[0].status.name, "success");
}

TEST(Dhcpv6, RelaysWrapMessages) {
  Conversation one(kProtocol6, 547, Transport::Udp);
  one.client(
      bytes_of("0c 00 20010db8000000000000000000000001 fe800000000000000000000000000009 "
               "0009 0012 01 aabbcc 0001 000a 0003 0001 020000000001"));
  EXPECT_EQ(one.done().detail("peer_address"), "fe80::9");
  EXPECT_EQ(one.kept().detail("link_address"), "2001:db8::1");
  ASSERT_EQ(one.kept().transactions.size(), 1U);
  EXPECT_EQ(one.kept().transactions[0].operation.name, "solicit");
}

TEST(Dhcpv6, TemporaryAddressesAreRead) {
  Conversation one(kProtocol6, 547, Transport::Udp);
  one.server(
      bytes_of("07 aabbcc 0004 0020 00000009 0005 0018 20010db8000000000000000000000021 "
               "00001c20 00002a30"));
  EXPECT_EQ(one.kept().detail("address"), "2001:db8::21");
}

TEST(Dhcpv6, NestingEnds) {
  // Each relay's message in the one before it.
  base::ByteVec bytes = bytes_of("01 aabbcc");
  for (int i = 0; i < 40; ++i) {
    base::ByteVec outer = bytes_of("0c 00");
    outer.resize(34);
    const std::size_t size = bytes.size();
    for (const std::size_t byte : {std::size_t{0}, std::size_t{9}, size >> 8U, size & 255U})
      outer.push_back(static_cast<std::uint8_t>(byte));
    outer.insert(outer.end(), bytes.begin(), bytes.end());
    bytes = outer;
  }
  Conversation one(kProtocol6, 547, Transport::Udp);
  one.client(bytes);
  ASSERT_EQ(one.kept().issues.size(), 1U);
  EXPECT_EQ(one.kept().issues[0], "options nested deeper than is read");
}

TEST(Dhcpv6, SaysWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"", "message ends within its header"},
      {"01 aa", "message ends within its header"},
      {"01 aabbcc 0001 00ff 00", "option is longer than the message"},
      {"63 aabbcc", "unknown type of message"},
      {"0c 00 2001", "relay's message ends within its header"},
      {"07 aabbcc 0005 0018 20010db8000000000000000000000020 00002a30 00001c20",
       "address is preferred longer than it is valid"},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol6, 547, Transport::Udp);
    talk.client(bytes_of(one.bytes));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

}  // namespace
}  // namespace dissect::dhcp
