#include "dissect/enip/enip.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::enip {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

base::ByteVec command(std::uint16_t code, const base::ByteVec& body, std::uint8_t session = 7,
                      std::uint8_t context = 1, std::uint8_t status = 0) {
  base::ByteVec all(24, 0);
  all[0] = static_cast<std::uint8_t>(code);
  all[1] = static_cast<std::uint8_t>(code >> 8U);
  all[2] = static_cast<std::uint8_t>(body.size());
  all[3] = static_cast<std::uint8_t>(body.size() >> 8U);
  all[4] = session;
  all[8] = status;
  all[12] = context;
  all.insert(all.end(), body.begin(), body.end());
  return all;
}

// A CIP message outside of connections.
base::ByteVec unconnected(std::string_view cip, std::uint8_t context = 1) {
  const base::ByteVec inner = bytes_of(cip);
  base::ByteVec body = bytes_of("00000000 0000 0200 0000 0000 b200");
  body.push_back(static_cast<std::uint8_t>(inner.size()));
  body.push_back(static_cast<std::uint8_t>(inner.size() >> 8U));
  body.insert(body.end(), inner.begin(), inner.end());
  return command(0x6f, body, 7, context);
}

// ... inside of one.
base::ByteVec connected(std::string_view id, std::string_view cip) {
  const base::ByteVec inner = bytes_of(cip);
  base::ByteVec body = bytes_of("00000000 0000 0200 a100 0400");
  const base::ByteVec connection = bytes_of(id);
  body.insert(body.end(), connection.begin(), connection.end());
  body.push_back(0xb1);
  body.push_back(0);
  body.push_back(static_cast<std::uint8_t>(inner.size()));
  body.push_back(0);
  body.insert(body.end(), inner.begin(), inner.end());
  return command(0x70, body);
}

Conversation talk() {
  return Conversation(kProtocol, 44818);
}

std::string object_of(const Transaction& one, std::size_t at = 0) {
  if (one.objects.size() <= at) return {};
  const NamedObject& object = one.objects[at];
  return std::string(object.space) + '|' + object.name + '|' + std::to_string(object.first) + '|' +
         std::to_string(object.count);
}

constexpr std::string_view kIdentityHex =
    "0100 0e00 3600 1403 6030 78563412 09 5465737420 504c43 21";

TEST(EnipEncapsulation, ListsIdentity) {
  Conversation flow(kProtocol, 44818, Transport::Udp);
  flow.client(command(0x63, {}, 0));
  base::ByteVec body = bytes_of("0100 0c00 2b00 0100 0002 af12 c0000207 0000000000000000");
  const base::ByteVec identity = bytes_of(kIdentityHex);
  body.insert(body.end(), identity.begin(), identity.end());
  body.push_back(3);
  body[4] = static_cast<std::uint8_t>(body.size() - 6);
  flow.server(command(0x63, body, 0));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "ListIdentity");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.fact(Fact::Vendor), "Rockwell Automation");
  EXPECT_EQ(kept.fact(Fact::VendorId), "CIP 1");
  EXPECT_EQ(kept.fact(Fact::Model), "Test PLC!");
  EXPECT_EQ(kept.fact(Fact::Firmware), "20.3");
  EXPECT_EQ(kept.fact(Fact::Serial), "12345678");
  EXPECT_EQ(kept.fact(Fact::Type), "PLC");
  EXPECT_EQ(kept.fact(Fact::Mode), "remote run");
  EXPECT_EQ(kept.detail("socket_address"), "192.0.2.7");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(EnipEncapsulation, RegistersAndFails) {
  Conversation flow = talk();
  flow.client(command(0x65, bytes_of("0100 0000"), 0));
  flow.server(command(0x65, bytes_of("0100 0000"), 9));
  flow.client(
      command(0x70, bytes_of("00000000 0000 0200 a100 0400 01000000 b100 0200 0100"), 8, 4));
  flow.server(command(0x6f, {}, 8, 5, 0x64));
  flow.client(command(0x66, {}, 9));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].operation.name, "RegisterSession");
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "invalid session handle");
  EXPECT_EQ(kept.transactions[2].operation.name, "UnRegisterSession");
}

