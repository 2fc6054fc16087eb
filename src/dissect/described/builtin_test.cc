// The protocols of content/protocols, by vectors of our own.
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dissect/described/described.h"
#include "dissect/testing.h"

namespace dissect::described {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

const Protocol& named(std::string_view name) {
  for (const Protocol* const one : builtin()) {
    if (one->name == name) return *one;
  }
  ADD_FAILURE() << "there is no " << name;
  return *builtin().front();
}

Match judge(const Protocol& protocol, std::string_view hex, Transport transport = Transport::Tcp) {
  FlowInfo flow;
  flow.transport = transport;
  const base::ByteVec bytes = bytes_of(hex);
  return protocol.probe({flow, Side::A, bytes, {}});
}

TEST(Genisys, PairsPollsAndData) {
  Conversation flow(named("genisys"), 10001);
  flow.client(bytes_of("fd0700e2f6")).server(bytes_of("f20701f005 0203f00066f6"));
  flow.client(bytes_of("fc070a0146d5f6")).server(bytes_of("f3070a01 45c1f6"));
  flow.client(bytes_of("fb07f6")).server(bytes_of("f107f6"));
  // A CRC's 0xf0 that is not escaped, as some send it.
  flow.server(bytes_of("f20108060a040c040f0409f0f6"));
  const Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty());
  ASSERT_EQ(kept.transactions.size(), 4U);
  const Transaction& recall = kept.transactions[0];
  EXPECT_EQ(recall.operation.name, "recall");
  EXPECT_EQ(recall.access, Access::Read);
  EXPECT_EQ(recall.unit, 7U);
  EXPECT_EQ(recall.response_bytes, 4U);
  ASSERT_EQ(recall.objects.size(), 2U);
  EXPECT_EQ(recall.objects[1], (NamedObject{"indication", "", 2, 1}));
  EXPECT_EQ(kept.transactions[1].access, Access::Write);
  EXPECT_EQ(kept.transactions[1].objects.at(0), (NamedObject{"control", "", 10, 1}));
  EXPECT_EQ(kept.transactions[2].operation.name, "poll");
  // 0xf5 came escaped.
  EXPECT_EQ(kept.detail("data"), std::to_string(0xf5));
}

TEST(Genisys, RefusesAWrongChecksum) {
  Conversation flow(named("genisys"), 10001);
  flow.client(bytes_of("fd0701e2f6"));
  EXPECT_THAT(flow.done().issues, ::testing::ElementsAre("checksum that is wrong"));
  EXPECT_EQ(judge(named("genisys"), "fd0701e2f6"), Match::No);
  EXPECT_EQ(judge(named("genisys"), "fd0700e2f6"), Match::Likely);
  EXPECT_EQ(judge(named("genisys"), "fd07"), Match::Unsure);
  EXPECT_EQ(judge(named("genisys"), "474554"), Match::No);
}

TEST(SBus, ReadsAndWrites) {
  Conversation flow(named("s-bus"), 5050, Transport::Udp);
  flow.client(bytes_of("0000001001000007000a060100645919"));
  flow.server(bytes_of("00000013010000070100000001fffffffeda51"));
  flow.client(bytes_of("0000001401000008000a0e0500640000002a110b"));
  flow.server(bytes_of("0000000d0100000802000225e4"));
  const Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty());
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "read registers");
  EXPECT_EQ(kept.transactions[0].unit, 10U);
  EXPECT_EQ(kept.transactions[0].objects.at(0), (NamedObject{"register", "", 100, 2}));
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].access, Access::Write);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "refused: password");
  EXPECT_EQ(kept.detail("value"), "1");
}

TEST(SBus, TellsTheController) {
  Conversation flow(named("s-bus"), 5050, Transport::Udp);
  flow.client(bytes_of("0000000d01000009000a20d6db"));
  flow.server(bytes_of("0000001401000009012044324d3120303035cf90"));
  flow.client(bytes_of("0000000d0100000b000a144d64")).server(bytes_of("0000000c0100000b0152aebc"));
  flow.client(bytes_of("0000000d0100000a00ff448d11"));
  const Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Model), "D2M1");
  EXPECT_EQ(kept.fact(Fact::Firmware), "005");
  EXPECT_EQ(kept.fact(Fact::Mode), "run");
  ASSERT_EQ(kept.transactions.size(), 3U);
  // To all stations: nobody answers.
  EXPECT_EQ(kept.transactions[2].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[2].access, Access::Stop);
}

TEST(SBus, IsSureOfItself) {
  const Protocol& protocol = named("s-bus");
  EXPECT_EQ(judge(protocol, "0000000d01000009000a20d6db", Transport::Udp), Match::Yes);
  EXPECT_EQ(judge(protocol, "0000000d01000009000a20d6dc", Transport::Udp), Match::No);
  EXPECT_EQ(judge(protocol, "0000000e01000009000a20d6db", Transport::Udp), Match::No);
}

