#include "dissect/modbus/modbus.h"

#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::modbus {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

Conversation talk() {
  return Conversation(kProtocol, 502);
}

Match match(std::string_view hex, std::string_view reply = {},
            Transport transport = Transport::Tcp) {
  FlowInfo flow;
  flow.transport = transport;
  const base::ByteVec bytes = bytes_of(hex);
  const base::ByteVec other = bytes_of(reply);
  return kProtocol.probe({flow, Side::A, bytes, other});
}

TEST(ReadModbus, MatchesReadAndAnswer) {
  Conversation flow = talk();
  flow.client(bytes_of("0007 0000 0006 11 03 006b 0003"));
  flow.server(bytes_of("0007 0000 0009 11 03 06 022b 0000 0064"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "read holding registers");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.unit, 17U);
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  ASSERT_EQ(one.objects.size(), 1U);
  EXPECT_EQ(one.objects[0], (NamedObject{"holding registers", "", 107, 3}));
  EXPECT_EQ(kept.detail("transaction_id"), "7");
  EXPECT_EQ(kept.detail("register_number"), "107");
  EXPECT_EQ(kept.detail("register_value"), "555");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(ReadModbus, NumbersBitsFromTheRequest) {
  Conversation flow = talk();
  flow.client(bytes_of("0001 0000 0006 01 01 0013 000a"));
  flow.server(bytes_of("0001 0000 0005 01 01 02 cd 01"));
  Kept& kept = flow.done();
  std::size_t ones = 0;
  std::size_t bits = 0;
  for (const auto& [name, value] : kept.details) {
    if (name != "bit_value") continue;
    ++bits;
    if (value == "1") ++ones;
  }
  EXPECT_EQ(bits, 10U);
  EXPECT_EQ(ones, 6U);
  EXPECT_EQ(kept.detail("bit_number"), "19");
}

TEST(ReadModbus, TellsExceptions) {
  Conversation flow = talk();
  flow.client(bytes_of("0001 0000 0006 01 06 ffff 0003"));
  flow.server(bytes_of("0001 0000 0003 01 86 02"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.code, 2U);
  EXPECT_EQ(kept.transactions[0].status.name, "illegal data address");
  EXPECT_EQ(kept.transactions[0].access, Access::Write);
  EXPECT_EQ(kept.detail("exception_code"), "2");
}

TEST(ReadModbus, ReadsDeviceIdentification) {
  Conversation flow = talk();
  flow.client(bytes_of("0001 0000 0005 01 2b 0e 01 00"));
  flow.server(
      bytes_of("0001 0000 001b 01 2b 0e 01 01 00 00 03"
               "00 05 41 63 6d 65 20"
               "01 04 50 2d 34 32"
               "02 04 76 31 2e 37"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "read device identification");
  EXPECT_EQ(kept.fact(Fact::Vendor), "Acme");
  EXPECT_EQ(kept.fact(Fact::OrderCode), "P-42");
  EXPECT_EQ(kept.fact(Fact::Firmware), "v1.7");
  EXPECT_EQ(kept.detail("object_count"), "3");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

struct Case {
  std::string_view what;
  std::string_view request;   // after the unit
  std::string_view response;  // the same; empty: none
  Access access;
  std::string_view sub;
  std::string_view object;  // "space first count" of the first
};

base::ByteVec framed(std::string_view hex) {
  const base::ByteVec body = bytes_of(hex);
  base::ByteVec all = bytes_of("0102 0000 0000 01");
  all[5] = static_cast<std::uint8_t>(body.size() + 1);
  all.insert(all.end(), body.begin(), body.end());
  return all;
}

TEST(ReadModbus, KnowsWhatEachFunctionDoes) {
  static constexpr Case kCases[] = {
      {"write coil", "05 00ac ff00", "05 00ac ff00", Access::Write, "", "coils 172 1"},
      {"write coils", "0f 0013 000a 02 cd01", "0f 0013 000a", Access::Write, "", "coils 19 10"},
      {"write registers", "10 0001 0002 04 000a 0102", "10 0001 0002", Access::Write, "",
       "holding registers 1 2"},
      {"mask", "16 0004 00f2 0025", "16 0004 00f2 0025", Access::Write, "",
       "holding registers 4 1"},
      {"exchange", "17 0003 0002 000e 0001 02 00ff", "17 04 00fe 0acd", Access::Write, "",
       "holding registers 14 1"},
      {"fifo", "18 04de", "18 0006 0002 01b8 1284", Access::Read, "", "FIFO queue 1246 1"},
      {"exception status", "07", "07 6d", Access::Diagnostics, "", ""},
      {"restart", "08 0001 ff00", "08 0001 ff00", Access::Reset, "restart communications", ""},
      {"listen only", "08 0004 0000", "", Access::ModeChange, "force listen only mode", ""},
      {"delimiter", "08 0003 2100", "08 0003 2100", Access::ConfigWrite,
       "change ASCII input delimiter", ""},
      {"echo", "08 0000 a537", "08 0000 a537", Access::Diagnostics, "return query data", ""},
      {"event counter", "0b", "0b ffff 0108", Access::Diagnostics, "", ""},
      {"event log", "0c", "0c 08 0000 0108 0121 2000", Access::Diagnostics, "", ""},
      {"read files", "14 0e 06 0004 0001 0002 06 0003 0009 0002",
       "14 0c 05 06 0dfe0020 05 06 33cd0040", Access::File, "", "file 4 1"},
      {"write file", "15 0d 06 0004 0007 0003 06af04be100d", "15 0d 06 0004 0007 0003 06af04be100d",
       Access::File, "", "file 4 1"},
      {"CANopen", "2b 0d 00 00", "2b 0d 00 00", Access::None, "CANopen general reference", ""},
      {"firmware", "7d 0102", "7d 00", Access::Firmware, "", ""},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(framed(one.request));
    if (!one.response.empty()) flow.server(framed(one.response));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.what;
    const Transaction& told = kept.transactions[0];
    EXPECT_EQ(told.access, one.access) << one.what;
    EXPECT_EQ(told.sub_operation.name, one.sub) << one.what;
    std::string object;
    if (!told.objects.empty()) {
      const NamedObject& first = told.objects[0];
      object = std::string(first.space) + ' ' + std::to_string(first.first) + ' ' +
               std::to_string(first.count);
    }
    EXPECT_EQ(object, one.object) << one.what;
    EXPECT_EQ(told.answered.has_value(), !one.response.empty()) << one.what;
    if (one.what == "firmware") continue;  // reserved
    EXPECT_TRUE(kept.issues.empty()) << one.what << ": " << kept.issues[0];
  }
}

TEST(ReadModbus, ReportsTheServerAndItsMode) {
  Conversation flow = talk();
  flow.client(framed("11"));
  flow.server(framed("11 08 0a ff 504c432d3139"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Mode), "run");
  EXPECT_EQ(kept.fact(Fact::Model), "PLC-19");
}

TEST(ReadUmas, KnowsWhatItsCodesDo) {
  static constexpr Case kCases[] = {
      {"start", "5a 01 40 ff00", "5a 01 fe", Access::Start, "START_PLC", ""},
      {"stop", "5a 01 41 ff00", "5a 01 fd 83", Access::Stop, "STOP_PLC", ""},
      {"to the controller", "5a 01 31 0001 0500 0200 abcd", "5a 01 fe", Access::ProgramDownload,
       "UPLOAD_BLOCK", "program block 5 1"},
      {"from the controller", "5a 01 34 0001 0600", "5a 01 fe 01", Access::ProgramUpload,
       "DOWNLOAD_BLOCK", "program block 6 1"},
      {"memory", "5a 00 20 00 1300 00000000 6400", "5a 00 fe 00", Access::Read, "READ_MEMORY_BLOCK",
       "memory block 19 1"},
      {"release", "5a 01 11", "5a 01 fe", Access::Session, "RELEASE_PLC_RESERVATION", ""},
      {"unknown", "5a 00 f0", "", Access::None, "", ""},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(framed(one.request));
    if (!one.response.empty()) flow.server(framed(one.response));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.what;
    const Transaction& told = kept.transactions[0];
    EXPECT_EQ(told.operation.name, "UMAS");
    EXPECT_EQ(told.access, one.access) << one.what;
    EXPECT_EQ(told.sub_operation.name, one.sub) << one.what;
    EXPECT_EQ(told.objects.empty(), one.object.empty()) << one.what;
    EXPECT_EQ(told.status.outcome == Outcome::Failed, one.what == "stop") << one.what;
    EXPECT_TRUE(kept.issues.empty()) << one.what << ": " << kept.issues[0];
  }
}

TEST(ReadUmas, TellsTheControllerAndWhoReservesIt) {
  Conversation flow = talk();
  flow.client(framed("5a 00 02"));
  flow.server(framed("5a 00 fe 00000000 00000000 70 02 000000000000000000000000 06 4d6f64656c31"));
  flow.client(framed("5a 00 10 01000000 05 454e472d31"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Vendor), "Schneider Electric");
  EXPECT_EQ(kept.fact(Fact::Model), "Model1");
  EXPECT_EQ(kept.fact(Fact::Firmware), "02.70");
  EXPECT_EQ(kept.fact(Fact::Hostname), "ENG-1");
}

TEST(ReadModbus, NamesWhatTheStandardForbids) {
  struct Wrong {
    std::string_view client;
    std::string_view issue;
  };
  static constexpr Wrong kCases[] = {
      {"00", "function code 0"},
      {"2a", "reserved function code"},
      {"83 02", "exception from the client"},
      {"03 0000 0000", "quantity out of range"},
      {"03 0000 007e", "quantity out of range"},
      {"01 ffff 0002", "addresses beyond 65535"},
      {"05 0001 1234", "coil neither 0x0000 nor 0xff00"},
      {"10 0001 0002 02 000a", "byte count does not fit the quantity"},
      {"03 0000 00", "shorter than its function needs"},
      {"03 0000 0001 00", "longer than its function needs"},
      {"08 0013 0000", "reserved diagnostic code"},
      {"14 07 05 0004 0001 0002", "reference type other than 6"},
      {"2b 0e 09 00", "unknown device id category"},
      {"2b 0f", "unknown MEI type"},
  };
  for (const Wrong& one : kCases) {
    Conversation flow = talk();
    flow.client(framed(one.client));
    Kept& kept = flow.done();
    EXPECT_EQ(kept.issues.empty() ? "" : kept.issues[0], one.issue) << one.client;
    EXPECT_EQ(kept.transactions.size(), 1U) << one.client;
  }
}

TEST(ReadModbus, NoticesAnAnswerThatDoesNotFit) {
  Conversation flow = talk();
  flow.client(framed("03 0000 0002")).server(framed("03 02 0001"));
  EXPECT_EQ(flow.done().issues.at(0), "answer of another size than asked for");
  Conversation another = talk();
  another.client(framed("03 0000 0002")).server(framed("04 04 00010002"));
  EXPECT_EQ(another.done().issues.at(0), "answer with another function code");
}

TEST(ReadModbus, CutsMessagesFromAnyPieces) {
  Conversation flow = talk();
  const base::ByteVec two =
      bytes_of("0001 0000 0006 01 03 0000 0001 0002 0000 0006 01 03 0001 0001");
  for (const std::uint8_t byte : two)
    flow.client(base::ByteView(&byte, 1));
  EXPECT_EQ(flow.waiting(Side::A), 0U);
  EXPECT_EQ(flow.done().transactions.size(), 2U);
}

TEST(ReadModbus, FindsWhoServesFromWhatIsSaid) {
  FlowInfo flow;
  flow.server = Side::A;  // a wrong guess
  const auto session = kProtocol.open(flow);
  Kept kept;
  const base::ByteVec request = framed("03 0000 0002");
  Pdu pdu;
  pdu.side = Side::A;
  pdu.bytes = request;
  pdu.size = request.size();
  kept.pdu = &pdu;
  session->take(pdu, kept);
  kept.matcher.finish([&](const Transaction& one) { kept.transactions.push_back(one); });
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::Request);
}

TEST(ReadModbus, UnderstandsOneSide) {
  Conversation flow = talk();
  flow.server(framed("03 04 0001 0002"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::Response);
  EXPECT_EQ(kept.detail("register_value"), "1");
  EXPECT_EQ(kept.detail("register_number"), "");
}

TEST(ReadModbus, FindsTheNextMessageAfterALoss) {
  const auto session = kProtocol.open(FlowInfo{});
  base::ByteVec bytes = bytes_of("ff ff 33 44");
  const base::ByteVec message = framed("03 0000 0001");
  bytes.insert(bytes.end(), message.begin(), message.end());
  bytes.insert(bytes.end(), message.begin(), message.end());
  EXPECT_EQ(session->frame(Side::A, bytes).kind, Frame::Kind::Lost);
  EXPECT_EQ(session->resync(Side::A, bytes), 4U);
}

TEST(ProbeModbus, BelievesAPairAndWaitsOtherwise) {
  EXPECT_EQ(match("0001 0000 0006 01 03 0000 0001"), Match::Likely);
  EXPECT_EQ(match("0001 0000 0006 01 03 0000 0001", "0001 0000 0005 01 03 02 0001"), Match::Yes);
  EXPECT_EQ(match("0001 0000 0006 01 03 0000 0001", "0001 0000 0003 01 83 02"), Match::Yes);
  EXPECT_EQ(match("0001 0000"), Match::Unsure);
  EXPECT_EQ(match("0001 0001"), Match::No);
  EXPECT_EQ(match("0001 0000 0006 01 03 00"), Match::Unsure);
  EXPECT_EQ(match("0001 0000 0006 01 03 00", {}, Transport::Udp), Match::No);
  EXPECT_EQ(match("0001 0000 0006 01 03 0000 0001", {}, Transport::Udp), Match::Likely);
  EXPECT_EQ(match("0001 0000 0006 01 03 0000 0001 00", {}, Transport::Udp), Match::No);
  EXPECT_EQ(match("0001 0000 0001 01 03"), Match::No);
  EXPECT_EQ(match("0001 0000 0106 01 03 0000 0001"), Match::No);
  EXPECT_EQ(match("0001 0000 0007 01 03 0000 0001 00"), Match::No);
  EXPECT_EQ(match("474554202f20485454502f312e310d0a"), Match::No);
}

TEST(ProbeModbus, FunctionsOfAnyFormNeedTheirPortOrAnAnswer) {
  EXPECT_EQ(match("0100 0000 0002 00 0d"), Match::Unsure);
  EXPECT_EQ(match("0100 0000 0002 00 0d", "0101 0000 0002 00 0d"), Match::No);
  EXPECT_EQ(match("0100 0000 0002 00 0d", "0100 0000 0002 00 0d"), Match::Yes);
  EXPECT_EQ(match("0100 0000 0002 00 0d", {}, Transport::Udp), Match::No);
  FlowInfo flow;
  flow.b.port = 502;
  const base::ByteVec bytes = bytes_of("0100 0000 0002 00 0d");
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes, {}}), Match::Likely);
}

}  // namespace
}  // namespace dissect::modbus