TEST(Cip, SendsThroughToASlot) {
  Conversation flow = talk();
  // Get_Attributes_All of the Identity object of who is in slot 2.
  flow.client(unconnected("52 02 2006 2401 05 99 0600 01 02 2001 2401 01 00 01 02"));
  flow.server(unconnected("81 00 00 00" + std::string(kIdentityHex)));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "Get_Attributes_All");
  EXPECT_EQ(one.access, Access::Discovery);
  EXPECT_EQ(one.unit, 2U);
  EXPECT_EQ(object_of(one), "class|Identity|1|1");
  EXPECT_EQ(object_of(one, 1), "instance||1|1");
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  ASSERT_FALSE(kept.evidence_.empty());
  EXPECT_EQ(kept.evidence_[0].slot, 2);
  EXPECT_EQ(kept.fact(Fact::Model), "Test PLC!");
}

TEST(Cip, ReadsAndWritesTags) {
  Conversation flow = talk();
  // Line.Speed[3], one element; then write it.
  flow.client(unconnected("4c 08 91 04 4c696e65 91 05 5370656564 00 28 03 0100"));
  flow.server(unconnected("cc 00 00 00 c400 2a000000"));
  flow.client(unconnected("4d 03 91 04 4c696e65 c400 0100 2b000000", 2));
  flow.server(unconnected("cd 00 05 01 0000", 2));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "Read_Tag");
  EXPECT_EQ(kept.transactions[0].access, Access::Read);
  EXPECT_EQ(object_of(kept.transactions[0]), "tag|Line.Speed[3]|0|1");
  EXPECT_EQ(kept.transactions[1].access, Access::Write);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "path destination unknown");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Cip, TellsEachOfSeveralServices) {
  Conversation flow = talk();
  flow.client(
      unconnected("0a 02 2002 2401 0200 0600 1000 4c 03 91 04 4c696e65 0100 0e 03 2001 2401 3007"));
  flow.server(
      unconnected("8a 00 00 00 0200 0600 0e00 cc 00 00 00 c100 0100 8e 00 00 00 03 414243"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].operation.name, "Multiple_Service_Packet");
  EXPECT_EQ(object_of(kept.transactions[1]), "tag|Line|0|1");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[2].operation.name, "Get_Attribute_Single");
  EXPECT_EQ(kept.transactions[2].access, Access::Discovery);
  EXPECT_EQ(kept.fact(Fact::Model), "ABC");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Cip, OpensConnectionsAndFollowsThem) {
  Conversation flow = talk();
  flow.client(unconnected(
      "54 02 2006 2401 0a 0e 00000000 11000000 0100 3713 2a000000 01000000 80841e00 f843"
      "80841e00 f843 a3 03 01 00 2002 2401"));
  flow.server(
      unconnected("d4 00 00 00 22000000 11000000 0100 3713 2a000000 80841e00 80841e00 00 00"));
  flow.client(connected("22000000", "0500 0e 03 2001 2401 3004"));
  flow.server(connected("11000000", "0500 8e 00 00 00 1403"));
  flow.client(unconnected("4e 02 2006 2401 0a 0e 0100 3713 2a000000 03 00 01 00 2002 2401", 3));
  flow.server(unconnected("ce 00 00 00 0100 3713 2a000000 00 00", 3));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].operation.name, "Forward_Open");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "explicit connection");
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  EXPECT_EQ(kept.transactions[0].unit, 0U);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.fact(Fact::Firmware), "20.3");
  EXPECT_EQ(kept.transactions[2].operation.name, "Forward_Close");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

struct Case {
  std::string_view cip;
  std::string_view name;
  Access access;
};