TEST(RocPlus, ReadsConfigurationAndSystemVariables) {
  Conversation flow(named("roc-plus"), 4000);
  flow.client(bytes_of("0102030406003a2f"));
  flow.server(bytes_of("03040102066101a00f00000000" + std::string(22, '0') + "06" +
                       std::string(156, '0') + "58cc"));
  flow.client(bytes_of("01020304b404015b0003e72d"));
  flow.server(bytes_of("03040102b418015b000357363832353256657220312e31302020202020206232"));
  const Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty()) << kept.issues.front();
  EXPECT_EQ(kept.fact(Fact::Vendor), "Emerson");
  EXPECT_EQ(kept.fact(Fact::Model), "ROC800");
  EXPECT_EQ(kept.fact(Fact::Firmware), "W68252Ver 1.10");
  EXPECT_EQ(kept.fact(Fact::Mode), "run");
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.transactions[1].access, Access::Read);
  EXPECT_EQ(kept.transactions[1].unit, 1U);
  EXPECT_EQ(kept.transactions[1].objects.at(0), (NamedObject{"parameter", "91,0", 3, 1}));
}

TEST(RocPlus, WritesLogsInAndDeletesFiles) {
  Conversation flow(named("roc-plus"), 4000);
  flow.client(bytes_of("01020304b505012f0003072669")).server(bytes_of("03040102b5002744"));
  flow.client(bytes_of("010203041106414243010203844d"));
  flow.server(bytes_of("03040102ff02100561d8"));
  const Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty());
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::Write);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].access, Access::Authentication);
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "login");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "security error");
  EXPECT_EQ(kept.fact(Fact::User), "ABC");
}

TEST(RocPlus, FindsTheNextMessageByItsChecksum) {
  Conversation flow(named("roc-plus"), 4000);
  EXPECT_EQ(flow.session().resync(Side::A, bytes_of("0001000200 0102030406003a2f")), 5U);
}

std::string srtp(std::string_view type, std::string_view sequence, std::string_view rest) {
  // Header to the mailbox' sequence number, then what is given; 56 bytes.
  std::string hex =
      fmt::format("{}00{}00 0000{}00000000{}", type, sequence, std::string(40, '0'), sequence);
  std::string digits;
  for (const char c : hex + std::string(rest)) {
    if (c != ' ') digits += c;
  }
  digits.resize(112, '0');
  return digits;
}

TEST(GeSrtp, FindsTheServiceOfAResponse) {
  Conversation flow(named("ge-srtp"), 18245);
  flow.client(bytes_of(std::string(112, '0'))).server(bytes_of("01" + std::string(110, '0')));
  flow.client(bytes_of(srtp("02", "05", "c0 00000000 100e0000 01 01 04 08 6300 0400")));
  flow.server(
      bytes_of(srtp("03", "05", "d4 100e0000 00000000 01 01 00 00 010203040506 ff 02 6400 0001")));
  flow.client(bytes_of(srtp("02", "06", "c0 00000000 200e0000 01 01 23 02")));
  flow.server(bytes_of(srtp("03", "06", "d1 200e0000 00000000 01 01 02 07")));
  const Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty());
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].operation.name, "read system memory");
  EXPECT_EQ(kept.transactions[1].objects.at(0), (NamedObject{"memory", "%R", 99, 4}));
  EXPECT_EQ(kept.transactions[1].unit, 1U);
  EXPECT_EQ(kept.transactions[2].access, Access::Stop);
  EXPECT_EQ(kept.transactions[2].unit, 2U);
  EXPECT_EQ(kept.transactions[2].status.name, "insufficient privilege");
  EXPECT_EQ(kept.fact(Fact::Mode), "run");
  EXPECT_EQ(kept.detail("privilege_level"), "2");
}

TEST(GeSrtp, IsNotEveryZero) {
  const Protocol& protocol = named("ge-srtp");
  EXPECT_EQ(judge(protocol, std::string(112, '0')), Match::Likely);
  EXPECT_EQ(judge(protocol, srtp("02", "05", "c0 00000000 100e0000 01 01 04")), Match::Likely);
  EXPECT_EQ(judge(protocol, srtp("02", "05", "c1 00000000 100e0000 01 01 04")), Match::No);
  EXPECT_EQ(judge(protocol, std::string(114, '0')), Match::No) << "zeros go on";
  EXPECT_EQ(judge(protocol, "000000000000"), Match::Unsure);
  EXPECT_EQ(judge(protocol, "00010000"), Match::No);
}

TEST(Bsap, ReadsAndWritesSignals) {
  Conversation flow(named("bsap"), 1234, Transport::Udp);
  // "@A.B" and "@C" asked for by name, then answered: a state and a number.
  flow.client(
      bytes_of("0e00 0100 0600 07000000 06000000 19000000 0c 07000000 a0 00 04 03 d001 0f 02"
               "40412e4200 404300"));
  flow.server(
      bytes_of("0e00 0100 0500 08000000 07000000 1a000000 0c 07000000 00 02"
               "00 01 1400 2477  02 0000a042 0600 2477"));
  flow.client(
      bytes_of("0e00 0100 0600 09000000 08000000 13000000 0c 09000000 a0 00 80 2477 0f 01"
               "1100 0a"));
  flow.client(bytes_of("0e00 0000 0000 00000000 09000000"));
  const Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty()) << kept.issues.front();
  ASSERT_EQ(kept.transactions.size(), 3U);
  const Transaction& read = kept.transactions[0];
  EXPECT_EQ(read.operation.name, "remote database access");
  EXPECT_EQ(read.sub_operation.name, "read signal by name");
  EXPECT_EQ(read.access, Access::Read);
  ASSERT_EQ(read.objects.size(), 2U);
  EXPECT_EQ(read.objects[0].name, "@A.B");
  EXPECT_EQ(read.status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("value"), "80.000000");
  EXPECT_EQ(kept.transactions[1].operation.name, "poll");
  EXPECT_EQ(kept.transactions[2].access, Access::Write);
  EXPECT_EQ(kept.transactions[2].objects.at(0), (NamedObject{"signal", "", 17, 1}));
}

