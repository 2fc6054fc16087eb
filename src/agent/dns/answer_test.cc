#include "agent/dns/answer.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace agent::dns {
namespace {

base::ByteVec bytes(const std::string& hex) {
  std::string packed;
  for (const char c : hex) {
    if (c != ' ') packed += c;
  }
  const auto decoded = base::hex_decode(packed);
  EXPECT_TRUE(decoded) << hex;
  return decoded ? *decoded : base::ByteVec();
}

// www.Example.com, A.
const std::string kQuestion = "03777777 074578616d706c65 03636f6d 00 0001 0001 ";
// To the name of the question.
const std::string kName = "c00c ";

std::string header(int answers, const char* flags = "8180") {
  char text[64];
  std::snprintf(text, sizeof text, "1234 %s 0001 %04x 0000 0000 ", flags, answers);
  return text;
}

TEST(ReadDnsAnswer, ReadsAnAddress) {
  const auto read =
      read_answer(bytes(header(1) + kQuestion + kName + "0001 0001 0000012c 0004 c0000207"));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->name, "www.example.com");
  ASSERT_EQ((*read)->addresses.size(), 1U);
  EXPECT_EQ((*read)->addresses[0].address.to_string(), "192.0.2.7");
  EXPECT_EQ((*read)->addresses[0].ttl, std::chrono::seconds(300));
}

TEST(ReadDnsAnswer, FollowsAliasesToTheNameThatWasAsked) {
  // www.example.com is an alias of edge.example.com (edge, then a pointer to example.com).
  const auto read = read_answer(
      bytes(header(3) + kQuestion + kName + "0005 0001 0000003c 0007 0465646765 c010 " +
            "c02d 0001 0001 0000003c 0004 c6336401 " + "c02d 0001 0001 0000003c 0004 c6336402"));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->name, "www.example.com");
  ASSERT_EQ((*read)->addresses.size(), 2U);
  EXPECT_EQ((*read)->addresses[1].address.to_string(), "198.51.100.2");
}

TEST(ReadDnsAnswer, ReadsIpv6) {
  const std::string question = "0161 00 001c 0001 ";
  const auto read = read_answer(bytes(header(1) + question + kName + "001c 0001 00000001 0010 " +
                                      "20010db8000000000000000000000007"));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->addresses[0].address.to_string(), "2001:db8::7");
}

TEST(ReadDnsAnswer, PassesOverRecordsOfOtherNames) {
  const auto read = read_answer(
      bytes(header(1) + kQuestion + "0165 03636f6d 00 " + "0001 0001 0000012c 0004 c0000207"));
  ASSERT_TRUE(read);
  EXPECT_FALSE(*read);
}

TEST(ReadDnsAnswer, QueriesAndFailuresSayNothing) {
  const std::string rest = kQuestion + kName + "0001 0001 0000012c 0004 c0000207";
  for (const char* flags : {"0100", "8183", "8182", "a000"}) {
    const auto read = read_answer(bytes(header(1, flags) + rest));
    ASSERT_TRUE(read) << flags;
    EXPECT_FALSE(*read) << flags;
  }
}

TEST(ReadDnsAnswer, PointersInACircleEnd) {
  const auto read = read_answer(bytes(header(1) + "c00c 0001 0001"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, base::Code::TooLarge);
}

TEST(ReadDnsAnswer, NamesArePrintable) {
  const auto read = read_answer(
      bytes(header(1) + "03 0a2e22 00 0001 0001 " + kName + "0001 0001 0000012c 0004 c0000207"));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->name, "???");
}

TEST(ReadDnsAnswer, EveryBeginningOfAMessageIsRefused) {
  const base::ByteVec whole =
      bytes(header(1) + kQuestion + kName + "0001 0001 0000012c 0004 c0000207");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_answer(base::ByteView(whole).first(size))) << size;
}

TEST(ReadDnsAnswer, TooManyRecordsAreRefused) {
  const auto read = read_answer(bytes(header(65) + kQuestion));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, base::Code::TooLarge);
}

TEST(UdpPayload, ReadsBothVersions) {
  const base::ByteVec v4 = bytes(
      "4600001e 00004000 40110000 7f000001 7f000002 01010101 "
      "0035c350 000a0000 abcd");
  ASSERT_TRUE(udp_payload(v4));
  EXPECT_EQ(base::hex_encode(*udp_payload(v4)), "abcd");
  const base::ByteVec v6 = bytes(
      "60000000 000a1140 00000000000000000000000000000001 "
      "00000000000000000000000000000001 0035c350 000a0000 abcd");
  ASSERT_TRUE(udp_payload(v6));
  EXPECT_EQ(base::hex_encode(*udp_payload(v6)), "abcd");
}

TEST(UdpPayload, RefusesFragmentsAndOthers) {
  EXPECT_EQ(udp_payload(bytes("4500001e 00002000 40110000 7f000001 7f000002 0035c350 000a0000"))
                .error()
                .code,
            base::Code::Unsupported);
  EXPECT_EQ(udp_payload(bytes("4500001e 00000000 40060000 7f000001 7f000002 0035c350 000a0000"))
                .error()
                .code,
            base::Code::Unsupported);
  EXPECT_FALSE(udp_payload({}));
  EXPECT_FALSE(udp_payload(bytes("4100001e")));
  EXPECT_FALSE(
      udp_payload(bytes("4500001e 00000000 40110000 7f000001 7f000002 0035c350 00070000")));
}

}  // namespace
}  // namespace agent::dns
