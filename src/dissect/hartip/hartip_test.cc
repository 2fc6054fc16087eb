#include "dissect/hartip/hartip.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/hartip/commands.h"
#include "dissect/testing.h"

namespace dissect::hartip {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

base::ByteVec message(std::uint8_t type, std::uint8_t id, const base::ByteVec& body,
                      std::uint16_t sequence = 1, std::uint8_t status = 0) {
  const std::size_t size = 8 + body.size();
  base::ByteVec all = {1,
                       type,
                       id,
                       status,
                       static_cast<std::uint8_t>(sequence >> 8U),
                       static_cast<std::uint8_t>(sequence),
                       static_cast<std::uint8_t>(size >> 8U),
                       static_cast<std::uint8_t>(size)};
  all.insert(all.end(), body.begin(), body.end());
  return all;
}

// A frame of the data link with its count and checksum.
base::ByteVec frame(std::string_view start, std::uint8_t command, std::string_view data) {
  base::ByteVec all = bytes_of(start);
  const base::ByteVec rest = bytes_of(data);
  all.push_back(command);
  all.push_back(static_cast<std::uint8_t>(rest.size()));
  all.insert(all.end(), rest.begin(), rest.end());
  std::uint8_t sum = 0;
  for (const std::uint8_t byte : all)
    sum ^= byte;
  all.push_back(sum);
  return all;
}

constexpr std::string_view kToDevice = "82 1a 2b 00 00 07";
constexpr std::string_view kFromDevice = "86 1a 2b 00 00 07";

base::ByteVec ask(std::uint8_t command, std::string_view data, std::uint16_t sequence = 1) {
  return message(0, 3, frame(kToDevice, command, data), sequence);
}
base::ByteVec answer(std::uint8_t command, std::string_view data, std::uint16_t sequence = 1) {
  return message(1, 3, frame(kFromDevice, command, data), sequence);
}

Conversation talk() {
  return Conversation(kProtocol, 5094, Transport::Udp);
}

TEST(HartIp, ReadsTheMainVariable) {
  Conversation flow = talk();
  flow.client(ask(1, "")).server(answer(1, "00 40 27 41480000"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "read primary variable");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.unit, 0x2b000007U);
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("pv"), "12.500000");
  EXPECT_EQ(kept.detail("pv_units"), "39");
  EXPECT_EQ(kept.detail("device_status"), "64");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(HartIp, OpensAndKeepsSessions) {
  Conversation flow(kProtocol, 5094);
  const base::ByteVec open = message(0, 0, bytes_of("01 00007530"));
  for (const std::uint8_t byte : open)
    flow.client(base::ByteView(&byte, 1));
  flow.server(message(1, 0, bytes_of("01 0000ea60")));
  flow.client(message(0, 2, {}, 2)).server(message(1, 2, {}, 2));
  flow.client(message(0, 0, bytes_of("01 00007530"), 3));
  flow.server(message(1, 0, bytes_of("01 0000ea60"), 3, 15));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].operation.name, "session initiate");
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  EXPECT_EQ(kept.detail("inactivity_timer"), "30000");
  EXPECT_EQ(kept.transactions[1].access, Access::None);
  EXPECT_EQ(kept.transactions[2].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[2].status.name, "all sessions in use");
}

// Universal revision 7: 254, type, preambles, revisions, hardware, flags, id, preambles, variables,
// changes, status, manufacturer, label, profile.
constexpr std::string_view kIdentity =
    "00 00 fe 1a2b 05 07 03 09 10 00 000007 05 04 0002 00 0011 0011 01";

TEST(HartIp, TellsTheDevice) {
  Conversation flow = talk();
  flow.client(message(0, 3, frame("02 00", 0, "")));
  flow.server(message(1, 3, frame("06 00", 0, kIdentity)));
  flow.client(ask(20, "", 2)).server(answer(20, "00 00 54616e6b2031" + std::string(52, '0'), 2));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.at(0).unit, 0U);
  EXPECT_EQ(kept.transactions.at(0).access, Access::Discovery);
  EXPECT_EQ(kept.fact(Fact::Vendor), "Endress+Hauser");
  EXPECT_EQ(kept.fact(Fact::VendorId), "HART 17");
  EXPECT_EQ(kept.fact(Fact::Serial), "7");
  EXPECT_EQ(kept.fact(Fact::Firmware), "9");
  EXPECT_EQ(kept.fact(Fact::Hardware), "2");
  EXPECT_EQ(kept.fact(Fact::Model), "HART type 6699");
  EXPECT_EQ(kept.fact(Fact::Name), "Tank 1");
}

TEST(HartIp, TellsDevicesBehindAGatewayApart) {
  Conversation flow = talk();
  flow.client(message(0, 3, frame("02 00", 0, "")));
  flow.server(message(1, 3, frame("06 00", 0, kIdentity)));
  flow.client(message(0, 3, frame("82 11 55 00 01 00", 0, ""), 2));
  flow.server(message(1, 3,
                      frame("86 11 55 00 01 00", 0,
                            "00 00 fe 1155 05 07 01 01 10 00 000100 05 04 0002 00 0026 0026 01"),
                      2));
  flow.client(message(0, 3, frame("82 11 55 00 01 00", 13, ""), 3));
  flow.server(message(
      1, 3, frame("86 11 55 00 01 00", 13, "00 00 040041 000000 000000000000000000000000 010101"),
      3));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Module), "Rosemount, type 4437, id 256");
  EXPECT_EQ(kept.fact(Fact::Serial), "7");
  EXPECT_EQ(kept.fact(Fact::Name), "") << "it is not the gateway's";
}

