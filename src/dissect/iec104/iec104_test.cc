#include "dissect/iec104/iec104.h"

#include <gtest/gtest.h>

#include "dissect/iec104/type.h"
#include "dissect/testing.h"

namespace dissect::iec104 {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// An I frame with these sequence numbers.
base::ByteVec numbered(unsigned int sent, unsigned int received, std::string_view asdu) {
  const base::ByteVec data = bytes_of(asdu);
  base::ByteWriter out;
  out.u8(0x68);
  out.u8(static_cast<std::uint8_t>(4 + data.size()));
  out.u16le(static_cast<std::uint16_t>(sent << 1U));
  out.u16le(static_cast<std::uint16_t>(received << 1U));
  out.bytes(data);
  return std::move(out).take();
}

TEST(Types, HaveTheStandardsSizes) {
  struct Case {
    int id;
    int size;
  };
  for (const auto& [id, size] :
       {Case{1, 1},   Case{2, 4},   Case{5, 2},   Case{7, 5},   Case{9, 3},    Case{13, 5},
        Case{15, 5},  Case{16, 8},  Case{17, 6},  Case{18, 7},  Case{20, 5},   Case{21, 2},
        Case{30, 8},  Case{32, 9},  Case{36, 12}, Case{37, 12}, Case{38, 10},  Case{39, 11},
        Case{45, 1},  Case{48, 3},  Case{50, 5},  Case{51, 4},  Case{58, 8},   Case{63, 12},
        Case{100, 1}, Case{102, 0}, Case{103, 7}, Case{107, 9}, Case{110, 3},  Case{112, 5},
        Case{120, 6}, Case{121, 7}, Case{122, 4}, Case{123, 5}, Case{126, 13}, Case{127, 16}}) {
    const Type* const found = find_type(static_cast<std::uint8_t>(id));
    ASSERT_NE(found, nullptr) << id;
    EXPECT_EQ(found->size, size) << id;
  }
  EXPECT_EQ(find_type(0), nullptr);
  EXPECT_EQ(find_type(22), nullptr);
}

TEST(Control, FunctionsAreConfirmed) {
  Conversation talk(kProtocol, 2404);
  talk.client(bytes_of("68 04 07 00 00 00")).server(bytes_of("68 04 0b 00 00 00"));
  talk.server(bytes_of("68 04 43 00 00 00")).client(bytes_of("68 04 83 00 00 00"));
  talk.client(bytes_of("68 04 01 00 0a 00"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "STARTDT");
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].operation.name, "TESTFR");
  EXPECT_EQ(kept.transactions[1].client.port, 2404);
  EXPECT_EQ(kept.detail("receive_sequence"), "5");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Commands, AreConfirmedAndTerminated) {
  Conversation talk(kProtocol, 2404);
  talk.client(numbered(0, 0, "2d 01 06 00 0300 941100 81"));
  talk.server(numbered(0, 1, "2d 01 07 00 0300 941100 81"));
  ASSERT_EQ(talk.kept().transactions.size(), 1U);
  EXPECT_EQ(talk.kept().transactions[0].sub_operation.name, "select, on");
  talk.client(numbered(1, 1, "2d 01 06 00 0300 941100 01"));
  talk.server(numbered(1, 2, "2d 01 07 00 0300 941100 01"));
  EXPECT_EQ(talk.kept().transactions.size(), 1U);
  talk.server(numbered(2, 2, "2d 01 0a 00 0300 941100 01"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  const Transaction& one = kept.transactions[1];
  EXPECT_EQ(one.operation.name, "C_SC_NA_1");
  EXPECT_EQ(one.sub_operation.name, "execute, on");
  EXPECT_EQ(one.access, Access::Write);
  EXPECT_EQ(one.unit, 3U);
  EXPECT_EQ(one.objects, (std::vector<NamedObject>{{"information object", "", 4500, 1}}));
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(one.answer_packet, 5U);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Commands, AreRefused) {
  struct Case {
    std::string_view cause;
    std::string_view name;
  };
  for (const Case& one :
       {Case{"6c", "unknown type identification"}, Case{"6d", "unknown cause of transmission"},
        Case{"6e", "unknown common address"}, Case{"6f", "unknown information object address"},
        Case{"47", "negative confirmation"}}) {
    Conversation talk(kProtocol, 2404);
    talk.client(numbered(0, 0, "32 01 06 00 0300 9c1300 0000c03f 00"));
    talk.server(numbered(0, 1, "32 01" + std::string(one.cause) + "00 0300 9c1300 0000c03f 00"));
    Kept& kept = talk.done();
    ASSERT_EQ(kept.transactions.size(), 1U);
    EXPECT_TRUE(kept.transactions[0].answered);
    EXPECT_EQ(kept.transactions[0].sub_operation.name, "execute");
    EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
    EXPECT_EQ(kept.transactions[0].status.name, one.name);
    EXPECT_EQ(kept.detail("float"), "1.500000");
    EXPECT_TRUE(kept.issues.empty());
  }
}

TEST(Commands, ByAccess) {
  struct Case {
    std::string_view asdu;
    Access access;
    std::string_view what;
  };
  for (const Case& one :
       {Case{"2e 01 06 00 0100 010000 02", Access::Write, "execute, on"},
        Case{"2f 01 06 00 0100 010000 81", Access::Write, "select, lower"},
        Case{"64 01 06 00 0100 000000 14", Access::Read, "station"},
        Case{"64 01 06 00 0100 000000 15", Access::Read, "group"},
        Case{"65 01 06 00 0100 000000 05", Access::Read, "read"},
        Case{"65 01 06 00 0100 000000 85", Access::Write, "freeze and reset"},
        Case{"67 01 06 00 0100 000000 01020304050607", Access::ConfigWrite, ""},
        Case{"69 01 06 00 0100 000000 01", Access::Reset, "process"},
        Case{"68 01 06 00 0100 000000 aa55", Access::Diagnostics, ""},
        Case{"6e 01 06 00 0100 010000 0040 01", Access::ConfigWrite, ""},
        Case{"7a 01 0d 00 0100 010000 0100 00 04", Access::File, "delete file"}}) {
    Conversation talk(kProtocol, 2404);
    talk.client(numbered(0, 0, one.asdu));
    Kept& kept = talk.done();
    ASSERT_EQ(kept.transactions.size(), 1U);
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.asdu;
    EXPECT_EQ(kept.transactions[0].sub_operation.name, one.what) << one.asdu;
    EXPECT_TRUE(kept.issues.empty()) << one.asdu;
  }
}

TEST(Reading, IsAnsweredByTheValue) {
  Conversation talk(kProtocol, 2404);
  talk.client(numbered(0, 0, "66 01 05 00 0100 0a0000"));
  talk.server(numbered(0, 1, "0b 01 05 00 0100 0a0000 feff 10"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "C_RD_NA_1");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("scaled"), "-2.000000");
  EXPECT_EQ(kept.detail("quality"), "16");
}

TEST(Reports, AreOneWayWithTheirAddresses) {
  Conversation talk(kProtocol, 2404);
  // A run of three, then two single ones.
  talk.server(numbered(5, 0, "0d 83 03 00 0300 140500 0000803f00 0000004000 0000404001"));
  talk.server(numbered(6, 0,
                       "1e 02 03 00 0300 010000 01 e803 1e 0d 5b 0b 12"
                       "070000 80 0000 80 00 00 00 00"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "spontaneous");
  EXPECT_EQ(kept.transactions[0].objects,
            (std::vector<NamedObject>{{"information object", "", 1300, 3}}));
  EXPECT_EQ(kept.transactions[1].objects.size(), 2U);
  EXPECT_EQ(kept.detail("single_point"), "1");
  EXPECT_EQ(kept.detail("time_ms"), "1000");
  EXPECT_EQ(kept.detail("time_minute"), "30");
  EXPECT_EQ(kept.detail("time_hour"), "13");
  EXPECT_EQ(kept.detail("time_day"), "27");
  EXPECT_EQ(kept.detail("time_weekday"), "2");
  EXPECT_EQ(kept.detail("time_month"), "11");
  EXPECT_EQ(kept.detail("time_year"), "18");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Values, OfEveryKind) {
  Conversation talk(kProtocol, 2404);
  talk.server(numbered(0, 0, "03 01 03 00 0100 010000 82"));
  talk.server(numbered(1, 0, "05 01 03 00 0100 010000 7f 00"));
  talk.server(numbered(2, 0, "07 01 03 00 0100 010000 78563412 00"));
  talk.server(numbered(3, 0, "15 01 03 00 0100 010000 00c0"));
  talk.server(numbered(4, 0, "0f 01 03 00 0100 010000 ffffffff 63"));
  talk.server(numbered(5, 0, "26 01 03 00 0100 010000 02 0a00 01020304050607"));
  talk.server(numbered(6, 0, "7d 01 0d 00 0100 010000 0100 01 03 aabbcc"));
  Kept& kept = talk.done();
  EXPECT_EQ(kept.detail("double_point"), "2");
  EXPECT_EQ(kept.detail("step"), "-1.000000");
  EXPECT_EQ(kept.detail("transient"), "0");
  EXPECT_EQ(kept.detail("bitstring"), std::to_string(0x12345678));
  EXPECT_EQ(kept.detail("normalized"), "-0.500000");
  EXPECT_EQ(kept.detail("counter"), "-1.000000");
  EXPECT_EQ(kept.detail("counter_carry"), "1");
  EXPECT_EQ(kept.detail("elapsed_ms"), "10");
  EXPECT_EQ(kept.detail("segment"), "\xaa\xbb\xcc");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Wrong, IsTold) {
  struct Case {
    std::string_view asdu;
    std::string_view issue;
  };
  for (const Case& one :
       {Case{"16 01 03 00 0100 010000 00", "reserved type identification"},
        Case{"c8 01 03 00 0100 010000 00", "type identification of a maker's own"},
        Case{"01 01 12 00 0100 010000 00", "reserved cause of transmission"},
        Case{"01 00 03 00 0100", "no information object"},
        Case{"01 01 03 00 0000 010000 00", "common address 0"},
        Case{"2d 02 06 00 0100 010000 00 020000 00", "command with more than one object"},
        Case{"2d 01 03 00 0100 010000 00", "cause of transmission that commands do not have"},
        Case{"01 02 03 00 0100 010000 00", "information objects"},
        Case{"01 01 03 00 0100 010000 00 00", "bytes behind the last information object"},
        Case{"01 01 03", "service data unit"}}) {
    Conversation talk(kProtocol, 2404);
    talk.client(numbered(0, 0, one.asdu));
    EXPECT_THAT(talk.done().issues, ::testing::Contains(std::string(one.issue))) << one.asdu;
  }
  Conversation talk(kProtocol, 2404);
  talk.client(bytes_of("68 04 0f 00 00 00")).client(bytes_of("68 05 01 00 00 00 00"));
  EXPECT_EQ(talk.kept().issues, (std::vector<std::string>{"reserved control function",
                                                          "data in a frame that has none"}));
}

TEST(Sequence, MustNotJumpUnlessBytesWereLost) {
  constexpr std::string_view kPoint = "01 01 03 00 0100 010000 00";
  Conversation talk(kProtocol, 2404);
  talk.server(numbered(0x7fff, 0, kPoint)).server(numbered(0, 0, kPoint));
  EXPECT_TRUE(talk.kept().issues.empty());
  talk.server(numbered(2, 0, kPoint));
  EXPECT_EQ(talk.kept().issues, std::vector<std::string>{"send sequence number out of order"});
  talk.session().gap(Side::B);
  talk.server(numbered(9, 0, kPoint));
  EXPECT_EQ(talk.kept().issues.size(), 1U);
}

TEST(Framing, FindsTheNextOne) {
  const std::unique_ptr<Session> session = kProtocol.open(FlowInfo{});
  EXPECT_EQ(session->frame(Side::A, bytes_of("68 03")).kind, Frame::Kind::Lost);
  EXPECT_EQ(session->frame(Side::A, bytes_of("69")).kind, Frame::Kind::Lost);
  EXPECT_EQ(session->resync(Side::A, bytes_of("68 0e 68 04 43 00 00 00")), 2U);
  EXPECT_EQ(session->resync(Side::A, bytes_of("00 68")), 1U);
  EXPECT_FALSE(session->resync(Side::A, bytes_of("68 04 43 00 00 01 00")));
}

TEST(Probe, WantsAWellFormedFrame) {
  FlowInfo flow;
  const auto probe = [&](std::string_view hex) {
    const base::ByteVec bytes = bytes_of(hex);
    return kProtocol.probe({flow, Side::A, bytes, {}});
  };
  EXPECT_EQ(probe("68 04 07 00 00 00"), Match::Yes);
  EXPECT_EQ(probe("68 04 01 00 02 00"), Match::Likely);
  EXPECT_EQ(probe("68 04 0f 00 00 00"), Match::No);
  EXPECT_EQ(probe("68 0e 00 00 00 00 64 01 06 00 01 00 00 00 00 14"), Match::Yes);
  EXPECT_EQ(probe("68 0f 00 00 00 00 64 01 06 00 01 00 00 00 00 14 00"), Match::No);
  EXPECT_EQ(probe("68 04 07 00 00 00 69"), Match::No);
  EXPECT_EQ(probe("68 09 09 68 53 01"), Match::No);
  EXPECT_EQ(probe("68 0e 00 00"), Match::Unsure);
  EXPECT_EQ(probe("68"), Match::Unsure);
}

}  // namespace
}  // namespace dissect::iec104
