#include "dissect/tftp/tftp.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"
#include "dissect/text.h"

namespace dissect::tftp {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

Conversation talk() {
  return Conversation(kProtocol, 69, Transport::Udp);
}

// Read "fw.bin" in octet mode; the same with blocks of 1024.
constexpr std::string_view kAsk = "0001 66772e62696e00 6f6374657400";
constexpr std::string_view kAskMore =
    "0001 66772e62696e00 4f6374657400 626c6b73697a6500 3130323400";

TEST(Tftp, AFileIsRead) {
  Conversation flow = talk();
  flow.client(bytes_of(kAsk)).server(bytes_of("0003 0001 414243")).client(bytes_of("0004 0001"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  const Transaction& ask = kept.transactions[0];
  EXPECT_EQ(ask.operation.name, "read");
  EXPECT_EQ(ask.access, Access::File);
  ASSERT_EQ(ask.objects.size(), 2U);
  EXPECT_EQ(ask.objects[0], (NamedObject{"file", "fw.bin", 0, 0}));
  EXPECT_EQ(ask.objects[1], (NamedObject{"mode", "octet", 0, 0}));
  EXPECT_EQ(ask.status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].operation.name, "data");
  EXPECT_EQ(kept.transactions[1].request_bytes, 3U);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("block"), "1");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Tftp, OptionsAreAnswered) {
  Conversation flow = talk();
  flow.client(bytes_of(kAskMore)).server(bytes_of("0006 626c6b73697a6500 3130323400"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].objects.at(2), (NamedObject{"option", "blksize=1024", 0, 0}));
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("option"), "blksize");
  EXPECT_EQ(kept.detail("option_value"), "1024");
}

TEST(Tftp, RefusalsAreFailures) {
  Conversation flow = talk();
  flow.client(bytes_of("0002 6100 6f6374657400")).server(bytes_of("0005 0002 6e6f00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "write");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "access violation");
}

// What a server sends from a port of its own is another flow.
TEST(Tftp, BlocksStandForThemselves) {
  Conversation flow = talk();
  flow.server(bytes_of("0003 0001 41")).client(bytes_of("0004 0001"));
  flow.server(bytes_of("0005 0000 00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "data");
  EXPECT_EQ(kept.transactions[1].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
}

TEST(Tftp, NamesWhatIsWrong) {
  struct Case {
    std::string_view bytes;
    std::string_view issue;
  };
  static constexpr Case kCases[] = {
      {"00", "shorter than its header"},
      {"0009 00", "operation that does not exist"},
      {"0001 6100 6f6374", "ends within a field"},
      {"0001 6100 6f6300", "mode that does not exist"},
      {"0001 00 6f6374657400", "no file name"},
      {"0001 2e2e2f6100 6f6374657400", "file name leaves its folder"},
      {"0004 0001 00", "longer than its fields"},
      {"0003 00", "ends within a field"},
      {"0006 6100 62", "ends within a field"},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(bytes_of(one.bytes));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.issues.size(), 1U) << one.issue;
    EXPECT_EQ(kept.issues[0], one.issue);
  }
}

Match match(std::string_view hex) {
  const base::ByteVec bytes = bytes_of(hex);
  const FlowInfo flow;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeTftp, NeedsItsFields) {
  EXPECT_EQ(match(kAsk), Match::Yes);
  EXPECT_EQ(match(kAskMore), Match::Yes);
  EXPECT_EQ(match("0001 6100 6f6300"), Match::No);
  EXPECT_EQ(match("0006 626c6b73697a6500 3130323400"), Match::Yes);
  EXPECT_EQ(match("0006 626c6b73697a6500"), Match::No);
  EXPECT_EQ(match("0004 0001"), Match::Likely);
  EXPECT_EQ(match("0004 0001 00"), Match::No);
  EXPECT_EQ(match("0003 0001 41"), Match::Likely);
  EXPECT_EQ(match("0003 0002 41"), Match::No);
  EXPECT_EQ(match("0003 0002 " + hex(base::ByteVec(512, 1), 512)), Match::Likely);
  EXPECT_EQ(match("0005 0001 6e6f00"), Match::Likely);
  EXPECT_EQ(match("0009"), Match::No);
}

// HSRP's advertisement of an interface: version 0 and operation 3, then type 1 where a block has
// its number.
TEST(ProbeTftp, NobodyTransfersToAGroup) {
  const base::ByteVec bytes = bytes_of("0003 0001 000e 02 00 0000 0001 00000000");
  FlowInfo flow;
  flow.transport = Transport::Udp;
  flow.a.ip = IpAddress::of(base::ByteVec{192, 0, 2, 1});
  flow.b.ip = IpAddress::of(base::ByteVec{224, 0, 0, 2});
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes, {}}), Match::No);
  flow.b.ip = IpAddress::of(base::ByteVec{192, 0, 2, 2});
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes, {}}), Match::Likely);
  flow.a.ip = IpAddress::of(base::ByteVec{224, 0, 0, 2});
  EXPECT_EQ(kProtocol.probe({flow, Side::B, bytes, {}}), Match::No);
}

}  // namespace
}  // namespace dissect::tftp
