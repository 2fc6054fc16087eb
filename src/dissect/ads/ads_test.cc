#include "dissect/ads/ads.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::ads {
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

constexpr std::string_view kDevice = "0a0000020101";
constexpr std::string_view kStation = "0a0000010101";

base::ByteVec framed(std::string_view target, std::uint16_t target_port, std::string_view source,
                     std::uint16_t source_port, std::uint16_t command, std::uint16_t flags,
                     std::uint32_t invoke, std::string_view data, std::uint32_t error = 0) {
  const std::size_t size = bytes_of(data).size();
  return bytes_of("0000" + le(32 + size, 4) + std::string(target) + le(target_port, 2) +
                  std::string(source) + le(source_port, 2) + le(command, 2) + le(flags, 2) +
                  le(size, 4) + le(error, 4) + le(invoke, 4) + std::string(data));
}

class Ads : public ::testing::Test {
 public:
  Conversation flow{kProtocol, 48898};

  Ads& ask(std::uint16_t port, std::uint16_t command, std::string_view data,
           std::uint32_t invoke = 1) {
    flow.client(framed(kDevice, port, kStation, 33000, command, 4, invoke, data));
    return *this;
  }
  Ads& answer(std::uint16_t port, std::uint16_t command, std::string_view data,
              std::uint32_t invoke = 1, std::uint32_t error = 0) {
    flow.server(framed(kStation, 33000, kDevice, port, command, 5, invoke, data, error));
    return *this;
  }
  static std::string object_of(const Transaction& one) {
    if (one.objects.empty()) return {};
    const NamedObject& first = one.objects[0];
    return std::string(first.space) + '|' + first.name + '|' + std::to_string(first.first) + '|' +
           std::to_string(first.count);
  }
};

TEST_F(Ads, ReadsMemoryOfAPlc) {
  ask(801, 2, "20400000 10000000 04000000").answer(801, 2, "00000000 04000000 01020304");
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "read");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.unit, 801U);
  EXPECT_EQ(object_of(one), "memory bytes||16|4");
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(one.response_bytes, 4U);
  EXPECT_EQ(kept.detail("target_net_id"), "10.0.0.2.1.1");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Ads, KnowsSymbolsByTheirHandles) {
  ask(851, 9, "03f00000 00000000 04000000 07000000 4d41494e2e6100", 1);
  answer(851, 9, "00000000 04000000 2a000000", 1);
  ask(851, 3, "05f00000 2a000000 02000000 0100", 2).answer(851, 3, "00000000", 2);
  ask(851, 3, "06f00000 00000000 04000000 2a000000", 3).answer(851, 3, "00000000", 3);
  ask(851, 2, "05f00000 2a000000 02000000", 4);
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "handle of symbol");
  EXPECT_EQ(kept.transactions[0].access, Access::Read);
  EXPECT_EQ(object_of(kept.transactions[0]), "handle of symbol|MAIN.a|0|4");
  EXPECT_EQ(kept.transactions[1].access, Access::Write);
  EXPECT_EQ(object_of(kept.transactions[1]), "symbol|MAIN.a|42|2");
  EXPECT_EQ(object_of(kept.transactions[3]), "symbol by handle||42|2") << "it was released";
}

TEST_F(Ads, NamesWhatIsNotified) {
  ask(851, 6,
      "20400000 08000000 02000000 04000000 00000000 e8030000"
      "00000000000000000000000000000000");
  answer(851, 6, "00000000 07000000");
  flow.server(framed(kStation, 33000, kDevice, 851, 8, 4, 0,
                     "1e000000 01000000 0011223344556677 01000000 07000000 02000000 1234"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "add device notification");
  EXPECT_EQ(kept.transactions[1].kind, Kind::OneWay);
  EXPECT_EQ(object_of(kept.transactions[1]), "memory bytes||8|2");
  EXPECT_EQ(kept.transactions[1].unit, 851U);
  EXPECT_EQ(kept.detail("cycle_time"), "1000");
}

TEST_F(Ads, ReadsSumsPartByPart) {
  ask(851, 9,
      "80f00000 02000000 0e000000 18000000"
      "20400000 01000000 02000000 30400000 05000000 01000000");
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Read);
  ASSERT_EQ(kept.transactions[0].objects.size(), 2U);
  EXPECT_EQ(kept.transactions[0].objects[1], (NamedObject{"retained data", "", 5, 1}));
}

TEST_F(Ads, TellsTheDevice) {
  ask(10000, 1, "").answer(10000, 1, "00000000 02 0b b408 5477696e4341542053797374656d0000");
  ask(801, 4, "", 2).answer(801, 4, "00000000 0600 0000", 2);
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Software), "TwinCAT System 2.11.2228");
  EXPECT_EQ(kept.fact(Fact::Mode), "stop");
  EXPECT_EQ(kept.transactions.at(0).access, Access::Discovery);
  EXPECT_EQ(kept.transactions.at(1).access, Access::Diagnostics);
}

TEST_F(Ads, TellsWhatFailed) {
  ask(801, 2, "20400000 10000000 04000000").answer(801, 2, "02070000 00000000");
  ask(500, 1, "", 2).answer(500, 1, "", 2, 6);
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].status.name, "invalid index group");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "target port not found");
}

struct Case {
  std::uint16_t port;
  std::uint16_t command;
  std::string_view data;
  Access access;
};