TEST(Bsap, RefusesWhatDoesNotFit) {
  Conversation flow(named("bsap"), 1234, Transport::Udp);
  flow.client(bytes_of("0e00 0100 0600 07000000 06000000 18000000 0c 0700"));
  flow.client(bytes_of("0e00 0000 0000 00000000 09000000 00"));
  EXPECT_THAT(flow.done().issues, ::testing::ElementsAre("shorter than its fields",
                                                         "a count that does not fit the message"));
  EXPECT_EQ(judge(named("bsap"), "0e00 0000 0000 00000000 09000000", Transport::Udp),
            Match::Likely);
  EXPECT_EQ(judge(named("bsap"), "0f00 0000 0000 00000000 09000000", Transport::Udp), Match::No);
}

TEST(Dlms, AssociatesAndReads) {
  Conversation flow(named("dlms"), 4059);
  // Client 16 at logical device 1: logical names, low security with a password that stays unsaid.
  flow.client(
      bytes_of("0001 0010 0001 0029 60 27 a109 0607 60857405080101 8a02 0780"
               "8b07 60857405080201 ac0a 8008 3132333435363738 be01 00"));
  flow.server(
      bytes_of("0001 0001 0010 0019 61 17 a109 0607 60857405080101 a203 020100"
               "a305 a103 020100"));
  flow.client(bytes_of("0001 0010 0001 000d c0 01 c1 0001 00002a0000ff 02 00"));
  flow.server(bytes_of("0001 0001 0010 000a c4 01 c1 00 09 04 54455354"));
  flow.client(bytes_of("0001 0010 0001 000d c0 01 c2 0003 0100010800ff 02 00"));
  flow.server(bytes_of("0001 0001 0010 0005 c4 01 c2 01 03"));
  flow.client(bytes_of("0001 0010 0001 000f c3 01 c3 0046 000060030aff 01 01 0f 00"));
  flow.server(bytes_of("0001 0001 0010 0005 c7 01 c3 00 00"));
  const Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty()) << kept.issues.front();
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_EQ(kept.transactions[0].operation.name, "associate");
  EXPECT_EQ(kept.transactions[0].access, Access::Authentication);
  EXPECT_EQ(kept.transactions[0].status.name, "accepted");
  EXPECT_EQ(kept.transactions[1].unit, 1U);
  EXPECT_EQ(kept.transactions[1].objects.at(0), (NamedObject{"attribute", "0-0:42.0.0.255", 2, 1}));
  EXPECT_EQ(kept.transactions[2].status.name, "read or write denied");
  EXPECT_EQ(kept.transactions[3].access, Access::Stop);
  EXPECT_EQ(kept.transactions[3].objects.at(0), (NamedObject{"method", "0-0:96.3.10.255", 1, 1}));
  EXPECT_EQ(kept.fact(Fact::Name), "TEST");
  EXPECT_EQ(kept.detail("mechanism"), "1");
  for (const auto& [name, value] : kept.details)
    EXPECT_THAT(value, ::testing::Not(::testing::HasSubstr("12345678"))) << name;
}

TEST(Dlms, ReadsValuesFlat) {
  Conversation flow(named("dlms"), 4059);
  flow.server(
      bytes_of("0001 0001 0010 0015 c4 01 c1 00 01 02 02 02 12 0007 0f ff 02 02 17 3fc00000 00"));
  const Kept& kept = flow.done();
  EXPECT_TRUE(kept.issues.empty()) << kept.issues.front();
  EXPECT_EQ(kept.detail("array_count"), "2");
  EXPECT_EQ(kept.detail("integer"), "7");
  EXPECT_EQ(kept.detail("real"), "1.500000");
  flow.server(bytes_of("0001 0001 0010 0006 c4 01 c1 00 63 00"));
  EXPECT_THAT(flow.done().issues, ::testing::ElementsAre("type of data that there is not"));
  EXPECT_EQ(judge(named("dlms"), "0001 0001 0010 0006 c4 01 c1 00 63 00"), Match::No);
  EXPECT_EQ(judge(named("dlms"), "0001 0001 0010 0005 c4 01 c2 01 03"), Match::Likely);
  EXPECT_EQ(judge(named("dlms"), "0002 0001 0010 0005 c4 01 c2 01 03"), Match::No);
}

}  // namespace
}  // namespace dissect::described
