#include "dissect/neighbors/neighbors.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::neighbors {
namespace {

using testing::bytes_of;
using testing::Conversation;

TEST(Lldp, ADeviceDescribesItself) {
  Conversation one(kLldp, 0, Transport::Link);
  // chassis by hardware address, port "p1", 20 s, name "sw", description "OS 1", bridge, 192.0.2.9,
  // VLAN 10, serial "S1", model "M2", end
  one.client(
      bytes_of("0207 04 020000000001 0403 05 7031 0602 0014 0a02 7377 0c04 4f532031 0e04 0004 0004 "
               "100c 05 01 c0000209 02 00000007 00 fe06 0080c2 01 000a fe06 0012bb 08 5331 "
               "fe06 0012bb 0a 4d32 0000"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("chassis_id"), "02:00:00:00:00:01");
  EXPECT_EQ(kept.detail("port_id"), "p1");
  EXPECT_EQ(kept.detail("time_to_live"), "20");
  EXPECT_EQ(kept.detail("system_name"), "sw");
  EXPECT_EQ(kept.detail("enabled_capabilities"), "4");
  EXPECT_EQ(kept.detail("management_address"), "192.0.2.9");
  EXPECT_EQ(kept.detail("management_interface"), "7");
  EXPECT_EQ(kept.detail("port_vlan"), "10");
  EXPECT_EQ(kept.fact(Fact::Name), "sw");
  EXPECT_EQ(kept.fact(Fact::Software), "OS 1");
  EXPECT_EQ(kept.fact(Fact::Type), "switch");
  EXPECT_EQ(kept.fact(Fact::Ip), "192.0.2.9");
  EXPECT_EQ(kept.fact(Fact::Serial), "S1");
  EXPECT_EQ(kept.fact(Fact::Model), "M2");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "announcement");
  EXPECT_EQ(kept.transactions[0].objects[0].name, "p1");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Lldp, SaysWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"0207 04 0200", "message ends within a value"},
      {"0403 05 7031 0207 04 020000000001 0602 0014 0000",
       "mandatory value is not where it has to be"},
      {"0207 04 020000000001 0403 05 7031 0602 0014 0e02 0004 0000",
       "capabilities of a wrong size"},
      {"0207 04 020000000001 0403 05 7031 0602 0014 1003 05 01 c0 0000",
       "management address of a wrong size"},
  };
  for (const Case& one : cases) {
    Conversation talk(kLldp, 0, Transport::Link);
    talk.client(bytes_of(one.bytes));
    ASSERT_FALSE(talk.kept().issues.empty()) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

constexpr std::string_view kAnnouncement =
    "00000c2000 02 b4 0000 0001 0006 7231 0002 0011 00000001 01 01 cc 0004 c0000209 "
    "0003 0007 467030 0004 0008 00000008 0006 000f 636973636f 20 5753 2d 4339 000a 0006 0007";

TEST(Cdp, ADeviceDescribesItself) {
  Conversation one(kCdp, 0, Transport::Link);
  one.client(bytes_of(kAnnouncement));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("version"), "2");
  EXPECT_EQ(kept.detail("time_to_live"), "180");
  EXPECT_EQ(kept.detail("device_id"), "r1");
  EXPECT_EQ(kept.detail("address"), "192.0.2.9");
  EXPECT_EQ(kept.detail("port_id"), "Fp0");
  EXPECT_EQ(kept.detail("platform"), "cisco WS-C9");
  EXPECT_EQ(kept.detail("native_vlan"), "7");
  EXPECT_EQ(kept.fact(Fact::Type), "switch");
  EXPECT_EQ(kept.fact(Fact::Vendor), "Cisco");
  EXPECT_EQ(kept.fact(Fact::Model), "WS-C9");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Cdp, SaysWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"00000c2000 02", "message ends within its header"},
      {"00000c2000 02 b4 0000 0001 0003 72", "value shorter than its own header"},
      {"00000c2000 02 b4 0000 0001 0009 7231", "message ends within a value"},
      {"00000c2000 02 b4 0000 0002 000b 00000001 01 01 cc", "address ends after its value"},
  };
  for (const Case& one : cases) {
    Conversation talk(kCdp, 0, Transport::Link);
    talk.client(bytes_of(one.bytes));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

TEST(Stp, ARootIsTold) {
  Conversation one(kStp, 0, Transport::Link);
  one.client(bytes_of(
      "0000 02 02 3d 8001 020000000009 00004e20 8001 020000000001 8002 0100 1400 0200 0f00 00"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("root_priority"), "32768");
  EXPECT_EQ(kept.detail("root_extension"), "1");
  EXPECT_EQ(kept.detail("root_cost"), "20000");
  EXPECT_EQ(kept.detail("port"), std::to_string(0x8002));
  EXPECT_EQ(kept.detail("max_age"), "20.000000");
  EXPECT_EQ(kept.fact(Fact::Type), "switch");
  EXPECT_EQ(kept.transactions[0].operation.name, "rapid configuration");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "topology change");
  EXPECT_EQ(kept.transactions[0].objects[0].name, "02:00:00:00:00:09");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Stp, PerVlanTreesComeInSnap) {
  Conversation one(kStp, 0, Transport::Link);
  one.client(bytes_of("00000c010b 0000 00 80"));
  ASSERT_EQ(one.kept().transactions.size(), 1U);
  EXPECT_EQ(one.kept().transactions[0].operation.name, "topology change");
}

TEST(Stp, SaysWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"0000", "message ends within its header"},
      {"0001 00 80", "protocol is not spanning tree"},
      {"0000 00 77", "unknown type of message"},
      {"0000 00 00 01 8000", "message ends within the tree's values"},
      {"0000 00 00 00 8001 020000000009 00004e20 8001 020000000001 8002 1400 1400 0200 0f00",
       "message is older than it may be"},
  };
  for (const Case& one : cases) {
    Conversation talk(kStp, 0, Transport::Link);
    talk.client(bytes_of(one.bytes));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

TEST(Neighbors, ProbesKnowTheirOwn) {
  FlowInfo flow;
  flow.transport = Transport::Link;
  flow.selector = 0xaaaa;
  const base::ByteVec cdp = bytes_of(kAnnouncement);
  const base::ByteVec tree = bytes_of("00000c010b 0000 00 80");
  EXPECT_EQ(kCdp.probe({flow, Side::A, cdp, {}}), Match::Yes);
  EXPECT_EQ(kCdp.probe({flow, Side::A, tree, {}}), Match::No);
  EXPECT_EQ(kStp.probe({flow, Side::A, tree, {}}), Match::Yes);
  EXPECT_EQ(kStp.probe({flow, Side::A, cdp, {}}), Match::No);
}

}  // namespace
}  // namespace dissect::neighbors
