#include "dissect/s7comm/s7comm.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::s7comm {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// A message in TPKT and COTP.
base::ByteVec wrap(const base::ByteVec& inner) {
  base::ByteVec all = bytes_of("0300 0000 02 f0 80");
  all.insert(all.end(), inner.begin(), inner.end());
  all[2] = static_cast<std::uint8_t>(all.size() >> 8U);
  all[3] = static_cast<std::uint8_t>(all.size());
  return all;
}

// A message of parameters and data: lengths are filled in.
base::ByteVec s7(std::uint8_t rosctr, std::string_view parameters, std::string_view data = {},
                 std::uint16_t reference = 1, std::string_view error = "0000") {
  const base::ByteVec first = bytes_of(parameters);
  const base::ByteVec second = bytes_of(data);
  base::ByteVec all = {0x32,
                       rosctr,
                       0,
                       0,
                       static_cast<std::uint8_t>(reference >> 8U),
                       static_cast<std::uint8_t>(reference),
                       static_cast<std::uint8_t>(first.size() >> 8U),
                       static_cast<std::uint8_t>(first.size()),
                       static_cast<std::uint8_t>(second.size() >> 8U),
                       static_cast<std::uint8_t>(second.size())};
  if (rosctr == 2 || rosctr == 3) {
    const base::ByteVec codes = bytes_of(error);
    all.insert(all.end(), codes.begin(), codes.end());
  }
  all.insert(all.end(), first.begin(), first.end());
  all.insert(all.end(), second.begin(), second.end());
  return wrap(all);
}

Conversation talk() {
  return Conversation(kProtocol, 102);
}

std::string object_of(const Transaction& one) {
  if (one.objects.empty()) return {};
  const NamedObject& first = one.objects[0];
  return std::string(first.space) + '|' + first.name + '|' + std::to_string(first.first) + '|' +
         std::to_string(first.count);
}

