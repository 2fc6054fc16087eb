#include "dissect/dnp3/dnp3.h"

#include <gtest/gtest.h>

#include "dissect/dnp3/link.h"
#include "dissect/dnp3/variation.h"
#include "dissect/testing.h"

namespace dissect::dnp3 {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

constexpr std::uint8_t kMasterData = 0xc4;  // unconfirmed user data
constexpr std::uint8_t kOutstationData = 0x44;

// As the standard's figure has it: bit by bit.
std::uint16_t slow_crc(base::ByteView bytes) {
  unsigned int value = 0;
  for (const std::uint8_t byte : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool invert = ((value ^ static_cast<unsigned int>(byte >> bit)) & 1U) != 0;
      value >>= 1U;
      if (invert) value ^= 0xa6bcU;
    }
  }
  return static_cast<std::uint16_t>(~value);
}

base::ByteVec frame(std::uint8_t control, std::uint16_t destination, std::uint16_t source,
                    base::ByteView data = {}) {
  base::ByteWriter out;
  out.u16be(0x0564);
  out.u8(static_cast<std::uint8_t>(5 + data.size()));
  out.u8(control);
  out.u16le(destination);
  out.u16le(source);
  out.u16le(slow_crc(out.view()));
  while (!data.empty()) {
    const base::ByteView block = data.first(std::min<std::size_t>(16, data.size()));
    out.bytes(block);
    out.u16le(slow_crc(block));
    data = data.subspan(block.size());
  }
  return std::move(out).take();
}

// Master 3, outstation 10; one transport segment.
base::ByteVec ask(std::string_view application) {
  base::ByteVec data = bytes_of("c0");
  const base::ByteVec rest = bytes_of(application);
  data.insert(data.end(), rest.begin(), rest.end());
  return frame(kMasterData, 10, 3, data);
}
base::ByteVec answer(std::string_view application) {
  base::ByteVec data = bytes_of("c0");
  const base::ByteVec rest = bytes_of(application);
  data.insert(data.end(), rest.begin(), rest.end());
  return frame(kOutstationData, 3, 10, data);
}

TEST(Crc, IsTheStandards) {
  // Reset of link states from 1024 to 1, as printed in introductions to the protocol.
  const base::ByteVec bytes = bytes_of("05 64 05 c0 01 00 00 04 e9 21");
  EXPECT_EQ(crc(base::ByteView(bytes).first(8)), 0x21e9);
  EXPECT_EQ(crc(bytes), slow_crc(bytes));
}

TEST(Variations, HaveTheStandardsSizes) {
  struct Case {
    int group;
    int variation;
    int size;
  };
  for (const auto& [group, variation, size] :
       {Case{1, 1, 0},   Case{2, 2, 7},   Case{2, 3, 3},   Case{12, 1, 11}, Case{20, 1, 5},
        Case{22, 5, 11}, Case{23, 6, 9},  Case{30, 1, 5},  Case{30, 2, 3},  Case{30, 4, 2},
        Case{30, 6, 9},  Case{32, 3, 11}, Case{32, 8, 15}, Case{34, 1, 2},  Case{41, 1, 5},
        Case{41, 4, 9},  Case{43, 4, 9},  Case{50, 1, 6},  Case{50, 4, 11}, Case{52, 2, 2},
        Case{121, 1, 7}, Case{122, 2, 13}}) {
    const Variation* const found =
        find_variation(static_cast<std::uint8_t>(group), static_cast<std::uint8_t>(variation));
    ASSERT_NE(found, nullptr) << group << "." << variation;
    EXPECT_EQ(found->size, size) << group << "." << variation;
  }
  EXPECT_EQ(find_variation(30, 7), nullptr);
}

TEST(Link, ResetAndStatusAreMatched) {
  Conversation talk(kProtocol, 20000);
  talk.client(frame(0xc0, 10, 3)).server(frame(0x00, 3, 10));
  talk.client(frame(0xc9, 10, 3)).server(frame(0x0b, 3, 10));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "reset link states");
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[0].unit, 10U);
  EXPECT_EQ(kept.transactions[1].operation.name, "request link status");
  EXPECT_TRUE(kept.transactions[1].answered);
  EXPECT_TRUE(kept.issues.empty());
  EXPECT_EQ(kept.detail("destination"), "10");
  EXPECT_EQ(kept.detail("source"), "3");
}

TEST(Link, AnAckOfDataIsNoMessage) {
  Conversation talk(kProtocol, 20000);
  talk.client(frame(0xf3, 10, 3, bytes_of("c0 c1 0d"))).server(frame(0x00, 3, 10));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "cold restart");
  EXPECT_EQ(kept.transactions[0].access, Access::Reset);
}

