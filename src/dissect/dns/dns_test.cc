#include "dissect/dns/dns.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/dns/name.h"
#include "dissect/testing.h"
#include "dissect/text.h"

namespace dissect::dns {
namespace {

using testing::bytes_of;
using testing::Conversation;

// a.test, type A, class IN
constexpr std::string_view kQuestion = "01 61 04 74657374 00 0001 0001";

base::ByteVec ask(std::string_view rest) {
  return bytes_of("1234 0100 0001 0000 0000 0000 " + std::string(rest));
}

TEST(Dns, QuestionsAndAnswersBelongTogether) {
  Conversation one(kProtocol, 53, Transport::Udp);
  one.client(ask(kQuestion));
  one.server(bytes_of("1234 8180 0001 0002 0000 0000 " + std::string(kQuestion) +
                      " c00c 0005 0001 0000003c 0004 01 62 c00e"
                      " c016 0001 0001 0000003c 0004 0a000009"));
  // The second record's name points at the first one's data.
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("id"), std::to_string(0x1234));
  EXPECT_EQ(kept.detail("flags"), std::to_string(0x0100));
  EXPECT_EQ(kept.detail("query_name"), "a.test");
  EXPECT_EQ(kept.detail("query_type"), "1");
  EXPECT_EQ(kept.detail("cname"), "b.test");
  EXPECT_EQ(kept.detail("a"), "10.0.0.9");
  EXPECT_EQ(kept.detail("ttl"), "60");
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& done = kept.transactions[0];
  EXPECT_EQ(done.operation.name, "query");
  EXPECT_EQ(done.sub_operation.name, "A");
  EXPECT_EQ(done.access, Access::Discovery);
  EXPECT_EQ(done.objects[0].name, "a.test");
  EXPECT_EQ(done.status.outcome, Outcome::Ok);
  EXPECT_TRUE(done.answered);
  // An address of the site: this is what that device is called.
  ASSERT_EQ(kept.evidence_.size(), 1U);
  EXPECT_EQ(kept.evidence_[0].value, "a.test");
  EXPECT_EQ(kept.evidence_[0].about, About::Address);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Dns, NamesOfTheInternetAreNoDevices) {
  Conversation one(kProtocol, 53, Transport::Udp);
  one.server(bytes_of("1234 8180 0001 0001 0000 0000 " + std::string(kQuestion) +
                      " c00c 0001 0001 0000003c 0004 08080808"));
  EXPECT_TRUE(one.kept().evidence_.empty());
}

TEST(Dns, AFailureHasItsName) {
  Conversation one(kProtocol, 53, Transport::Udp);
  one.client(ask(kQuestion));
  one.server(bytes_of("1234 8183 0001 0000 0000 0000 " + std::string(kQuestion)));
  ASSERT_EQ(one.done().transactions.size(), 1U);
  EXPECT_EQ(one.kept().transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(one.kept().transactions[0].status.name, "no such name");
}

TEST(Dns, AReverseAnswerNamesAnAddress) {
  Conversation one(kProtocol, 53, Transport::Udp);
  // 9.2.0.192.in-addr.arpa PTR plc.test
  const std::string name = "01 39 01 32 01 30 03 313932 07 696e2d61646472 04 61727061 00";
  one.server(bytes_of("1234 8180 0001 0001 0000 0000 " + name +
                      " 000c 0001 c00c 000c 0001 0000003c 000a "
                      "03 706c63 04 74657374 00"));
  ASSERT_EQ(one.kept().evidence_.size(), 1U);
  EXPECT_EQ(one.kept().evidence_[0].value, "plc.test");
}

TEST(Dns, StreamsHaveALengthBeforeEachMessage) {
  Conversation one(kProtocol, 53, Transport::Tcp);
  base::ByteVec two = bytes_of("0018");
  for (int i = 0; i < 2; ++i) {
    const base::ByteVec message = ask(kQuestion);
    if (i == 1) two.insert(two.end(), {0, 0x18});
    two.insert(two.end(), message.begin(), message.end());
    two[two.size() - message.size() + 1] = static_cast<std::uint8_t>(i);
  }
  for (const std::uint8_t byte : two)
    one.client(base::ByteView(&byte, 1));
  EXPECT_EQ(one.done().transactions.size(), 2U);
}

TEST(Dns, RecordsOfManyKindsAreRead) {
  Conversation one(kProtocol, 53, Transport::Udp);
  one.server(bytes_of(
      "0001 8180 0000 0005 0000 0001"
      " 00 0006 0001 00000e10 001a 01 6e 00 01 6d 00 00000001 00000002 00000003 00000004 00000005"
      " 00 000f 0001 00000e10 0005 000a 01 6d 00"
      " 00 0010 0001 00000e10 0004 01 78 01 79"
      " 00 0021 0001 00000e10 0009 0001 0002 1f90 01 73 00"
      " 00 000d 0001 00000e10 0008 03 414d44 03 425344"
      " 00 0029 04d0 01008000 0008 000a 0004 01020304"));
  const auto& kept = one.kept();
  EXPECT_EQ(kept.detail("soa_server"), "n");
  EXPECT_EQ(kept.detail("soa_mailbox"), "m");
  EXPECT_EQ(kept.detail("soa_minimum"), "5");
  EXPECT_EQ(kept.detail("mx_preference"), "10");
  EXPECT_EQ(kept.detail("mx_exchange"), "m");
  EXPECT_EQ(kept.detail("txt"), "x");
  EXPECT_EQ(kept.detail("srv_port"), "8080");
  EXPECT_EQ(kept.detail("srv_target"), "s");
  EXPECT_EQ(kept.detail("hinfo_os"), "BSD");
  EXPECT_EQ(kept.detail("udp_payload_size"), "1232");
  EXPECT_EQ(kept.detail("extended_code"), "1");
  EXPECT_EQ(kept.detail("edns_option"), "10");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Dns, SaysWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"1234 0100", "message ends within its header"},
      {"1234 0100 0001 0000 0000 0000 05 61", "name ends after the message"},
      {"1234 0100 0001 0000 0000 0000 c00c 0001 0001", "name cannot be"},
      {"1234 0100 0001 0000 0000 0000 80 0001 0001", "name cannot be"},
      {"1234 0100 0001 0000 0000 0000 00 0001", "question ends after the message"},
      {"1234 8180 0000 0001 0000 0000 00 0001 0001 00000001 0004 0a00",
       "record ends after the message"},
      {"1234 8180 0000 0001 0000 0000 00 0001 0001 00000001 0002 0a00", "address of a wrong size"},
      {"1234 8180 0000 0001 0000 0000 00 0010 0001 00000001 0002 0961",
       "text is longer than its record"},
      {"1234 7800 0001 0000 0000 0000 00 0001 0001", "unknown operation"},
      {"1234 0140 0001 0000 0000 0000 00 0001 0001", "reserved bit is set"},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol, 53, Transport::Udp);
    talk.client(bytes_of(one.bytes));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

TEST(Dns, PointersCannotLoopAndNamesEnd) {
  // Each pointer points at the one before it, the first at itself.
  base::ByteVec message(12);
  message.insert(message.end(), {0xc0, 12});
  std::size_t offset = 12;
  std::string name;
  EXPECT_EQ(read_name(message, offset, name), NameError::Malformed);
  // Five labels of 63 bytes are more than a name may have.
  base::ByteVec longer;
  for (int i = 0; i < 5; ++i) {
    longer.push_back(63);
    longer.resize(longer.size() + 63, 'a');
  }
  longer.push_back(0);
  offset = 0;
  EXPECT_EQ(read_name(longer, offset, name), NameError::Malformed);
}

TEST(Dns, NamesArePrintable) {
  const base::ByteVec bytes = bytes_of("03 61 0a ff 01 62 00");
  std::size_t offset = 0;
  std::string name;
  EXPECT_EQ(read_name(bytes, offset, name), NameError::None);
  EXPECT_EQ(name, "a\\x0a\\xff.b");
  EXPECT_EQ(offset, bytes.size());
}

TEST(Dns, ProbesAreStrict) {
  FlowInfo flow;
  flow.transport = Transport::Udp;
  const base::ByteVec good = ask(kQuestion);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, good, {}}), Match::Yes);
  base::ByteVec longer = good;
  longer.push_back(0);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, longer, {}}), Match::Likely);
  // An odd question is only believed where names are asked for.
  base::ByteVec odd = good;
  odd[3] = 3;
  EXPECT_EQ(kProtocol.probe({flow, Side::A, odd, {}}), Match::Likely);
  const base::ByteVec zeros(64);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, zeros, {}}), Match::No);
}

