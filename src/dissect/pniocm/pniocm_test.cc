#include "dissect/pniocm/pniocm.h"

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::pniocm {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

struct Call {
  std::uint8_t type = 0;
  std::uint16_t operation = 0;
  std::uint32_t sequence = 0;
  std::uint32_t status = 4096;  // of a request: what it has room for
  std::uint8_t flags = 0x20;
};

// A packet with the numbers of its header in little-endian order.
base::ByteVec packet(const Call& call, std::string_view hex) {
  const base::ByteVec blocks = bytes_of(hex);
  base::ByteWriter out;
  out.u8(4);
  out.u8(call.type);
  out.u8(call.flags);
  out.bytes(bytes_of("00 100000 00"));
  out.bytes(bytes_of("0000a0de 976c d111 8271 0001 0003 015a"));
  out.bytes(bytes_of("0100a0de 976c d111 8271 00a02442df7d"));
  out.bytes(bytes_of("000102030405060708090a0b0c0d0e0f"));
  out.u32le(0);
  out.u32le(1);
  out.u32le(call.sequence);
  out.u16le(call.operation);
  out.bytes(bytes_of("ffff ffff"));
  out.u16le(static_cast<std::uint16_t>(20 + blocks.size()));
  out.bytes(bytes_of("0000 00 00"));
  out.u32le(call.status);
  out.u32le(static_cast<std::uint32_t>(blocks.size()));
  out.u32le(4096);
  out.u32le(0);
  out.u32le(static_cast<std::uint32_t>(blocks.size()));
  out.bytes(blocks);
  return std::move(out).take();
}

// The identifier of a relation between other digits.
std::string relation(std::string_view before, std::string_view after) {
  std::string out(before);
  out += "00112233445566778899aabbccddeeff";
  out += after;
  return out;
}

// The header of a record: block, then the slot and index.
std::string record(std::string_view type, std::string_view index, std::string_view length) {
  return std::string(type) + relation("003c 0100 0001", "00000000 0002 0001 0000") +
         std::string(index) + std::string(length) + std::string(48, '0');
}

class PnioCm : public ::testing::Test {
 protected:
  Conversation talk_{kProtocol, 34964, Transport::Udp};
};

// A block of version 1.0 with its length.
std::string block(std::string_view type, std::string_view body) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t length = 2 + bytes_of(body).size();
  std::string out(type);
  for (const unsigned int shift : {12U, 8U, 4U, 0U})
    out += kDigits[length >> shift & 15U];
  return out + "0100" + std::string(body);
}