TEST(Link, ChecksumsAreChecked) {
  Conversation talk(kProtocol, 20000);
  base::ByteVec bad = ask("c1 01 3c 02 06");
  bad.back() ^= 1U;
  talk.client(bad);
  EXPECT_EQ(talk.kept().issues, std::vector<std::string>{"link data checksum"});
  base::ByteVec header = ask("c1 01 3c 02 06");
  header[8] ^= 1U;
  talk.client(header);
  EXPECT_EQ(talk.kept().issues.back(), "link header checksum");
  EXPECT_TRUE(talk.done().transactions.empty());
}

TEST(Link, TheNextFrameIsFoundAfterRubbish) {
  const std::unique_ptr<Session> session = kProtocol.open(FlowInfo{});
  base::ByteVec bytes = bytes_of("00 05 64 05 64 09 99 99 99 99 99 99 99 99 99 99");
  const base::ByteVec good = ask("c1 01 3c 02 06");
  bytes.insert(bytes.end(), good.begin(), good.end());
  EXPECT_EQ(session->frame(Side::A, bytes).kind, Frame::Kind::Lost);
  EXPECT_EQ(session->resync(Side::A, bytes), 16U);
  EXPECT_EQ(session->resync(Side::A, bytes_of("00 00 05")), 2U);
  EXPECT_FALSE(session->resync(Side::A, bytes_of("00 00 00")));
}

TEST(Application, IntegrityPollWithItsValues) {
  Conversation talk(kProtocol, 20000);
  talk.client(ask("c2 01 3c 02 06 3c 03 06 3c 04 06 3c 01 06"));
  talk.server(
      answer("c2 81 8000"
             "01 01 00 00 08 05 01"  // nine packed inputs
             "1e 02 00 05 06 01 ffff 01 1000"
             "14 05 17 01 07 78563412"
             "1e 05 28 0100 0a00 01 0000c03f"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "read");
  EXPECT_EQ(one.sub_operation.name, "integrity poll");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(one.status.code, 0x8000U);
  EXPECT_EQ(one.status.name, "device restart");
  ASSERT_EQ(one.objects.size(), 4U);
  EXPECT_EQ(one.objects[0], (NamedObject{"class", "", 1, 1}));
  EXPECT_EQ(one.objects[3], (NamedObject{"class", "", 0, 1}));
  EXPECT_EQ(kept.detail("iin"), "32768");
  EXPECT_EQ(kept.detail("object"), std::to_string(0x3c02));
  EXPECT_EQ(kept.detail("analog"), "-1.000000");
  EXPECT_EQ(kept.detail("counter"), std::to_string(0x12345678));
  std::string inputs;
  std::string indices;
  for (const auto& [name, value] : kept.details) {
    if (name == "binary") inputs += value;
    if (name == "index") indices += value + " ";
  }
  EXPECT_EQ(inputs, "101000001");
  EXPECT_EQ(indices, "0 1 2 3 4 5 6 7 8 5 6 7 10 ");
  EXPECT_EQ(kept.details.back(), (std::pair<std::string, std::string>{"analog", "1.500000"}));
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Application, SelectAndOperate) {
  const std::string command = "0c 01 17 01 05 41 01 64000000 c8000000 00";
  Conversation talk(kProtocol, 20000);
  talk.client(ask("c3 03" + command)).server(answer("c3 81 0000" + command));
  talk.client(ask("c4 04" + command));
  talk.server(answer("c4 81 0000 0c 01 17 01 05 41 01 64000000 c8000000 02"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "select");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "close, pulse on");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].access, Access::Write);
  EXPECT_EQ(kept.transactions[1].objects, (std::vector<NamedObject>{{"binary command", "", 5, 1}}));
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "no select");
  EXPECT_EQ(kept.detail("on_time"), "100");
  EXPECT_EQ(kept.detail("off_time"), "200");
  EXPECT_EQ(kept.detail("command_trip_close"), "1");
}

TEST(Application, WhatNobodyAnswersIsComplete) {
  Conversation talk(kProtocol, 20000);
  talk.client(ask("c5 06 29 02 28 0100 0300 3930 00"));
  ASSERT_EQ(talk.kept().transactions.size(), 1U);
  const Transaction& one = talk.kept().transactions[0];
  EXPECT_EQ(one.kind, Kind::OneWay);
  EXPECT_EQ(one.sub_operation.name, "set analog output");
  EXPECT_EQ(one.objects, (std::vector<NamedObject>{{"analog output", "", 3, 1}}));
  EXPECT_EQ(talk.kept().detail("analog_output"), "12345.000000");
}

