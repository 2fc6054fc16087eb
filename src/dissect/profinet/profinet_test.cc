#include "dissect/profinet/profinet.h"

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::profinet {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

class Profinet : public ::testing::Test {
 protected:
  Conversation talk_{kProtocol, 0, Transport::Link};
};

TEST_F(Profinet, IdentifyByName) {
  talk_.client(bytes_of("fefe 05 00 01000002 0001 000a 0202 0005 74757263 6b 00"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "identify");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.transactions[0].objects, (std::vector<NamedObject>{{"station", "turck", 0, 0}}));
  EXPECT_EQ(kept.detail("xid"), std::to_string(0x01000002));
  EXPECT_EQ(kept.detail("response_delay"), "1");
  EXPECT_TRUE(kept.evidence_.empty());
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Profinet, WhoAnswersTellsWhoItIs) {
  talk_.server(
      bytes_of("feff 05 01 01000002 0000 003a"
               "0202 0005 0000 706c63 00"
               "0201 0007 0000 5337334542 00"
               "0203 0006 0000 002a 0101"
               "0204 0004 0000 02 00"
               "0102 000e 0001 c0000202 ffffff00 c00002fe"));
  Kept& kept = talk_.done();
  EXPECT_EQ(kept.fact(Fact::Name), "plc");
  EXPECT_EQ(kept.fact(Fact::Model), "S73EB");
  EXPECT_EQ(kept.fact(Fact::VendorId), "PROFINET 42");
  EXPECT_EQ(kept.fact(Fact::Ip), "192.0.2.2");
  EXPECT_EQ(kept.detail("device_id"), "257");
  EXPECT_EQ(kept.detail("device_role"), "2");
  EXPECT_EQ(kept.detail("subnet_mask"), "255.255.255.0");
  EXPECT_EQ(kept.detail("block_info"), "0");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "response");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Profinet, SettingIsConfiguration) {
  talk_.client(bytes_of("fefd 04 00 00000007 0000 000a 0202 0006 0001 6e657731"));
  talk_.server(bytes_of("fefd 04 01 00000007 0000 0008 0504 0003 02 02 00 00"));
  talk_.client(bytes_of("fefd 04 00 00000008 0000 0012 0102 000e 0001 c0000203 ffffff00 00000000"));
  talk_.server(bytes_of("fefd 04 01 00000008 0000 0008 0504 0003 01 02 06 00"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "set");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "name of station");
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigWrite);
  EXPECT_EQ(kept.transactions[0].objects, (std::vector<NamedObject>{{"station", "new1", 0, 0}}));
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "ip parameter");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "not possible in operation");
  EXPECT_TRUE(kept.evidence_.empty()) << "asked for, not there";
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Profinet, ResettingIsReset) {
  talk_.client(bytes_of("fefd 04 00 00000009 0000 0006 0506 0002 0004"));
  talk_.client(bytes_of("fefd 04 00 0000000a 0000 0008 0503 0004 0000 0100"));
  talk_.client(bytes_of("fefd 03 00 0000000b 0000 0004 0202 0102"));
  talk_.server(bytes_of("fefd 03 05 0000000b 0000 0000"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].operation.name, "get");
  EXPECT_EQ(kept.transactions[0].status.name, "not supported");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "reset to factory");
  EXPECT_EQ(kept.transactions[1].access, Access::Reset);
  EXPECT_EQ(kept.transactions[2].sub_operation.name, "signal");
  EXPECT_EQ(kept.detail("signal"), "256");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Profinet, CyclicDataByFrameId) {
  talk_.server(bytes_of("c002 00000000 80 00 2000 15 00"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "real-time class 1");
  EXPECT_EQ(kept.transactions[0].objects, (std::vector<NamedObject>{{"FrameID", "", 0xc002, 1}}));
  EXPECT_EQ(kept.transactions[0].request_bytes, 6U);
  EXPECT_EQ(kept.detail("cycle_counter"), "8192");
  EXPECT_EQ(kept.detail("provider_run"), "1");
  EXPECT_EQ(kept.detail("station_ok"), "0");
}

TEST_F(Profinet, Alarms) {
  talk_.server(
      bytes_of("fe01 0002 0001 11 11 ffff fffe 001a"
               "0002 0016 01 00 0003 00000000 0001 0001 00000100 00000200 8001"));
  talk_.server(bytes_of("fe01 0002 0001 14 01 ffff fffe 0004 cf81fd05"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].access, Access::Alarm);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "pull");
  EXPECT_EQ(kept.transactions[0].objects, (std::vector<NamedObject>{{"slot", "", 1, 1}}));
  EXPECT_EQ(kept.detail("module_ident"), "256");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.code, 0xcf81fd05U);
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Profinet, WrongIsTold) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  for (const Case& one :
       {Case{"fe", "FrameID"}, Case{"fd00 00", "reserved FrameID"},
        Case{"c002 0000", "cyclic data"}, Case{"fefd 04 00 00", "DCP header"},
        Case{"fefd 09 00 00000009 0000 0000", "reserved DCP service"},
        Case{"fefd 04 03 00000009 0000 0000", "reserved DCP service type"},
        Case{"fefd 04 00 00000009 0000 0010 0506", "DCP data"},
        Case{"fefd 04 00 00000009 0000 0006 0202 0009 0001", "blocks"},
        Case{"feff 05 01 00000009 0000 0008 0203 0004 0000 002a", "block too short"},
        Case{"fe01 0002", "alarm header"},
        Case{"fe01 0002 0001 11 11 ffff fffe 001a 00", "alarm data"},
        Case{"fe01 0002 0001 11 11 ffff fffe 0002 0002", "alarm notification"}}) {
    Conversation talk(kProtocol, 0, Transport::Link);
    talk.client(bytes_of(one.bytes));
    EXPECT_THAT(talk.done().issues, ::testing::Contains(std::string(one.issue))) << one.bytes;
  }
}

TEST(Probe, KnowsItByItsEtherType) {
  FlowInfo flow;
  flow.transport = Transport::Link;
  flow.selector = 0x8892;
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes_of("fefe 05 00"), {}}), Match::Yes);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes_of("fd00 05 00"), {}}), Match::Likely);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes_of("fe"), {}}), Match::No);
  flow.selector = 0x88b8;
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes_of("fefe 05 00"), {}}), Match::No);
}

}  // namespace
}  // namespace dissect::profinet
