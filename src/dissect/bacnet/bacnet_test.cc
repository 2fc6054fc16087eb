#include "dissect/bacnet/bacnet.h"

#include <gtest/gtest.h>

#include "dissect/bacnet/names.h"
#include "dissect/bacnet/tag.h"
#include "dissect/testing.h"

namespace dissect::bacnet {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// An NPDU with `function` of the virtual link before it.
base::ByteVec link(std::uint8_t function, std::string_view hex) {
  const base::ByteVec data = bytes_of(hex);
  base::ByteWriter out;
  out.u8(0x81);
  out.u8(function);
  out.u16be(static_cast<std::uint16_t>(4 + data.size()));
  out.bytes(data);
  return std::move(out).take();
}
base::ByteVec ask(std::string_view apdu) {
  return link(0x0a, "01 04" + std::string(apdu));
}
base::ByteVec answer(std::string_view apdu) {
  return link(0x0a, "01 00" + std::string(apdu));
}

class Bacnet : public ::testing::Test {
 protected:
  Conversation talk_{kProtocol, 47808, Transport::Udp};
};

TEST_F(Bacnet, WhoIsAndIAm) {
  talk_.client(link(0x0b, "01 20 ffff 00 ff 10 08 0a 1b59 1a 1b59"));
  talk_.server(link(0x0b, "01 20 ffff 00 ff 10 00 c4 02001b59 22 05c4 91 00 21 0f"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "who-Is");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.transactions[0].unit, 0xffffU);
  EXPECT_EQ(kept.detail("low_limit"), "7001");
  EXPECT_EQ(kept.detail("high_limit"), "7001");
  EXPECT_EQ(kept.transactions[1].operation.name, "i-Am");
  EXPECT_EQ(kept.transactions[1].objects, (std::vector<NamedObject>{{"device", "", 7001, 1}}));
  EXPECT_EQ(kept.fact(Fact::VendorId), "BACnet 15");
  EXPECT_EQ(kept.detail("max_apdu"), "1476");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Bacnet, ReadPropertyWithItsValue) {
  talk_.client(ask("00 05 01 0c 0c 00000005 19 55"));
  talk_.server(answer("30 01 0c 0c 00000005 19 55 3e 44 42c80000 3f"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "readProperty");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.objects, (std::vector<NamedObject>{{"analog-input", "present-value", 5, 1}}));
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_FALSE(one.unit);
  EXPECT_EQ(kept.detail("value_real"), "100.000000");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Bacnet, ReadPropertyMultipleTellsWhoTheDeviceIs) {
  talk_.client(
      ask("02 75 02 0e 0c 02000064 1e 09 79 09 46 09 2c 09 78 09 70 1f"
          "0c 00800001 1e 09 55 1f"));
  talk_.server(
      answer("30 02 0e 0c 02000064 1e"
             "29 79 4e 75 05 00 41636d65 4f"
             "29 46 4e 75 05 04 00410042 4f"
             "29 2c 4e 75 04 05 31e432 4f"
             "29 78 4e 21 0f 4f"
             "29 70 4e 91 00 4f 1f"
             "0c 00800001 1e 29 55 5e 91 02 91 20 5f 1f"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].objects.size(), 6U);
  EXPECT_EQ(kept.transactions[0].objects[0], (NamedObject{"device", "vendor-name", 100, 1}));
  EXPECT_EQ(kept.transactions[0].objects[5], (NamedObject{"analog-value", "present-value", 1, 1}));
  EXPECT_EQ(kept.fact(Fact::Vendor), "Acme");
  EXPECT_EQ(kept.fact(Fact::Model), "AB");
  EXPECT_EQ(kept.fact(Fact::Firmware),
            "1\xc3\xa4"
            "2");
  EXPECT_EQ(kept.fact(Fact::VendorId), "BACnet 15");
  EXPECT_EQ(kept.fact(Fact::Mode), "operational");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Bacnet, WritePropertyAndItsError) {
  talk_.client(ask("00 05 03 0f 0c 01000002 19 55 3e 91 01 3f 49 08"));
  talk_.server(answer("50 03 0f 91 02 91 28"));
  talk_.client(ask("00 05 04 0f 0c 01000002 19 55 3e 00 3f 49 08"));
  talk_.server(answer("20 04 0f"));
  talk_.client(ask("00 05 05 10 0c 00800001 1e 09 55 2e 44 3f800000 2f 39 10 1f"));
  talk_.server(answer("60 05 09"));
  talk_.client(ask("00 05 06 0c 0c 00800001 19 55"));
  talk_.server(answer("71 06 04"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_EQ(kept.transactions[0].access, Access::Write);
  EXPECT_EQ(kept.transactions[0].objects,
            (std::vector<NamedObject>{{"binary-output", "present-value", 2, 1}}));
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "write access denied");
  EXPECT_EQ(kept.detail("value_enumerated"), "1");
  EXPECT_EQ(kept.detail("priority"), "8");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[2].operation.name, "writePropertyMultiple");
  EXPECT_EQ(kept.transactions[2].status.name, "unrecognized service");
  EXPECT_EQ(kept.transactions[3].status.name, "segmentation not supported");
  EXPECT_EQ(kept.issues, std::vector<std::string>{"request rejected as not of the standard"});
}

TEST_F(Bacnet, StatesThatADeviceIsAskedToTake) {
  struct Case {
    std::string_view apdu;
    std::string_view what;
    Access access;
  };
  for (const Case& one :
       {Case{"00 05 01 14 09 00 1d 05 00 70617373", "cold start", Access::Reset},
        Case{"00 05 01 14 09 01", "warm start", Access::Reset},
        Case{"00 05 01 14 09 02", "start backup", Access::ProgramUpload},
        Case{"00 05 01 14 09 04", "start restore", Access::ProgramDownload},
        Case{"00 05 01 14 09 07", "activate changes", Access::ConfigWrite},
        Case{"00 05 01 11 09 05 19 01 2d 05 00 70617373", "disable", Access::ModeChange},
        Case{"00 05 01 11 19 00", "enable", Access::ModeChange}}) {
    Conversation talk(kProtocol, 47808, Transport::Udp);
    talk.client(ask(one.apdu));
    Kept& kept = talk.done();
    ASSERT_EQ(kept.transactions.size(), 1U);
    EXPECT_EQ(kept.transactions[0].sub_operation.name, one.what);
    EXPECT_EQ(kept.transactions[0].access, one.access);
    EXPECT_TRUE(kept.issues.empty());
    for (const auto& [name, value] : kept.details)
      EXPECT_EQ(value.find("pass"), std::string::npos) << name;
  }
}

TEST_F(Bacnet, Files) {
  talk_.client(ask("00 05 07 06 c4 02800001 0e 31 00 21 1b 0f"));
  talk_.server(answer("30 07 06 11 0e 31 00 65 04 61626364 0f"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "atomicReadFile");
  EXPECT_EQ(kept.transactions[0].access, Access::File);
  EXPECT_EQ(kept.transactions[0].objects, (std::vector<NamedObject>{{"file", "", 1, 1}}));
  EXPECT_EQ(kept.detail("file_count"), "27");
  EXPECT_EQ(kept.detail("value_octets"), "abcd");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Bacnet, SegmentsArePutTogether) {
  talk_.client(ask("02 75 08 0e 0c 02000064 1e 09 79 09 46 1f"));
  talk_.server(answer("3c 08 00 02 0e 0c 02000064 1e 29 79 4e 75 05 00 41"));
  talk_.client(ask("40 08 00 02"));
  EXPECT_TRUE(talk_.kept().transactions.empty());
  talk_.server(answer("38 08 01 02 0e 636d65 4f 29 46 4e 72 00 42 4f 1f"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_TRUE(kept.transactions[0].answered);
  EXPECT_EQ(kept.fact(Fact::Vendor), "Acme");
  EXPECT_EQ(kept.fact(Fact::Model), "B");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Bacnet, WhatARouterForwardsIsNotAboutIt) {
  talk_.server(link(0x0a, "01 08 07d1 01 0c 10 00 c4 02001b59 22 05c4 91 00 21 0f"));
  talk_.client(link(0x0a, "01 24 07d1 01 0c ff 00 05 09 0c 0c 02001b59 19 79"));
  talk_.server(link(0x0a, "01 08 07d1 01 0c 30 09 0c 0c 02001b59 19 79 3e 72 00 42 3f"));
  Kept& kept = talk_.done();
  EXPECT_EQ(kept.fact(Fact::VendorId), "");
  EXPECT_EQ(kept.fact(Fact::Vendor), "");
  EXPECT_EQ(kept.fact(Fact::Gateway), "BACnet network 2001");
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[1].unit, 2001U);
  EXPECT_TRUE(kept.transactions[1].answered);
  EXPECT_EQ(kept.detail("source_network"), "2001");
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Bacnet, AForwardedDeviceHasItsOwnAddress) {
  talk_.server(link(0x04, "c0000209 bac0 01 00 10 00 c4 02001b59 22 05c4 91 00 21 0f"));
  ASSERT_EQ(talk_.kept().evidence_.size(), 1U);
  EXPECT_EQ(talk_.kept().evidence_[0].about, About::Address);
  EXPECT_EQ(talk_.kept().detail("forwarded_ip"), "192.0.2.9");
}

TEST_F(Bacnet, TheVirtualLinkItself) {
  talk_.client(link(0x05, "003c")).server(link(0x00, "0000"));
  talk_.client(link(0x08, "c0000207bac0")).server(link(0x00, "0050"));
  talk_.client(link(0x0b, "01 80 00 0005"));
  talk_.server(link(0x0b, "01 80 03 01 0005"));
  Kept& kept = talk_.done();
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_EQ(kept.transactions[0].operation.name, "Register-Foreign-Device");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].access, Access::ConfigWrite);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[2].operation.name, "Who-Is-Router-To-Network");
  EXPECT_EQ(kept.transactions[2].objects, (std::vector<NamedObject>{{"network", "", 5, 1}}));
  EXPECT_EQ(kept.transactions[3].status.outcome, Outcome::Failed);
  EXPECT_TRUE(kept.issues.empty());
}