TEST(Application, UnsolicitedResponsesAndTheirConfirmation) {
  Conversation talk(kProtocol, 20000);
  talk.server(answer("f1 82 0200 02 02 17 01 04 81 0102030405 06"));
  talk.client(ask("d1 00"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "unsolicited response");
  EXPECT_EQ(kept.transactions[0].client.port, 20000);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[1].operation.name, "confirm");
  EXPECT_EQ(kept.detail("time"), std::to_string(0x060504030201));
  EXPECT_EQ(kept.detail("binary"), "1");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Application, IndicationsOfFailure) {
  struct Case {
    std::string_view iin;
    std::string_view name;
    Outcome outcome;
  };
  for (const Case& one :
       {Case{"0001", "function not supported", Outcome::Failed},
        Case{"0002", "object unknown", Outcome::Failed},
        Case{"0004", "parameter error", Outcome::Failed},
        Case{"0010", "already executing", Outcome::Failed},
        Case{"0008", "event buffer overflow", Outcome::Ok},
        Case{"0020", "configuration corrupt", Outcome::Ok},
        Case{"4000", "device trouble", Outcome::Ok}, Case{"0f00", "", Outcome::Ok}}) {
    Conversation talk(kProtocol, 20000);
    talk.client(ask("c1 02 50 01 00 07 07 00")).server(answer("c1 81" + std::string(one.iin)));
    Kept& kept = talk.done();
    ASSERT_EQ(kept.transactions.size(), 1U);
    EXPECT_EQ(kept.transactions[0].sub_operation.name, "internal indication");
    EXPECT_EQ(kept.transactions[0].status.name, one.name);
    EXPECT_EQ(kept.transactions[0].status.outcome, one.outcome);
    EXPECT_TRUE(kept.issues.empty());
  }
}

TEST(Application, WhatTheStandardForbidsIsTold) {
  struct Case {
    bool from_master;
    std::string_view bytes;
    std::string_view issue;
  };
  for (const Case& one :
       {Case{true, "c1 0f", "obsolete function code"},
        Case{true, "c1 13", "obsolete function code"},
        Case{true, "c1 46", "reserved function code"},
        Case{true, "e1 01 3c 02 06", "master requests a confirmation"},
        Case{true, "81 01 3c 02 06", "request in more than one fragment"},
        Case{true, "c1 81 0000", "response from a master"},
        Case{false, "c1 01 3c 02 06", "request from an outstation"},
        Case{false, "c1 81 0040", "reserved internal indication"},
        Case{false, "d1 81 0000", "unsolicited flag does not fit the function code"},
        Case{true, "c1 01 01 02 00 05 04", "range that stops before it starts"},
        Case{true, "c1 01 01 02 0a", "reserved range specifier"},
        Case{true, "c1 01 01 02 70 00 01", "reserved object prefix"},
        Case{true, "c1 01 01", "object header"}, Case{true, "c1", "application header"},
        Case{true, "c1 00 01", "data behind the application header"},
        Case{true, "c1 01 63 01 06", "unknown object group"},
        Case{true, "c1 05 0c 01 17 05 00 41", "objects"},
        Case{false, "c1 81 0000 1e 02 02 00000000 ffffffff 01", "objects"}}) {
    Conversation talk(kProtocol, 20000);
    if (one.from_master) {
      talk.client(ask(one.bytes));
    } else {
      talk.server(answer(one.bytes));
    }
    EXPECT_THAT(talk.done().issues, ::testing::Contains(std::string(one.issue))) << one.bytes;
  }
}

TEST(Application, SegmentsAreJoined) {
  // Two analog inputs, divided within the second.
  const base::ByteVec first = bytes_of("45 c1 81 0000 1e 02 00 00 01 01 0100 01");
  const base::ByteVec second = bytes_of("86 0200");
  Conversation talk(kProtocol, 20000);
  talk.server(frame(kOutstationData, 3, 10, first));
  EXPECT_TRUE(talk.kept().transactions.empty());
  talk.server(frame(kOutstationData, 3, 10, second));
  ASSERT_EQ(talk.kept().transactions.size(), 1U);
  EXPECT_EQ(talk.kept().transactions[0].objects,
            (std::vector<NamedObject>{{"analog input", "", 0, 2}}));
  // A lost segment, then one that goes on with nothing.
  talk.server(frame(kOutstationData, 3, 10, first));
  talk.session().gap(Side::B);
  talk.server(frame(kOutstationData, 3, 10, second));
  EXPECT_EQ(talk.kept().transactions.size(), 1U);
  EXPECT_TRUE(talk.kept().issues.empty());
  talk.server(frame(kOutstationData, 3, 10, first));
  talk.server(frame(kOutstationData, 3, 10, bytes_of("87 0200")));
  EXPECT_EQ(talk.kept().issues.back(), "transport segment out of sequence");
}