TEST(Cip, KnowsWhatServicesDo) {
  static constexpr Case kCases[] = {
      {"05 02 2001 2401 00", "Reset", Access::Reset},
      {"06 02 2064 2401", "Start", Access::Start},
      {"07 02 2064 2401 deadbeef", "Stop", Access::Stop},
      {"10 03 20f5 2401 3005 c0000201", "Set_Attribute_Single", Access::ConfigWrite},
      {"0e 03 2004 2464 3003", "Get_Attribute_Single", Access::Read},
      {"08 02 2068 2400", "Create", Access::ProgramDownload},
      {"4d 02 20a1 2401 00", "", Access::Firmware},
      {"55 02 206b 2400 0100 0100", "Get_Instance_Attribute_List", Access::ConfigRead},
      {"04 02 208b 2401 0100 0600 00", "Set_Attribute_List", Access::ConfigWrite},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(unconnected(one.cip));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.cip;
    EXPECT_EQ(kept.transactions[0].operation.name, one.name) << one.cip;
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.cip;
    EXPECT_TRUE(kept.issues.empty()) << one.cip;
  }
}

TEST(Pccc, ReadsFilesAndChangesModes) {
  Conversation flow = talk();
  flow.client(unconnected("4b 02 2067 2401 07 3713 2a000000 0f 00 0100 a2 02 07 89 05 00"));
  flow.server(unconnected("cb 00 00 00 07 3713 2a000000 4f 00 0100 1234"));
  flow.client(unconnected("4b 02 2067 2401 07 3713 2a000000 0f 00 0200 80 01", 2));
  flow.server(unconnected("cb 00 00 00 07 3713 2a000000 4f 10 0200", 2));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::Read);
  EXPECT_EQ(object_of(kept.transactions[0]), "data file|N7|5|2");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "change mode");
  EXPECT_EQ(kept.transactions[1].access, Access::ModeChange);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(EnipIo, IsTold) {
  Conversation flow(kProtocol, 2222, Transport::Udp);
  flow.client(bytes_of("0200 0280 0800 22000000 01000000 b100 0600 0100 00000000"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(object_of(kept.transactions[0]), "I/O connection||34|1");
}

TEST(EnipMalformed, IsNamed) {
  struct Wrong {
    std::string_view cip;
    std::string_view issue;
  };
  static constexpr Wrong kCases[] = {
      {"0e 09 2001", "CIP message ends too early"},
      {"0e 01 ff00", "CIP path that cannot be"},
      {"0a 02 2002 2401 0200 0600 0400 0000", "services that do not fit"},
      {"52 02 2006 2401 05 99 0f00 01", "Unconnected_Send ends too early"},
      {"54 02 2006 2401 05 99", "CIP service ends too early"},
  };
  for (const Wrong& one : kCases) {
    Conversation flow = talk();
    flow.client(unconnected(one.cip));
    Kept& kept = flow.done();
    ASSERT_FALSE(kept.issues.empty()) << one.cip;
    EXPECT_EQ(kept.issues[0], one.issue) << one.cip;
  }
}

Match match(const base::ByteVec& bytes, Transport transport = Transport::Tcp) {
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeEnip, NeedsAHeaderThatFits) {
  EXPECT_EQ(match(unconnected("0e 03 2001 2401 3007")), Match::Yes);
  EXPECT_EQ(match(command(0x63, {}, 0), Transport::Udp), Match::Likely);
  EXPECT_EQ(match(command(0x65, bytes_of("0100 0000"), 0)), Match::Yes);
  EXPECT_EQ(match(command(0x65, bytes_of("0200 0000"), 0)), Match::No);
  EXPECT_EQ(match(command(0x99, {}, 0)), Match::No);
  EXPECT_EQ(match(bytes_of("6f00")), Match::Unsure);
  EXPECT_EQ(match(base::ByteVec(24, 0)), Match::Unsure);
  EXPECT_EQ(
      match(bytes_of("0200 0280 0800 22000000 01000000 b100 0600 0100 00000000"), Transport::Udp),
      Match::Yes);
}

}  // namespace
}  // namespace dissect::enip
