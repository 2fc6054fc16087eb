#include "dissect/snmp/snmp.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::snmp {
namespace {

using testing::bytes_of;
using testing::Conversation;

// get 7 of sysDescr and sysName, community "public", and its answer
constexpr std::string_view kGet =
    "303402010104067075626c6963a027020107020100020100301c300c06082b060102010101000500300c06082b"
    "060102010105000500";
constexpr std::string_view kAnswer =
    "304102010104067075626c6963a2340201070201000201003029301506082b060102010101000409556e697420"
    "4f532032301006082b060102010105000404706c6337";
// An answer with sysObjectID, a serial number and a time.
constexpr std::string_view kEntity =
    "305302010104067075626c6963a246020107020100020100303b301406082b0601020101020006082b06010401"
    "a169063013060c2b060102012f010101010b010403532d31300e06082b0601020101030043020100";
// set 8 of sysLocation with another community, and its refusal
constexpr std::string_view kSet =
    "3027020101040668696464656ea31a020108020100020100300f300d06082b06010201010600040178";
constexpr std::string_view kRefused =
    "3027020101040668696464656ea21a020108020111020101300f300d06082b06010201010600040178";
// Version 1: a link is down at 192.0.2.9.
constexpr std::string_view kTrap =
    "3027020100040668696464656ea41a06072b0601040109014004c00002090201030201004301053000";
// Version 3 of the user "ann", in the clear.
constexpr std::string_view kVersion3 =
    "3042020103300d02010502022000040104020103041b30190408800000090300aabb0201010201020403616e6e"
    "04000400301104000400a00b0201070201000201003000";

TEST(Snmp, ADeviceSaysWhatItIs) {
  Conversation one(kProtocol, 161, Transport::Udp);
  one.client(bytes_of(kGet));
  one.server(bytes_of(kAnswer));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("version"), "1");
  EXPECT_EQ(kept.detail("request_id"), "7");
  EXPECT_EQ(kept.detail("name"), "1.3.6.1.2.1.1.1.0");
  EXPECT_EQ(kept.detail("value_octets"), "Unit OS 2");
  EXPECT_EQ(kept.fact(Fact::Software), "Unit OS 2");
  EXPECT_EQ(kept.fact(Fact::Name), "plc7");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "get");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "common community");
  EXPECT_EQ(kept.transactions[0].access, Access::Read);
  EXPECT_EQ(kept.transactions[0].objects.size(), 2U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Snmp, EntitiesAndVendorsAreTold) {
  Conversation one(kProtocol, 161, Transport::Udp);
  one.server(bytes_of(kEntity));
  EXPECT_EQ(one.kept().fact(Fact::VendorId), "enterprise 4329");
  EXPECT_EQ(one.kept().fact(Fact::Serial), "S-1");
  EXPECT_EQ(one.kept().detail("value_ticks"), "256");
}

TEST(Snmp, AWriteMayBeRefused) {
  Conversation one(kProtocol, 161, Transport::Udp);
  one.client(bytes_of(kSet));
  one.server(bytes_of(kRefused));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigWrite);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "not writable");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "");
}

TEST(Snmp, CommunitiesAreNotTold) {
  Conversation one(kProtocol, 161, Transport::Udp);
  one.client(bytes_of(kSet));
  one.client(bytes_of(kTrap));
  for (const auto& [name, value] : one.done().details)
    EXPECT_EQ(value.find("hidden"), std::string::npos) << name;
}

TEST(Snmp, TrapsAreAlarms) {
  Conversation one(kProtocol, 162, Transport::Udp);
  one.client(bytes_of(kTrap));
  const auto& kept = one.kept();
  EXPECT_EQ(kept.detail("agent_address"), "192.0.2.9");
  EXPECT_EQ(kept.detail("generic_trap"), "3");
  EXPECT_EQ(kept.fact(Fact::VendorId), "enterprise 9");
  EXPECT_EQ(kept.transactions.at(0).access, Access::Alarm);
  EXPECT_EQ(kept.transactions.at(0).kind, Kind::OneWay);
}

TEST(Snmp, Version3HasUsers) {
  Conversation one(kProtocol, 161, Transport::Udp);
  one.client(bytes_of(kVersion3));
  EXPECT_EQ(one.done().detail("user"), "ann");
  EXPECT_EQ(one.kept().detail("engine_boots"), "1");
  EXPECT_EQ(one.kept().transactions.at(0).operation.name, "get");
  EXPECT_TRUE(one.kept().issues.empty());
}

TEST(Snmp, AnythingShorterEndsWell) {
  for (const std::string_view hex : {kGet, kAnswer, kTrap, kVersion3}) {
    const base::ByteVec whole = bytes_of(hex);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Conversation one(kProtocol, 161, Transport::Udp);
      one.client(base::ByteView(whole).first(size));
      EXPECT_EQ(one.kept().issues.size(), 1U) << size;
    }
  }
}

TEST(Snmp, SaysWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"0400", "message is no sequence"},
      {"3003 020109", "version cannot be"},
      {"3006 020101 020100", "message without a community"},
      {"3007 020101 0400 0500", "unknown operation"},
      {"3009 020101 0400 a002 0500", "operation's numbers cannot be"},
      {"3010 020101 0400 a009 020107 020100 020100", "operation without its list of values"},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol, 161, Transport::Udp);
    talk.client(bytes_of(one.bytes));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

TEST(Snmp, ProbesAreStrict) {
  const FlowInfo flow;
  base::ByteVec bytes = bytes_of(kGet);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes, {}}), Match::Yes);
  bytes.push_back(0);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes, {}}), Match::No);
  const base::ByteVec v3 = bytes_of(kVersion3);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, v3, {}}), Match::Yes);
}

}  // namespace
}  // namespace dissect::snmp