TEST(Application, AResponseInFragmentsIsOne) {
  Conversation talk(kProtocol, 20000);
  talk.client(ask("c7 01 3c 02 06"));
  talk.server(answer("a7 81 0000 02 01 28 0100 0200 81"));
  talk.client(ask("c7 00"));
  talk.server(answer("68 81 0000 02 01 28 0100 0300 81"));
  talk.client(ask("c8 00"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].operation.name, "confirm");
  EXPECT_EQ(kept.transactions[1].operation.name, "read");
  EXPECT_EQ(kept.transactions[1].answer_packet, 4U);
  EXPECT_EQ(kept.transactions[1].response_bytes, 16U);
}

TEST(Application, DeviceAttributesAreIdentity) {
  Conversation talk(kProtocol, 20000);
  talk.client(ask("c1 01 00 fe 00 00 00"));
  talk.server(
      answer("c1 81 0000"
             "00 f2 00 00 00 01 05 312e322e33"
             "00 f8 00 00 00 01 04 53303031"
             "00 fa 00 00 00 01 03 525455"
             "00 fc 00 00 00 01 04 41636d65"
             "00 ef 00 00 00 02 02 1027"));
  Kept& kept = talk.done();
  EXPECT_EQ(kept.fact(Fact::Firmware), "1.2.3");
  EXPECT_EQ(kept.fact(Fact::Serial), "S001");
  EXPECT_EQ(kept.fact(Fact::Model), "RTU");
  EXPECT_EQ(kept.fact(Fact::Vendor), "Acme");
  EXPECT_EQ(kept.detail("attribute_number"), "10000");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigRead);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Application, FilesByName) {
  Conversation talk(kProtocol, 20000);
  talk.client(
      ask("c1 19 46 03 5b 01 1f00"
          "1a00 0500 000000000000 a401 78563412 00000000 0100 0004 0700 2f61 2e78 79"));
  talk.server(answer("c1 81 0000 46 04 5b 01 0d00 01000000 00000000 0004 0700 03"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "open file");
  EXPECT_EQ(kept.transactions[0].access, Access::File);
  EXPECT_EQ(kept.transactions[0].objects, (std::vector<NamedObject>{{"file", "/a.xy", 0, 0}}));
  EXPECT_EQ(kept.transactions[0].status.name, "file not found");
  EXPECT_EQ(kept.detail("file_key"), std::to_string(0x12345678));
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Application, AChallengeIsNotTheAnswer) {
  Conversation talk(kProtocol, 20000);
  talk.client(ask("c9 05 29 02 28 0100 0300 3930 00"));
  talk.server(answer("c9 83 0000 78 01 5b 01 0c00 01000000 0100 04 01 aabbccdd"));
  talk.client(ask("c9 20 78 02 5b 01 0a00 01000000 0100 11223344"));
  talk.server(answer("c9 83 0000 78 07 5b 01 0f00 01000000 0100 0000 01 000000000000"));
  Kept& kept = talk.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "authenticate");
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[1].operation.name, "direct operate");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "authentication failed");
  EXPECT_EQ(kept.detail("challenge"), "\xaa\xbb\xcc\xdd");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Datagram, CarriesSeveralFrames) {
  base::ByteVec both = answer("f1 82 0000");
  const base::ByteVec second = answer("f2 82 0000");
  both.insert(both.end(), second.begin(), second.end());
  Conversation talk(kProtocol, 20000, Transport::Udp);
  talk.server(both);
  EXPECT_EQ(talk.done().transactions.size(), 2U);
  both.pop_back();
  talk.server(both);
  EXPECT_EQ(talk.kept().issues, std::vector<std::string>{"link frame"});
}

TEST(Probe, WantsAChecksum) {
  FlowInfo flow;
  const base::ByteVec good = ask("c1 01 3c 02 06");
  EXPECT_EQ(kProtocol.probe({flow, Side::A, good, {}}), Match::Yes);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, base::ByteView(good).first(4), {}}), Match::Unsure);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes_of("05 64 04 c0 01 00 00 04 e9 21"), {}}),
            Match::No);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes_of("05 65"), {}}), Match::No);
  base::ByteVec bad = good;
  bad[8] ^= 1U;
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bad, {}}), Match::Likely);
}

}  // namespace
}  // namespace dissect::dnp3