TEST(S7Variables, ReadsAndMatches) {
  Conversation flow = talk();
  flow.client(s7(1, "04 01 12 0a 10 02 0004 000a 84 000050", {}, 0x0500));
  flow.server(s7(3, "04 01", "ff 04 0020 01020304", 0x0500));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "read variable");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(object_of(one), "DB|DB10|10|4");
  EXPECT_EQ(kept.detail("item_address"), "80");
  EXPECT_EQ(kept.detail("data"), "\x01\x02\x03\x04");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(S7Variables, ReadsSeveralOfDifferentSizes) {
  Conversation flow = talk();
  flow.client(s7(1, "04 02 12 0a 10 02 0001 0000 83 000008 12 0a 10 1d 0002 0000 1d 000005"));
  flow.server(s7(3, "04 02", "ff 04 0008 55 00 ff 09 0004 00010002"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  ASSERT_EQ(one.objects.size(), 2U);
  EXPECT_EQ(one.objects[0], (NamedObject{"M", "", 1, 1}));
  EXPECT_EQ(one.objects[1], (NamedObject{"T", "", 5, 2}));
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(S7Variables, TellsWhatFailed) {
  Conversation flow = talk();
  flow.client(s7(1, "05 01 12 0a 10 02 0001 0001 84 000000", "00 04 0008 ff"));
  flow.server(s7(3, "05 01", "0a"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Write);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "object does not exist");
}

TEST(S7Variables, ReadsOtherAddresses) {
  Conversation flow = talk();
  flow.client(s7(1, "04 01 12 07 b0 01 04 0002 0010"));
  flow.client(s7(1, "04 01 12 0e b2 ff 8a0e 0003 12345678 40000001", {}, 2));
  flow.client(s7(1, "04 01 12 08 82 41 0001 0002 7f 01", {}, 3));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(object_of(kept.transactions[0]), "DB|DB2|16|4");
  EXPECT_EQ(object_of(kept.transactions[1]), "DB|DB3|305419896|1");
  EXPECT_EQ(object_of(kept.transactions[2]), "NCK|127|1|1");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

struct Case {
  std::string_view parameters;
  std::string_view operation;
  std::string_view sub;
  Access access;
  std::string_view object;
};

TEST(S7Jobs, KnowWhatTheyDo) {
  static constexpr Case kCases[] = {
      // P_PROGRAM without argument.
      {"28 000000000000fd 0000 09 505f50524f4752414d", "PI service", "P_PROGRAM", Access::Start,
       "service|P_PROGRAM|0|0"},
      {"29 0000000000 09 505f50524f4752414d", "PLC stop", "", Access::Stop,
       "service|P_PROGRAM|0|0"},
      // _INSE of DB 1.
      {"28 000000000000fd 000a 01 00 3041 3030303031 50 05 5f494e5345", "PI service", "_INSE",
       Access::ProgramDownload, "block|DB1|1|1"},
      {"28 000000000000fd 000a 01 00 3043 3030303132 42 05 5f44454c45", "PI service", "_DELE",
       Access::ProgramDownload, "block|FC12|12|1"},
      {"28 000000000000fd 0000 05 5f4d4f4455", "PI service", "_MODU", Access::ConfigWrite,
       "service|_MODU|0|0"},
      {"28 000000000000fd 0000 03 414243", "PI service", "", Access::Write, "service|ABC|0|0"},
      {"1a 00 0100 00000000 09 5f 3038 3030303031 50 0d 31 303030323038 303030303938",
       "request download", "", Access::ProgramDownload, "block|OB1|1|1"},
      {"1d 00 0000 00000000 09 5f 3045 3030303037 41", "start upload", "", Access::ProgramUpload,
       "block|FB7|7|1"},
      {"1e 00 0000 00000007", "upload", "", Access::ProgramUpload, ""},
      {"f0 00 0001 0001 01e0", "setup communication", "", Access::Session, ""},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(s7(1, one.parameters));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.parameters;
    EXPECT_EQ(kept.transactions[0].operation.name, one.operation) << one.parameters;
    EXPECT_EQ(kept.transactions[0].sub_operation.name, one.sub) << one.parameters;
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.parameters;
    EXPECT_EQ(object_of(kept.transactions[0]), one.object) << one.parameters;
    EXPECT_TRUE(kept.issues.empty()) << one.parameters << ": " << kept.issues[0];
  }
}

TEST(S7Jobs, AControllerThatFetchesABlockDoesNotProgramAnybody) {
  Conversation flow = talk();
  flow.server(s7(1, "1b 00 0000 00000000 09 5f 3038 3030303031 50"));
  flow.client(s7(3, "1b 01", "0004 00fb 70700101"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::None);
  EXPECT_EQ(kept.transactions[0].server.port, 50000);
}

TEST(S7Jobs, RefusalsHaveAClassAndACode) {
  Conversation flow = talk();
  flow.client(s7(1, "29 0000000000 09 505f50524f4752414d"));
  flow.server(s7(3, "29", {}, 1, "8104"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.code, 0x8104U);
}

std::string hex_text(std::string_view text, std::size_t size) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(i < text.size() ? text[i] : ' ');
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

TEST(S7Identity, ModuleIdentificationGivesOrderCodeAndVersions) {
  Conversation flow = talk();
  flow.client(s7(7, "000112 04 11 44 01 00", "ff 09 0004 0011 0000"));
  flow.server(s7(7, "000112 08 12 84 01 01 00 00 0000",
                 "ff 09 005c 0011 0000 001c 0003"
                 "0001 " +
                     hex_text("6ES7 999-1XX00-0XY0", 20) +
                     " 00c0 0003 0001"
                     "0006 " +
                     hex_text("6ES7 999-1XX00-0XY0", 20) +
                     " 00c0 0003 0001"
                     "0007 " +
                     hex_text("", 20) + " 00c0 5603 0206"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "CPU functions");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "read SZL");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.fact(Fact::OrderCode), "6ES7 999-1XX00-0XY0");
  EXPECT_EQ(kept.fact(Fact::Hardware), "3");
  EXPECT_EQ(kept.fact(Fact::Firmware), "V3.2.6");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(S7Identity, ComponentIdentificationComesInPieces) {
  Conversation flow = talk();
  const std::string first =
      "0001 " + hex_text("STATION 7", 32) + "0005 " + hex_text("S Q-TEST1", 32);
  flow.client(s7(7, "000112 04 11 44 01 00", "ff 09 0004 001c 0000"));
  flow.server(s7(7, "000112 08 12 84 01 01 05 01 0000", "ff 09 004c 001c 0000 0022 0003" + first));
  EXPECT_EQ(flow.kept().fact(Fact::Name), "");
  flow.client(s7(7, "000112 08 12 44 01 01 05 00 0000", "0a 00 0000", 2));
  flow.server(s7(7, "000112 08 12 84 01 01 05 00 0000",
                 "ff 09 0022 0007 " + hex_text("CPU 999-2 DP", 32), 2));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Name), "STATION 7");
  EXPECT_EQ(kept.fact(Fact::Serial), "S Q-TEST1");
  EXPECT_EQ(kept.fact(Fact::Model), "CPU 999-2 DP");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(S7Identity, ModeIsTold) {
  Conversation flow = talk();
  flow.server(s7(7, "000112 08 12 84 01 01 00 00 0000",
                 "ff 09 001c 0424 0000 0014 0001 5160 ff 08" + hex_text("", 16)));
  EXPECT_EQ(flow.kept().fact(Fact::Mode), "run");
  Conversation pushed = talk();
  pushed.server(s7(7, "000112 04 11 00 00 00"));
  Kept& kept = pushed.done();
  EXPECT_EQ(kept.fact(Fact::Mode), "stop");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[0].access, Access::ModeChange);
}

TEST(S7UserData, KnowsItsFunctions) {
  struct Function {
    std::string_view parameters;
    std::string_view data;
    std::string_view sub;
    Access access;
    std::string_view object;
  };
  static constexpr Function kCases[] = {
      {"000112 04 11 43 03 00", "ff 09 0008 3041 3030303031 41", "get block info",
       Access::ConfigRead, "block|DB1|1|1"},
      {"000112 04 11 43 02 00", "ff 09 0002 3038", "list blocks of type", Access::ConfigRead,
       "block list|OB|0|0"},
      {"000112 04 11 45 01 00", "ff 09 0008 6162636465666768", "password", Access::Authentication,
       ""},
      {"000112 04 11 47 02 00", "ff 09 000a 0019 12 09 05 12 30 15 000006", "set clock",
       Access::ConfigWrite, ""},
      {"000112 04 11 41 0c 00", "", "memory reset", Access::Reset, ""},
      {"000112 04 11 41 08 00", "", "modify variable", Access::Write, ""},
      {"000112 04 11 42 01 00", "ff 09 0010 00 01 01 01 12 0a 10 02 0002 0000 83 000000",
       "cyclic transfer", Access::Read, "M||0|2"},
      {"000112 04 11 44 02 00", "ff 09 000a 80 00 48 6d 69 5f 52 74 6d 20", "message service",
       Access::Session, ""},
  };
  for (const Function& one : kCases) {
    Conversation flow = talk();
    flow.client(s7(7, one.parameters, one.data));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.sub;
    EXPECT_EQ(kept.transactions[0].sub_operation.name, one.sub);
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.sub;
    EXPECT_EQ(object_of(kept.transactions[0]), one.object) << one.sub;
    EXPECT_TRUE(kept.issues.empty()) << one.sub << ": " << kept.issues[0];
    for (const auto& [name, value] : kept.details)
      EXPECT_EQ(value.find("abcdefgh"), std::string::npos) << name << " shows a password";
  }
}

TEST(S7Connection, HasRackAndSlot) {
  Conversation flow = talk();
  flow.client(bytes_of("0300 0016 11 e0 0000 000c 00 c0 01 0a c1 02 0100 c2 02 0302"));
  flow.server(bytes_of("0300 0016 11 d0 000c 0001 00 c0 01 0a c1 02 0100 c2 02 0302"));
  flow.client(s7(1, "f0 00 0001 0001 01e0"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "COTP connect");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].unit, 2U);
}

TEST(S7Malformed, IsNamed) {
  Conversation flow = talk();
  flow.client(s7(1, "04 02 12 0a 10 02 0004 000a 84 000050"));
  EXPECT_EQ(flow.done().issues.at(0), "shorter than its function needs");
  Conversation other = talk();
  other.client(wrap(bytes_of("32 01 0000 0001 00ff 0000 04")));
  EXPECT_EQ(other.done().issues.at(0), "shorter than its lengths say");
  Conversation none = talk();
  none.client(wrap(bytes_of("33 01 0000 0001 0001 0000 04")));
  EXPECT_EQ(none.done().issues.at(0), "no S7 message");
}

Match match(const base::ByteVec& bytes, const base::ByteVec& reply = {}) {
  const FlowInfo flow;
  return kProtocol.probe({flow, Side::A, bytes, reply});
}

TEST(ProbeS7, TellsItFromOthersOnTheSameTransport) {
  EXPECT_EQ(match(s7(1, "f0 00 0001 0001 01e0")), Match::Yes);
  EXPECT_EQ(match(wrap(bytes_of("72 01 0000 0001 0001 0000 04"))), Match::No);
  EXPECT_EQ(match(wrap(bytes_of("0d 01 00 00 00 00 00 00 00 00 00"))), Match::No);
  const base::ByteVec connect =
      bytes_of("0300 0016 11 e0 0000 000c 00 c0 01 0a c1 02 0100 c2 02 0302");
  EXPECT_EQ(match(connect), Match::Likely);
  EXPECT_EQ(match(connect, s7(3, "f0 00 0001 0001 01e0")), Match::Yes);
  EXPECT_EQ(match(bytes_of("0300 0016 11 e0 0000 000c 00 c0 01 0a c1 02 0001 c2 02 0001")),
            Match::Unsure);
  EXPECT_EQ(match(bytes_of("16 03 01")), Match::No);
}

}  // namespace
}  // namespace dissect::s7comm
