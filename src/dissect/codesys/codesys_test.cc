#include "dissect/codesys/codesys.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::codesys {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

std::string le(std::uint64_t value, int bytes) {
  std::string hex;
  for (int i = 0; i < bytes; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[value >> (8 * i + 4) & 15U];
    hex += kDigits[value >> (8 * i) & 15U];
  }
  return hex;
}

// A datagram to a service, between two addresses of three words.
std::string datagram(std::string_view target, std::string_view body) {
  return "c5 6b 40" + std::string(target) + "00 33 2ddc0a000001 2ddd0a000002 0000" +
         std::string(body);
}
base::ByteVec tcp(const std::string& inner) {
  return bytes_of("000117e8" + le(8 + bytes_of(inner).size(), 4) + inner);
}

std::string service(std::uint16_t group, std::uint16_t number, std::string_view tags) {
  return "55cd 0c00" + le(group, 2) + le(number, 2) + "11000000" + le(bytes_of(tags).size(), 4) +
         std::string(tags);
}
// The first block of a message on channel 5, and all of it unless more is said to come.
std::string block(std::string_view data, std::size_t more = 0) {
  return "0181 0500 01000000 00000000" + le(bytes_of(data).size() + more, 4) + "00000000" +
         std::string(data);
}
base::ByteVec ask(std::uint16_t group, std::uint16_t number, std::string_view tags = {}) {
  return tcp(datagram("40", block(service(group, number, tags))));
}

Conversation talk() {
  return Conversation(kProtocol, 11740);
}

TEST(Codesys, MatchesServices) {
  Conversation flow = talk();
  flow.client(ask(2, 0x11, "01 04 41707031"));
  flow.server(ask(0x82, 0x11));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "application");
  EXPECT_EQ(one.sub_operation.name, "stop");
  EXPECT_EQ(one.access, Access::Stop);
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Codesys, NamesApplicationsAndFiles) {
  Conversation flow = talk();
  flow.client(ask(2, 1, "8101 06 10 04 41707031"));
  flow.client(ask(8, 5, "01 08 6c6f672e74787400"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].objects.at(0), (NamedObject{"application", "App1", 0, 0}));
  EXPECT_EQ(kept.transactions[1].objects.at(0), (NamedObject{"file", "log.txt", 0, 0}));
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Codesys, KeepsPasswordsToItself) {
  Conversation flow = talk();
  flow.client(ask(1, 2, "8101 0e 10 04 726f6f74 11 06 736563726574"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.at(0).access, Access::Authentication);
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("secret"), std::string::npos) << name;
}

struct Case {
  std::uint16_t group;
  std::uint16_t number;
  Access access;
};

TEST(Codesys, KnowsWhatServicesDo) {
  static constexpr Case kCases[] = {
      {1, 1, Access::Discovery},        {1, 4, Access::Reset},
      {2, 5, Access::ProgramDownload},  {2, 6, Access::ProgramDownload},
      {2, 0x10, Access::Start},         {2, 0x12, Access::Reset},
      {2, 0x35, Access::ProgramUpload}, {8, 4, Access::File},
      {0x1b, 1, Access::Read},          {0x1b, 2, Access::Write},
      {0x13, 9, Access::Write},         {0x11, 1, Access::ConfigWrite},
      {5, 1, Access::Diagnostics},      {0x0c, 3, Access::Authentication},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(ask(one.group, one.number));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.group << ' ' << one.number;
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.group << ' ' << one.number;
    EXPECT_TRUE(kept.issues.empty()) << one.group << kept.issues[0];
  }
}