TEST_F(Bacnet, WrongIsTold) {
  struct Case {
    base::ByteVec bytes;
    std::string_view issue;
  };
  base::ByteVec longer = ask("00 05 01 0c 0c 00000005 19 55");
  longer.push_back(0);
  for (const Case& one :
       {Case{bytes_of("81 0a"), "virtual link header"},
        Case{longer, "length that is not the datagram's"},
        Case{link(0x0d, ""), "reserved virtual link function"},
        Case{link(0x0a, "02 00 10 08"), "protocol version that is not 1"},
        Case{link(0x0a, "01 20 ffff"), "network header"},
        Case{link(0x0a, "01 08 ffff 01 01 10 08"), "source network that cannot be"},
        Case{link(0x0a, "01 08 0001 00 10 08"), "source network without an address"},
        Case{link(0x0a, "01 80 15"), "reserved network message"},
        Case{ask("80"), "reserved application message"},
        Case{ask("00 05 01 7f"), "reserved confirmed service"},
        Case{ask("10 20"), "reserved unconfirmed service"},
        Case{ask("00 05 01 0c 0c 0000"), "service parameters"},
        Case{ask("00 05 01 0c 0b 000000"), "object identifier that is not of 4 bytes"},
        Case{ask("00 05 01 0f 3f"), "closing tag without its opening"},
        Case{ask("00 05 01 0f 3e"), "opening tag without its closing"},
        Case{ask("00 05 01 0f 3e d1 00 3f"), "reserved application tag"}}) {
    Conversation talk(kProtocol, 47808, Transport::Udp);
    talk.client(one.bytes);
    EXPECT_THAT(talk.done().issues, ::testing::Contains(std::string(one.issue)));
  }
  std::string deep = "00 05 01 0f";
  for (int i = 0; i < 20; ++i)
    deep += "3e";
  talk_.client(ask(deep));
  EXPECT_EQ(talk_.kept().issues, std::vector<std::string>{"parameters nested too deeply"});
}