TEST_F(Ads, KnowsWhatCommandsDo) {
  static constexpr Case kCases[] = {
      {801, 5, "0500 0000 00000000", Access::Start},
      {801, 5, "0600 0000 00000000", Access::Stop},
      {801, 5, "0200 0000 00000000", Access::Reset},
      {10000, 5, "1000 0000 00000000", Access::ModeChange},
      {801, 3, "30400000 00000000 01000000 00", Access::Write},
      {10000, 3, "f4010000 00000000 01000000 00", Access::ConfigWrite},
      {10000, 2, "bc020000 01000000 00010000", Access::Discovery},
      {10000, 9, "c8000000 00000000 e8030000 02000000 4100", Access::ConfigRead},
      {10000, 9, "78000000 02000200 04000000 02000000 4100", Access::ProgramDownload},
      {10000, 9, "78000000 01000200 04000000 02000000 4100", Access::ProgramUpload},
      {10000, 9, "78000000 02000100 04000000 02000000 4100", Access::File},
      {1234, 2, "67450000 00000000 01000000", Access::Read},
      {1234, 9, "67450000 00000000 01000000 00000000", Access::Write},
  };
  std::uint32_t invoke = 0;
  for (const Case& one : kCases)
    ask(one.port, one.command, one.data, ++invoke);
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), std::size(kCases));
  for (std::size_t i = 0; i < std::size(kCases); ++i)
    EXPECT_EQ(kept.transactions[i].access, kCases[i].access) << kCases[i].data;
  EXPECT_EQ(object_of(kept.transactions[11]), "index group|17767|0|1");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST_F(Ads, KnowsFilesByTheirHandles) {
  ask(10000, 9, "78000000 02000200 04000000 02000000 4100", 1);
  answer(10000, 9, "00000000 04000000 09000000", 1);
  ask(10000, 9, "7b000000 09000000 00000000 02000000 0102", 2);
  Kept& kept = flow.done();
  EXPECT_EQ(object_of(kept.transactions.at(1)), "file|A|9|0");
  EXPECT_EQ(kept.transactions[1].access, Access::ProgramDownload);
}

TEST_F(Ads, NamesWhatIsWrong) {
  ask(801, 2, "20400000 1000");
  ask(801, 12, "", 2);
  Kept& kept = flow.done();
  ASSERT_EQ(kept.issues.size(), 2U);
  EXPECT_EQ(kept.issues[0], "shorter than its command needs");
  EXPECT_EQ(kept.issues[1], "command that does not exist");
}

TEST_F(Ads, IsCutAnywhere) {
  const base::ByteVec request =
      framed(kDevice, 801, kStation, 33000, 2, 4, 1, "20400000 10000000 04000000");
  for (const std::uint8_t byte : request)
    flow.client(base::ByteView(&byte, 1));
  flow.client(bytes_of("0010 02000000 0000"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "connect port");
  EXPECT_EQ(kept.transactions[1].operation.name, "read");
}

constexpr std::string_view kWho = "03661471 01000000 01000000 0a0000010101 1027 00000000";
constexpr std::string_view kHere =
    "03661471 01000000 01000080 0a0000020101 1027 03000000"
    "0500 0400 504c4300  0400 1400 14010000 06000000 00000000 07000000 03000000"
    "0300 0400 03018a0f";

TEST(AdsDiscovery, TellsWhoIsThere) {
  Conversation flow(kProtocol, 48899, Transport::Udp);
  flow.client(bytes_of(kWho)).server(bytes_of(kHere));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "identify");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.fact(Fact::Hostname), "PLC");
  EXPECT_EQ(kept.fact(Fact::Software), "TwinCAT 3.1.3978");
  EXPECT_EQ(kept.fact(Fact::Os), "Windows CE");
  EXPECT_EQ(kept.fact(Fact::OsVersion), "6.0.7");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(AdsDiscovery, KeepsPasswordsToItself) {
  Conversation flow(kProtocol, 48899, Transport::Udp);
  flow.client(
      bytes_of("03661471 02000000 06000000 0a0000010101 1027 05000000"
               "0c00 0200 5200  0700 0600 0a0000010101  0d00 0200 5500"
               "0200 0700 73656372657400  0500 0200 4800"));
  flow.server(
      bytes_of("03661471 02000000 06000080 0a0000020101 1027 01000000"
               "0100 0400 04070000"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "add route");
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigWrite);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].objects.at(0), (NamedObject{"route", "R", 0, 0}));
  EXPECT_EQ(kept.fact(Fact::User), "U");
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("secret"), std::string::npos) << name;
}

TEST(AdsDiscovery, NamesWhatIsWrong) {
  Conversation flow(kProtocol, 48899, Transport::Udp);
  flow.client(bytes_of("03661471 0100"));
  flow.client(bytes_of("03661471 02000000 06000000 0a0000010101 1027 01000000 0c00 2000 52"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.issues.size(), 2U);
  EXPECT_EQ(kept.issues[0], "no discovery message");
  EXPECT_EQ(kept.issues[1], "shorter than its lengths say");
}

Match match(const base::ByteVec& bytes, Transport transport) {
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeAds, NeedsLengthsThatFit) {
  const base::ByteVec good = framed(kDevice, 801, kStation, 33000, 4, 4, 1, "");
  EXPECT_EQ(match(good, Transport::Tcp), Match::Yes);
  base::ByteVec bad = good;
  bad[6 + 20] = 1;
  EXPECT_EQ(match(bad, Transport::Tcp), Match::No);
  EXPECT_EQ(match(base::ByteVec(40, 0), Transport::Tcp), Match::No);
  EXPECT_EQ(match(bytes_of("0000 20"), Transport::Tcp), Match::Unsure);
  EXPECT_EQ(match(bytes_of(kWho), Transport::Udp), Match::Yes);
  EXPECT_EQ(match(base::ByteVec(40, 0), Transport::Udp), Match::No);
}

}  // namespace
}  // namespace dissect::ads