struct Case {
  std::uint8_t command;
  std::string_view data;
  Access access;
};

TEST(HartIp, KnowsWhatCommandsDo) {
  static constexpr Case kCases[] = {
      {6, "01 00", Access::ConfigWrite},
      {9, "00 01", Access::Read},
      {18, "041041 041041 000000000000000000000000 010179", Access::ConfigWrite},
      {35, "27 42c80000 00000000", Access::ConfigWrite},
      {40, "41400000", Access::ModeChange},
      {41, "", Access::Diagnostics},
      {42, "", Access::Reset},
      {79, "00 01 27 42c80000 00", Access::Write},
      {31, "0201 5553", Access::ConfigWrite},
      {140, "0102", Access::None},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(ask(one.command, one.data));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << int{one.command};
    EXPECT_EQ(kept.transactions[0].access, one.access) << int{one.command};
    EXPECT_FALSE(kept.transactions[0].operation.name.empty());
    EXPECT_TRUE(kept.issues.empty()) << int{one.command} << kept.issues[0];
  }
}

TEST(HartIp, NamesVariables) {
  Conversation flow = talk();
  flow.client(ask(9, "00 f4"));
  flow.server(answer(9, "00 00 00 00 41 27 41480000 c0 f4 00 fb 7fa00000 30 00001234"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.at(0).objects.size(), 2U);
  EXPECT_EQ(kept.transactions[0].objects[1], (NamedObject{"device variable", "", 0xf4, 1}));
  EXPECT_EQ(kept.detail("variable_value"), "12.500000");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(HartIp, TellsWhatFailed) {
  Conversation flow = talk();
  flow.client(ask(35, "27 42c80000 00000000")).server(answer(35, "07 00"));
  flow.client(ask(44, "27", 2)).server(answer(44, "88 00", 2));
  flow.client(ask(34, "3f800000", 3)).server(answer(34, "08 00 3f000000", 3));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.at(0).status.name, "in write protect mode");
  EXPECT_EQ(kept.transactions.at(0).status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions.at(1).status.name, "communication error");
  EXPECT_EQ(kept.transactions.at(2).status.outcome, Outcome::Ok) << "a warning";
}

TEST(HartIp, ReadsDirectCommands) {
  Conversation flow = talk();
  flow.client(message(0, 4, bytes_of("0000 0014 00 004f 08 00 01 27 42c80000 00")));
  flow.server(message(1, 4, bytes_of("0000 0014 01 07 004f 01 10")));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "read long tag");
  EXPECT_EQ(kept.transactions[0].access, Access::Write) << "the second command writes";
  EXPECT_EQ(kept.transactions[0].status.name, "access restricted");
}

TEST(HartIp, ReadsWhatIsPublished) {
  Conversation flow = talk();
  flow.server(message(2, 3, frame("81 1a 2b 00 00 07", 1, "00 00 27 41480000")));
  flow.client(message(0, 5, bytes_of("00 ff"), 4)).server(message(15, 5, {}, 4, 16));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[1].operation.name, "read audit log");
  EXPECT_EQ(kept.transactions[1].status.name, "access restricted");
}

TEST(HartIp, NamesWhatIsWrong) {
  Conversation flow = talk();
  base::ByteVec bad = ask(1, "");
  bad.back() ^= 1U;
  flow.client(bad).client(ask(35, "27 42")).client(bytes_of("0100"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.issues.size(), 3U);
  EXPECT_EQ(kept.issues[0], "checksum is wrong");
  EXPECT_EQ(kept.issues[1], "shorter than its command needs");
  EXPECT_EQ(kept.issues[2], "header that cannot be");
}

TEST(HartCommands, UnpackText) {
  EXPECT_EQ(packed_text(bytes_of("414b71c31820")), "PT-101");
  EXPECT_EQ(packed_text(bytes_of("820820820820")), "");
}

Match match(const base::ByteVec& bytes, Transport transport) {
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeHartIp, NeedsABodyThatFits) {
  EXPECT_EQ(match(ask(1, ""), Transport::Udp), Match::Yes);
  EXPECT_EQ(match(message(0, 0, bytes_of("01 00007530")), Transport::Tcp), Match::Yes);
  EXPECT_EQ(match(message(0, 2, {}), Transport::Udp), Match::Likely);
  EXPECT_EQ(match(bytes_of("0100"), Transport::Tcp), Match::Unsure);
  EXPECT_EQ(match(bytes_of("0001 0000 0006 0103 0000 0001"), Transport::Tcp), Match::No)
      << "Modbus";
  EXPECT_EQ(match(message(0, 3, bytes_of("82 1a 2b 00 00 07 01 05 00")), Transport::Udp),
            Match::No);
}

}  // namespace
}  // namespace dissect::hartip
