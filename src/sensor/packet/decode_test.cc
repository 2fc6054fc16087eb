#include "sensor/packet/decode.h"

#include <gtest/gtest.h>

#include "dissect/testing.h"
#include "sensor/packet/testing.h"

namespace sensor::packet {

namespace {

using dissect::Transport;
using dissect::testing::bytes_of;
using namespace testing;

ByteVec datagram() {
  return udp(1000, 502, text("abc"));
}
// The whole of what others carry below.
ByteVec ip_datagram() {
  return ipv4({.id = 7}, datagram());
}

struct Case {
  const char* name;
  LinkType link;
  ByteVec bytes;
  std::uint16_t vlan = 0;
};

ByteVec gre(const char* header, std::uint16_t protocol, const ByteVec& payload) {
  return ethernet(
      0x0800,
      ipv4({.protocol = 47}, join(bytes_of(header), join({static_cast<std::uint8_t>(protocol >> 8U),
                                                          static_cast<std::uint8_t>(protocol)},
                                                         payload))));
}

std::vector<Case> carriers() {
  const ByteVec ip = ip_datagram();
  const ByteVec frame = ethernet(0x0800, ip);
  const ByteVec tagged = ethernet(0x8100, join(bytes_of("a0 05 08 00"), ip));
  std::vector<Case> cases = {
      {"ethernet", LinkType::Ethernet, frame},
      {"padded", LinkType::Ethernet, join(frame, ByteVec(9, 0xEE))},
      {"vlan", LinkType::Ethernet, tagged, 5},
      {"priority tag", LinkType::Ethernet, ethernet(0x8100, join(bytes_of("e000 0800"), ip))},
      {"qinq", LinkType::Ethernet, ethernet(0x88A8, join(bytes_of("0064 8100 0007 0800"), ip)), 7},
      {"snap", LinkType::Ethernet,
       ethernet(static_cast<std::uint16_t>(8 + ip.size()),
                join(bytes_of("aa aa 03 00 00 00 08 00"), ip))},
      {"hsr", LinkType::Ethernet, ethernet(0x892F, join(bytes_of("0034 0001 0800"), ip))},
      {"mpls", LinkType::Ethernet, ethernet(0x8847, join(bytes_of("00001040 00002140"), ip))},
      {"mpls ethernet", LinkType::Ethernet,
       ethernet(0x8847, join(bytes_of("00002140 00000000"), frame))},
      {"pppoe", LinkType::Ethernet, ethernet(0x8864, join(bytes_of("1100 0001 0021 0021"), ip))},
      {"raw", LinkType::Raw, ip},
      {"raw of BSD", LinkType::RawBsd, ip},
      {"ipv4", LinkType::Ipv4, ip},
      {"null, little-endian", LinkType::Null, join(bytes_of("02000000"), ip)},
      {"null, big-endian", LinkType::Null, join(bytes_of("00000002"), ip)},
      {"loop", LinkType::Loop, join(bytes_of("00000002"), ip)},
      {"cooked", LinkType::Cooked, join(bytes_of("0000 0001 0006 020000000001 0000 0800"), ip)},
      {"cooked 2", LinkType::Cooked2,
       join(bytes_of("0800 0000 00000003 0001 00 06 020000000001 0000"), ip)},
      {"ppp", LinkType::Ppp, join(bytes_of("ff03 0021"), ip)},
      {"ppp, short", LinkType::Ppp, join(bytes_of("21"), ip)},
      {"chdlc", LinkType::CiscoHdlc, join(bytes_of("0f00 0800"), ip)},
      {"802.11", LinkType::Wireless,
       join(bytes_of("0801 0000 020000000002 020000000001 020000000009 1000 aaaa03000000 0800"),
            ip)},
      {"802.11 qos", LinkType::Wireless,
       join(bytes_of("8802 0000 020000000002 020000000009 020000000001 1000 0000"
                     "aaaa03000000 0800"),
            ip)},
      {"radiotap", LinkType::WirelessRadiotap,
       join(bytes_of("0000 0a00 02000000 10 00 0801 0000 020000000002 020000000001 020000000009"
                     "1000 aaaa03000000 0800"),
            join(ip, bytes_of("11223344")))},
      {"ip in ip", LinkType::Raw, ipv4({.protocol = 4}, ip)},
      {"ip in ipv6", LinkType::Raw, ipv6(4, ip)},
      {"authentication header", LinkType::Raw,
       ipv4({.protocol = 51},
            join(bytes_of("11 04 0000 00000001 00000002 000000000000000000000000"), datagram()))},
      {"gre", LinkType::Ethernet, gre("0000", 0x0800, ip)},
      {"gre, all fields", LinkType::Ethernet,
       gre("b000", 0x0800, join(bytes_of("00000000 00000001 00000002"), ip))},
      {"erspan 1", LinkType::Ethernet, gre("0000", 0x88BE, frame)},
      {"erspan 2", LinkType::Ethernet,
       gre("1000", 0x88BE, join(bytes_of("00000001 1009 0001 00000002"), frame)), 9},
      {"erspan 3", LinkType::Ethernet,
       gre("1000", 0x22EB,
           join(bytes_of("00000001 2009 0001 00000002 0000 0001 0000000000000000"), frame)),
       9},
      {"vxlan", LinkType::Raw,
       ipv4({}, udp(50000, 4789, join(bytes_of("08000000 00007b00"), tagged))), 5},
      {"geneve", LinkType::Raw,
       ipv4({}, udp(50000, 6081, join(bytes_of("0100 6558 00000100 00000000"), frame)))},
      {"gtp", LinkType::Raw, ipv4({}, udp(50000, 2152, join(bytes_of("30 ff 001f 00000001"), ip)))},
      // With a sequence number and the header of 5G's sessions.
      {"gtp, extended", LinkType::Raw,
       ipv4({}, udp(50000, 2152, join(bytes_of("36 ff 0027 00000001 0007 00 85 01 1001 00"), ip)))},
  };
  return cases;
}

}  // namespace

TEST(Decoder, FindsTheInnermostPacket) {
  for (const Case& one : carriers()) {
    Decoder decoder;
    Packet packet;
    ASSERT_TRUE(decoder.decode(raw(one.bytes, one.link), packet)) << one.name;
    EXPECT_EQ(packet.transport, Transport::Udp) << one.name;
    EXPECT_EQ(packet.from.ip.text(), "10.0.0.1") << one.name;
    EXPECT_EQ(packet.to.ip.text(), "10.0.0.2") << one.name;
    EXPECT_EQ(packet.from.port, 1000) << one.name;
    EXPECT_EQ(packet.to.port, 502) << one.name;
    EXPECT_EQ(base::as_text(packet.payload), "abc") << one.name;
    EXPECT_EQ(packet.payload_size, 3U) << one.name;
    EXPECT_EQ(packet.vlan, one.vlan) << one.name;
  }
}

// Signalling, an extension without a length, something that is no IP: they stay datagrams.
TEST(Decoder, WhatIsNoUserPacketOfGtpIsADatagram) {
  for (const char* const hex :
       {"30 01 0004 00000001 45000000", "30 ff 0014 00000001 15000000",
        "10 ff 0004 00000001 45000000", "34 ff 000c 00000001 0000 00 85 00 000000 45000000",
        "30 ff 00ff 00000001 45000000"}) {
    Decoder decoder;
    Packet packet;
    const ByteVec bytes = ipv4({}, udp(50000, 2152, bytes_of(hex)));
    ASSERT_TRUE(decoder.decode(raw(bytes, LinkType::Raw), packet)) << hex;
    EXPECT_EQ(packet.to.port, 2152) << hex;
    EXPECT_EQ(decoder.counts().of(DecodeCount::Tunnelled), 0U) << hex;
  }
}

TEST(Decoder, NothingThatIsCutShortIsRead) {
  // Every length of every packet: none may be read beyond its end, none crash.
  for (const Case& one : carriers()) {
    Decoder decoder;
    Packet packet;
    for (std::size_t size = 0; size < one.bytes.size(); ++size) {
      const ByteVec bytes(one.bytes.begin(), one.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      if (decoder.decode(raw(bytes, one.link), packet)) {
        EXPECT_LE(packet.payload.size(), bytes.size()) << one.name << ' ' << size;
      }
    }
    EXPECT_EQ(decoder.counts().of(DecodeCount::Packets), one.bytes.size());
    EXPECT_GT(decoder.counts().of(DecodeCount::Malformed), 0U) << one.name;
  }
}

TEST(Decoder, GivesHardwareAddressesAndTcp) {
  Decoder decoder;
  Packet packet;
  const ByteVec bytes = ethernet(
      0x0800, ipv4({.protocol = 6}, tcp(1000, 502, 0x01020304, 5, kSyn | kAck, text("hello"))));
  ASSERT_TRUE(decoder.decode(raw(bytes), packet));
  EXPECT_EQ(packet.from.mac.text(), "02:00:00:00:00:01");
  EXPECT_EQ(packet.to.mac.text(), "02:00:00:00:00:02");
  EXPECT_EQ(packet.transport, Transport::Tcp);
  EXPECT_EQ(packet.sequence, 0x01020304U);
  EXPECT_EQ(packet.acknowledged, 5U);
  EXPECT_EQ(packet.tcp_flags, kSyn | kAck);
  EXPECT_EQ(packet.hops, 64);
  EXPECT_EQ(base::as_text(packet.payload), "hello");
}

TEST(Decoder, SaysWhatWasOnTheWireOfWhatWasCut) {
  Decoder decoder;
  Packet packet;
  const ByteVec bytes =
      ethernet(0x0800, ipv4({.protocol = 6}, tcp(1, 2, 3, 4, kAck, text("hello"))));
  RawPacket cut = raw(ByteView(bytes).first(bytes.size() - 2));
  cut.size = bytes.size();
  ASSERT_TRUE(decoder.decode(cut, packet));
  EXPECT_EQ(packet.payload.size(), 3U);
  EXPECT_EQ(packet.payload_size, 5U);
  EXPECT_EQ(decoder.counts().of(DecodeCount::Cut), 1U);
}

TEST(Decoder, PassesLinkLayerPacketsOn) {
  struct Link {
    ByteVec bytes;
    LinkType link;
    std::uint16_t selector;
    std::string payload;
  };
  const Link cases[] = {
      {ethernet(0x88CC, text("lldp")), LinkType::Ethernet, 0x88CC, "lldp"},
      {ethernet(7, join(bytes_of("42 42 03"), text("stp!padding"))), LinkType::Ethernet, 0x4242,
       "stp!"},
      {ethernet(12, join(bytes_of("aa aa 03 00 00 0c 20 00"), text("cdp!"))), LinkType::Ethernet,
       0xAAAA, std::string("\0\0\x0C\x20\0cdp!", 9)},
      {text("zigbee.."), LinkType::Ieee802154, 0x809A, "zigbee"},
      {text("zigbee"), LinkType::Ieee802154NoFcs, 0x809A, "zigbee"},
      {join(bytes_of("0000 0c00 0000 0100 01000000"), text("zigbee..")), LinkType::Ieee802154Tap,
       0x809A, "zigbee"},
  };
  for (const Link& one : cases) {
    Decoder decoder;
    Packet packet;
    ASSERT_TRUE(decoder.decode(raw(one.bytes, one.link), packet)) << one.selector;
    EXPECT_EQ(packet.transport, Transport::Link);
    EXPECT_EQ(packet.selector, one.selector);
    EXPECT_EQ(base::as_text(packet.payload), one.payload);
  }
}

TEST(Decoder, ReadsIpv6WithItsExtensions) {
  Decoder decoder;
  Packet packet;
  // Hop by hop, routing, destination options, then UDP.
  const ByteVec bytes = ipv6(0, join(bytes_of("2b00 000000000000 3c00 000000000000"
                                              "1101 0000000000000000000000000000"),
                                     datagram()));
  ASSERT_TRUE(decoder.decode(raw(bytes, LinkType::Raw), packet));
  EXPECT_EQ(packet.from.ip.text(), "2001:db8::1");
  EXPECT_EQ(base::as_text(packet.payload), "abc");
}

TEST(Decoder, PutsFragmentsTogetherInAnyOrder) {
  const ByteVec whole = udp(1000, 502, ByteVec(40, 'x'));
  const auto piece = [&](std::size_t begin, std::size_t end) {
    return ethernet(
        0x0800,
        ipv4({.id = 9, .offset = static_cast<std::uint16_t>(begin), .more = end < whole.size()},
             ByteView(whole).subspan(begin, end - begin)));
  };
  Decoder decoder;
  Packet packet;
  EXPECT_FALSE(decoder.decode(raw(piece(32, 48)), packet));
  EXPECT_FALSE(decoder.decode(raw(piece(0, 16)), packet));
  ASSERT_TRUE(decoder.decode(raw(piece(16, 32)), packet));
  EXPECT_EQ(packet.payload.size(), 40U);
  EXPECT_EQ(packet.to.port, 502);
  EXPECT_EQ(decoder.fragment_counts().of(FragmentCount::Datagrams), 1U);
  // The same number may come again.
  EXPECT_FALSE(decoder.decode(raw(piece(0, 16)), packet));
  EXPECT_FALSE(decoder.decode(raw(piece(16, 32)), packet));
  EXPECT_TRUE(decoder.decode(raw(piece(32, 48)), packet));
}

TEST(Decoder, PutsFragmentsOfIpv6Together) {
  const ByteVec whole = udp(1000, 502, ByteVec(20, 'x'));
  Decoder decoder;
  Packet packet;
  const ByteVec first = ipv6(44, join(bytes_of("1100 0001 00000005"), ByteView(whole).first(16)));
  const ByteVec second =
      ipv6(44, join(bytes_of("1100 0010 00000005"), ByteView(whole).subspan(16)));
  EXPECT_FALSE(decoder.decode(raw(first, LinkType::Raw), packet));
  ASSERT_TRUE(decoder.decode(raw(second, LinkType::Raw), packet));
  EXPECT_EQ(packet.payload.size(), 20U);
}

TEST(Decoder, ReadsWhatIsFragmentedInsideAndOutsideOfATunnel) {
  // A VXLAN datagram in two pieces, which carries the last piece of another datagram.
  const ByteVec inner = udp(1000, 502, ByteVec(40, 'x'));
  const ByteVec tail = ethernet(0x0800, ipv4({.id = 3, .offset = 24}, ByteView(inner).subspan(24)));
  const ByteVec outer = udp(50000, 4789, join(bytes_of("08000000 00007b00"), tail));
  Decoder decoder;
  Packet packet;
  EXPECT_FALSE(decoder.decode(
      raw(ethernet(0x0800, ipv4({.id = 3, .more = true}, ByteView(inner).first(24)))), packet));
  EXPECT_FALSE(decoder.decode(raw(ethernet(0x0800, ipv4({.from = 8, .to = 9, .id = 4, .more = true},
                                                        ByteView(outer).first(32)))),
                              packet));
  ASSERT_TRUE(decoder.decode(raw(ethernet(0x0800, ipv4({.from = 8, .to = 9, .id = 4, .offset = 32},
                                                       ByteView(outer).subspan(32)))),
                             packet));
  EXPECT_EQ(packet.from.ip.text(), "10.0.0.1");
  EXPECT_EQ(packet.payload.size(), 40U);
}

TEST(Decoder, DropsCopiesOfMirroredPackets) {
  Decoder decoder;
  Packet packet;
  const ByteVec one = ethernet(0x0800, ip_datagram());
  EXPECT_TRUE(decoder.decode(raw(one, LinkType::Ethernet, 0), packet));
  // In another VLAN, a little later: the same.
  const ByteVec routed = ethernet(0x8100, join(bytes_of("0007 0800"), ip_datagram()));
  EXPECT_FALSE(decoder.decode(raw(routed, LinkType::Ethernet, 2), packet));
  // Another number, or much later: another packet.
  const ByteVec next = ethernet(0x0800, ipv4({.id = 8}, datagram()));
  EXPECT_TRUE(decoder.decode(raw(next, LinkType::Ethernet, 3), packet));
  EXPECT_TRUE(decoder.decode(raw(one, LinkType::Ethernet, 1000), packet));
  EXPECT_EQ(decoder.counts().of(DecodeCount::Duplicates), 1U);
}

TEST(Decoder, KeepsRepetitionsThatNothingTellsFromCopies) {
  Decoder decoder;
  Packet packet;
  const ByteVec poll = ethernet(0x0800, ipv4({.id = 0}, datagram()));
  EXPECT_TRUE(decoder.decode(raw(poll, LinkType::Ethernet, 0), packet));
  EXPECT_TRUE(decoder.decode(raw(poll, LinkType::Ethernet, 1), packet));
  Decoder keeping({.drop_duplicates = false});
  const ByteVec one = ethernet(0x0800, ip_datagram());
  EXPECT_TRUE(keeping.decode(raw(one), packet));
  EXPECT_TRUE(keeping.decode(raw(one), packet));
}

TEST(Decoder, EndsWhereHeadersNest) {
  ByteVec bytes = ip_datagram();
  for (int i = 0; i < 40; ++i)
    bytes = ipv4({.protocol = 4}, bytes);
  Decoder decoder;
  Packet packet;
  EXPECT_FALSE(decoder.decode(raw(bytes, LinkType::Raw), packet));
  EXPECT_EQ(decoder.counts().of(DecodeCount::TooDeep), 1U);
}

TEST(Decoder, CountsWhatNobodyCanRead) {
  Decoder decoder;
  Packet packet;
  const ByteVec beacon = bytes_of("8000 0000 ffffffffffff 020000000001 020000000001 1000");
  EXPECT_FALSE(decoder.decode(raw(beacon, LinkType::Wireless), packet));
  const ByteVec secret =
      bytes_of("0841 0000 020000000002 020000000001 020000000009 1000 00000000 11223344");
  EXPECT_FALSE(decoder.decode(raw(secret, LinkType::Wireless), packet));
  EXPECT_FALSE(decoder.decode(raw(secret, static_cast<LinkType>(9999)), packet));
  EXPECT_EQ(decoder.counts().of(DecodeCount::WirelessControl), 1U);
  EXPECT_EQ(decoder.counts().of(DecodeCount::Encrypted), 1U);
  EXPECT_EQ(decoder.counts().of(DecodeCount::UnknownLink), 1U);
}

}  // namespace sensor::packet