TEST(Names, AreInTheirPlaces) {
  EXPECT_EQ(property_name(85), "present-value");
  EXPECT_EQ(property_name(121), "vendor-name");
  EXPECT_EQ(property_name(168), "profile-name");
  EXPECT_EQ(property_name(5000), "");
  EXPECT_EQ(object_type_name(8), "device");
  EXPECT_EQ(object_type_name(20), "trend-log");
  EXPECT_EQ(object_type_name(56), "network-port");
  EXPECT_EQ(confirmed_service(20).name, "reinitializeDevice");
}

TEST(Tags, OfAllLengths) {
  const base::ByteVec bytes = bytes_of("f9 40 07 65 06 010203040506 11 25 fe 0001 aa 3e 3f 31 ff");
  Reader reader(bytes);
  Tag tag;
  ASSERT_TRUE(read_tag(reader, tag));
  EXPECT_EQ(tag.number, 0x40);
  EXPECT_EQ(tag.unsigned_value(), 7U);
  ASSERT_TRUE(read_tag(reader, tag));
  EXPECT_EQ(tag.value.size(), 6U);
  ASSERT_TRUE(read_tag(reader, tag));
  EXPECT_TRUE(tag.truth);
  ASSERT_TRUE(read_tag(reader, tag));
  EXPECT_EQ(tag.unsigned_value(), 0xaaU);
  ASSERT_TRUE(read_tag(reader, tag));
  EXPECT_EQ(tag.kind, Tag::Kind::Opening);
  ASSERT_TRUE(read_tag(reader, tag));
  EXPECT_EQ(tag.kind, Tag::Kind::Closing);
  ASSERT_TRUE(read_tag(reader, tag));
  EXPECT_EQ(tag.signed_value(), -1);
  EXPECT_FALSE(read_tag(reader, tag));
}

TEST(Probe, WantsTheLengthAndTheVersion) {
  FlowInfo flow;
  flow.transport = Transport::Udp;
  const auto probe = [&](const base::ByteVec& bytes) {
    return kProtocol.probe({flow, Side::A, bytes, {}});
  };
  EXPECT_EQ(probe(link(0x0b, "01 20 ffff 00 ff 10 08")), Match::Yes);
  EXPECT_EQ(probe(link(0x05, "003c")), Match::Likely);
  EXPECT_EQ(probe(link(0x05, "003c00")), Match::No);
  EXPECT_EQ(probe(link(0x0b, "02 20 ffff 00 ff 10 08")), Match::No);
  EXPECT_EQ(probe(bytes_of("81 0b 00 0c 01 20")), Match::No);
  EXPECT_EQ(probe(bytes_of("81")), Match::No);
}

}  // namespace
}  // namespace dissect::bacnet