TEST_F(PnioCm, ConnectsWithWhatItExpects) {
  talk_.client(
      packet({}, block("0101", relation("0001",
                                        "0001 020000000001 00000000000000000000000000000000"
                                        "00000011 0258 8892 0003 706c63")) +
                     block("0102",
                           "0001 0001 8892 00000001 0028 c002 0020 0008 0007 0000"
                           "ffffffff 0018 0018 c000 000000000000 0000") +
                     block("0104",
                           "0001 00000000 0003 00000100 0000 0002"
                           "0001 00000200 0001 0001 0004 01 01"
                           "0002 00000201 0003 0001 0004 01 01 0002 0004 01 01")));
  talk_.server(packet(
      {.type = 2, .status = 0},
      block("8101", relation("0001", "0001 020000000002 8892")) + block("8102", "0001 0001 c002")));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "connect");
  EXPECT_EQ(one.access, Access::Session);
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(one.objects,
            (std::vector<NamedObject>{{"FrameID", "", 0xc002, 1}, {"slot", "", 3, 1}}));
  EXPECT_EQ(kept.fact(Fact::Name), "plc");
  EXPECT_EQ(kept.fact(Fact::VendorId), "PROFINET 346");
  EXPECT_EQ(kept.detail("module_ident"), "256");
  EXPECT_EQ(kept.detail("submodule_ident"), "512");
  EXPECT_EQ(kept.detail("iocr_frame_id"), std::to_string(0xc002));
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(PnioCm, IdentificationIsEvidenceForItsSlot) {
  talk_.client(packet({.operation = 2}, record("0009", "aff0", "00000100")));
  talk_.server(packet({.type = 2, .operation = 2, .status = 0},
                      record("8009", "aff0", "0000003a") +
                          "0020 0038 0100 002a"
                          "364553372033313520202020202020202020 2020"
                          "53 20 4331323334352020202020202020"
                          "0003 56 02 06 09 0000 0000 0000 0101 0000"));
  Kept& kept = talk_.done();
  EXPECT_EQ(kept.fact(Fact::OrderCode), "6ES7 315");
  EXPECT_EQ(kept.fact(Fact::Serial), "S C12345");
  EXPECT_EQ(kept.fact(Fact::Hardware), "3");
  EXPECT_EQ(kept.fact(Fact::Firmware), "V2.6.9");
  ASSERT_FALSE(kept.evidence_.empty());
  EXPECT_EQ(kept.evidence_[0].slot, 2);
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(PnioCm, ADeviceAnswersWithItsName) {
  talk_.client(packet({.operation = 0}, ""));
  talk_.server(
      packet({.type = 2, .operation = 0, .status = 0}, block("8106", "0006 706c632d3031 0000")));
  const auto& kept = talk_.done();
  EXPECT_EQ(kept.detail("responder_station"), "plc-01");
  EXPECT_EQ(kept.fact(Fact::Name), "plc-01");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(PnioCm, BlocksOfSubmodulesAreReadOneLevelDeep) {
  const std::string inner = block("0240", "00000000");
  const std::string deeper = block("0400", "0000 00000000 0001 8002" + block("0240", "00000000"));
  talk_.server(packet({.type = 2, .operation = 2, .status = 0},
                      block("0400", "0000 00000007 0001 8001" + inner + deeper)));
  std::string types;
  for (const auto& [name, value] : talk_.done().details) {
    if (name == "block_type" || name == "api" || name == "subslot") types += value + " ";
  }
  EXPECT_EQ(types, "1024 7 32769 576 1024 0 32770 ");
}

TEST_F(PnioCm, WritesAndTheirRefusal) {
  talk_.client(packet({.operation = 3, .sequence = 1},
                      record("0008", "e040", "00000088") + record("0008", "007b", "00000003") +
                          "010203 00" + record("0008", "8071", "00000000")));
  talk_.server(packet({.type = 2, .operation = 3, .sequence = 1, .status = 0xdf80b600}, ""));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigWrite);
  EXPECT_EQ(kept.transactions[0].objects,
            (std::vector<NamedObject>{{"record", "", 0x7b, 1}, {"record", "", 0x8071, 1}}));
  EXPECT_EQ(kept.transactions[0].status.name, "write refused");
  EXPECT_EQ(kept.transactions[0].status.code, 0xdf80b600U);
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(PnioCm, ControlsAndReleases) {
  talk_.client(packet({.operation = 4}, relation("0110 001c 0100 0000", "0001 0000 0001 0000")));
  talk_.client(packet({.operation = 1, .sequence = 1},
                      relation("0114 001c 0100 0000", "0001 0000 0004 0000")));
  talk_.server(packet({.type = 3, .sequence = 1}, ""));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "release");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "release");
  EXPECT_EQ(kept.transactions[0].status.name, "RPC fault");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "parameters end");
}

TEST_F(PnioCm, WrongIsTold) {
  base::ByteVec cut = packet({}, "0101 0002 0100");
  cut.pop_back();
  talk_.client(cut).client(bytes_of("04"));
  talk_.client(packet({.operation = 9}, ""));
  talk_.client(packet({.flags = 0x24}, "0101 0002 0100"));
  talk_.client(packet({}, "0101 0001 0100 0000"));
  Kept& kept = talk_.done();
  EXPECT_EQ(kept.issues,
            (std::vector<std::string>{"RPC packet", "RPC header", "reserved operation",
                                      "fragments behind the first", "length of a block"}));
}

TEST(Probe, WantsTheInterface) {
  FlowInfo flow;
  flow.transport = Transport::Udp;
  base::ByteVec bytes = packet({}, "");
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes, {}}), Match::Yes);
  bytes[24] = 0x05;
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes, {}}), Match::No);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bytes_of("04 00"), {}}), Match::No);
}

}  // namespace
}  // namespace dissect::pniocm