TEST(Codesys, PutsBlocksTogether) {
  const std::string whole = service(2, 5, "01 08 4170706c69636174");
  std::string digits;
  for (const char c : whole)
    if (c != ' ') digits += c;
  Conversation flow = talk();
  flow.client(tcp(datagram("40", block(digits.substr(0, 40), (digits.size() - 40) / 2))));
  flow.server(tcp(datagram("40", "0200 0500 01000000")));
  flow.client(tcp(datagram("40", "0180 0500 02000000 00000000" + digits.substr(40))));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "download");
  EXPECT_EQ(kept.transactions[0].objects.at(0).name, "Applicat");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Codesys, OpensChannels) {
  Conversation flow = talk();
  flow.client(tcp(datagram("40", "c300 0101 00000000 07000000 00401f00 05000000")));
  flow.server(tcp(datagram("40", "8300 0101 00000000 07000000 0000 0500 00401f00 04000000")));
  flow.client(tcp(datagram("40", "c400 0101 00000000 0500 0000")));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "open channel");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].operation.name, "close channel");
}

std::string utf16(std::string_view text) {
  std::string hex;
  for (const char c : text)
    hex += le(static_cast<unsigned char>(c), 2);
  return hex;
}

TEST(Codesys, TellsTheController) {
  Conversation flow(kProtocol, 1740, Transport::Udp);
  flow.client(bytes_of("c5 6b 40 03 00 10 0102 02c2 0004 07000000"));
  flow.server(bytes_of(
      "c5 6b 40 04 00 10 0102 80c2 0004 07000000"
      "0800 01 00 0000 0300 0300 0300 00100000 05000000 28110503 00000000"
      "04 00 00 00 0000000000000000" +
      utf16("abc") + "0000" + utf16("PFC") + "0000" + utf16("XYZ") + "0000" + "31323334 00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.fact(Fact::Name), "abc");
  EXPECT_EQ(kept.fact(Fact::Model), "PFC");
  EXPECT_EQ(kept.fact(Fact::Vendor), "XYZ");
  EXPECT_EQ(kept.fact(Fact::Firmware), "3.5.17.40");
  EXPECT_EQ(kept.fact(Fact::Serial), "1234");
  EXPECT_EQ(kept.fact(Fact::Type), "PLC");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Codesys, NamesWhatIsWrong) {
  Conversation flow = talk();
  flow.client(tcp("c4 00 00 00")).client(tcp(datagram("77", "00000000")));
  flow.client(tcp(datagram("40", "9900 0500")));
  flow.client(ask(0x7e, 1)).client(ask(2, 1, "01 20 41"));
  flow.client(tcp(datagram("40", block("57750c00 0200 0100 11000000 00000000"))));
  flow.client(tcp(datagram("03", "11c2 0004 07000000")));
  Kept& kept = flow.done();
  const std::vector<std::string> expected = {
      "no datagram where one should be", "service that does not exist",
      "packet that does not exist",      "component that is not known",
      "tags that are not whole",         "hidden by encryption",
      "name command that does not exist"};
  EXPECT_EQ(kept.issues, expected);
}

TEST(Codesys, IsCutAnywhere) {
  Conversation flow = talk();
  for (const std::uint8_t byte : ask(2, 0x11))
    flow.client(base::ByteView(&byte, 1));
  EXPECT_EQ(flow.done().transactions.size(), 1U);
}

Match match(const base::ByteVec& bytes, Transport transport) {
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeCodesys, NeedsItsMagic) {
  EXPECT_EQ(match(ask(2, 0x11), Transport::Tcp), Match::Yes);
  EXPECT_EQ(match(base::ByteVec(40, 0), Transport::Tcp), Match::No);
  EXPECT_EQ(match(bytes_of("c56b40030010 0102 02c2 0004 07000000"), Transport::Udp), Match::Yes);
  EXPECT_EQ(match(bytes_of("c56b40030010 0102 11c2 0004 07000000"), Transport::Udp), Match::No);
  EXPECT_EQ(match(bytes_of(datagram("40", "c300 0101")), Transport::Udp), Match::Likely);
  EXPECT_EQ(match(bytes_of("c5"), Transport::Udp), Match::No);
}

}  // namespace
}  // namespace dissect::codesys