TEST(Mdns, ADeviceSaysWhatItIs) {
  Conversation one(kMdns, 5353, Transport::Udp);
  // _ipp._tcp.local PTR P._ipp._tcp.local; P._ipp._tcp.local TXT "ty=Laser 9";
  // host.local A 192.0.2.2
  one.server(
      bytes_of("0000 8400 0000 0003 0000 0000"
               " 04 5f697070 04 5f746370 05 6c6f63616c 00 000c 0001 00001194 0004 01 50 c00c"
               " c027 0010 8001 00001194 000b 0a 74793d4c617365722039"
               " 04 686f7374 c016 0001 8001 00000078 0004 c0000202"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("ptr"), "P._ipp._tcp.local");
  EXPECT_EQ(kept.fact(Fact::Type), "printer");
  EXPECT_EQ(kept.fact(Fact::Model), "Laser 9");
  EXPECT_EQ(kept.fact(Fact::Hostname), "host.local");
  EXPECT_EQ(kept.detail("class"), "1");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Nbns, NamesAreDecoded) {
  std::string name;
  std::uint8_t suffix = 1;
  EXPECT_TRUE(netbios_name("FAEMEDDHCACACACACACACACACACACAAA", name, suffix));
  EXPECT_EQ(name, "PLC7<00>");
  EXPECT_EQ(suffix, 0);
  EXPECT_FALSE(netbios_name("FAEMEDDHCACACACACACACACACACACAA", name, suffix));
  EXPECT_FALSE(netbios_name("FAEMEDDHCACACACACACACACACACACAZA", name, suffix));
}

// A name's first label, each half of a byte as a letter from A on.
std::string encoded(std::string_view name, char suffix) {
  std::string letters;
  for (std::size_t i = 0; i < 16; ++i) {
    const char byte = i == 15 ? suffix : i < name.size() ? name[i] : ' ';
    letters += static_cast<char>('A' + (byte >> 4));
    letters += static_cast<char>('A' + (byte & 15));
  }
  return "20 " + hex(base::as_bytes(letters)) + " 00";
}

TEST(Nbns, ARegistrationTellsTheName) {
  Conversation one(kNbns, 137, Transport::Udp);
  one.client(bytes_of("0007 2910 0001 0000 0000 0001 " + encoded("PLC7", 0) +
                      " 0020 0001 c00c 0020 0001 000493e0 0006 0000 c0000201"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("query_name"), "PLC7<00>");
  EXPECT_EQ(kept.fact(Fact::Hostname), "PLC7");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "registration");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "NB");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Nbns, NodeStatusListsNames) {
  Conversation one(kNbns, 137, Transport::Udp);
  const std::string spaces = "2020202020202020202020";
  one.server(bytes_of("0008 8400 0000 0001 0000 0000 " + encoded("*", 0) +
                      " 0021 0001 00000000 002b 02 504c4337" + spaces + "00 0400 504c414e" +
                      spaces + "00 8400 020000000001"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.fact(Fact::Hostname), "PLC7");
  EXPECT_EQ(kept.fact(Fact::Domain), "PLAN");
  EXPECT_EQ(kept.fact(Fact::Mac), "02:00:00:00:00:01");
}

TEST(Llmnr, AnAnswerTellsTheName) {
  Conversation one(kLlmnr, 5355, Transport::Udp);
  one.server(
      bytes_of("1234 8000 0001 0001 0000 0000 03 706c63 00 0001 0001 "
               "03 706c63 00 0001 0001 0000001e 0004 c0000202"));
  EXPECT_EQ(one.kept().fact(Fact::Hostname), "plc");
  EXPECT_EQ(one.kept().evidence_[0].about, About::Sender);
}

}  // namespace
}  // namespace dissect::dns
