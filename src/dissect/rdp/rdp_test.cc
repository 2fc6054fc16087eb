#include "dissect/rdp/rdp.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::rdp {
namespace {

using dissect::testing::bytes_of;
using dissect::testing::Conversation;

std::string raw(std::string_view hex) {
  return std::string(base::as_text(bytes_of(hex)));
}
std::string le(std::uint64_t value, std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i)
    out += static_cast<char>(value >> (8 * i) & 0xffU);
  return out;
}
std::string wide(std::string_view text, std::size_t room) {
  std::string out;
  for (const char c : text) {
    out += c;
    out += '\0';
  }
  out.resize(room, '\0');
  return out;
}
std::string tpkt(const std::string& cotp) {
  const std::size_t size = cotp.size() + 4;
  return raw("03 00") + static_cast<char>(size >> 8U) + static_cast<char>(size & 0xffU) + cotp;
}
// A connect request (e0) or its answer (d0).
std::string connect(std::uint8_t type, const std::string& content) {
  return tpkt(std::string(1, static_cast<char>(6 + content.size())) + static_cast<char>(type) +
              std::string(5, '\0') + content);
}
std::string block(std::uint16_t type, const std::string& content) {
  return le(type, 2) + le(content.size() + 4, 2) + content;
}
// A Connect-Initial (65) or Connect-Response (66) around settings.
std::string mcs(std::uint8_t type, std::string_view key, const std::string& blocks) {
  const std::string head = type == 0x66 ? raw("0a 01 00") : std::string();
  std::string body = head + raw("00 05 00 14 7c 00 01") + std::string(key);
  body += static_cast<char>(0x80U | blocks.size() >> 8U);
  body += static_cast<char>(blocks.size() & 0xffU);
  body += blocks;
  return tpkt(raw("02 f0 80 7f") + static_cast<char>(type) + raw("82") +
              static_cast<char>(body.size() >> 8U) + static_cast<char>(body.size() & 0xffU) + body);
}
std::string client_core() {
  return block(0xc001, le(0x00080004, 4) + le(1280, 2) + le(800, 2) + le(0xca01, 2) +
                           le(0xaa03, 2) + le(0x407, 4) + le(17763, 4) + wide("ENG-STATION-2", 32) +
                           le(4, 4) + le(0, 4) + le(12, 4) + std::string(64, '\0'));
}
std::string client_network() {
  return block(0xc003, le(2, 4) + std::string("rdpdr\0\0\0", 8) + le(0x80800000, 4) +
                           std::string("cliprdr\0", 8) + le(0xc0a00000, 4));
}

TEST(Rdp, AConnectionWithTls) {
  Conversation one(kProtocol, 3389);
  one.client(
      base::as_bytes(connect(0xe0, "Cookie: mstshash=ann\r\n" + raw("01 00 08 00 03 00 00 00"))));
  one.server(base::as_bytes(connect(0xd0, raw("02 1f 08 00 01 00 00 00"))));
  one.client(bytes_of("15 03 03 00 02 02 28"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("cookie"), "Cookie: mstshash=ann");
  EXPECT_EQ(kept.detail("requested_protocols"), "3");
  EXPECT_EQ(kept.fact(Fact::User), "ann");
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "connect");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "TLS");
  EXPECT_EQ(kept.transactions[0].objects[0].name, "ann");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].status.name, "handshake failure");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Rdp, AConnectionWithItsOwnEncryption) {
  Conversation one(kProtocol, 3389);
  one.client(base::as_bytes(connect(0xe0, {})));
  one.server(base::as_bytes(connect(0xd0, {})));
  one.client(base::as_bytes(mcs(0x65, "Duca", client_core() + client_network())));
  one.server(
      base::as_bytes(mcs(0x66, "McDn",
                         block(0x0c01, le(0x00080004, 4)) + block(0x0c02, le(2, 4) + le(2, 4)) +
                             block(0x0c03, le(1003, 2) + le(2, 2) + le(1004, 2) + le(1005, 2)))));
  one.client(bytes_of("04 08 01 02 03 04 05 06"));
  one.client(bytes_of("03 00 00 09 02 f0 80 21 80"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("client_name"), "ENG-STATION-2");
  EXPECT_EQ(kept.detail("desktop_width"), "1280");
  EXPECT_EQ(kept.detail("version_major"), "8");
  // Of the client's and of the server's settings.
  EXPECT_EQ(
      std::ranges::count(kept.details, "channels", &std::pair<std::string, std::string>::first), 2);
  EXPECT_EQ(kept.fact(Fact::Hostname), "ENG-STATION-2");
  EXPECT_EQ(kept.fact(Fact::OsVersion), "build 17763");
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "RDP");
  const Transaction& settings = kept.transactions[1];
  EXPECT_EQ(settings.operation.name, "settings");
  EXPECT_EQ(settings.sub_operation.name, "RC4 128 bit");
  ASSERT_EQ(settings.objects.size(), 3U);
  EXPECT_EQ(settings.objects[2].name, "cliprdr");
  EXPECT_EQ(kept.transactions[2].operation.name, "disconnect");
  EXPECT_EQ(one.waiting(Side::A), 0U);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Rdp, ARefusalSaysWhy) {
  Conversation one(kProtocol, 3389);
  one.client(base::as_bytes(connect(0xe0, raw("01 00 08 00 00 00 00 00"))));
  one.server(base::as_bytes(connect(0xd0, raw("03 00 08 00 05 00 00 00"))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "CredSSP required");
}

TEST(Rdp, BrokenSettingsAreTold) {
  Conversation one(kProtocol, 3389);
  one.client(base::as_bytes(mcs(0x65, "Duca", le(0xc001, 2) + le(500, 2) + le(0, 8))));
  one.client(base::as_bytes(mcs(0x65, "Nobody", {})));
  const auto& issues = one.kept().issues;
  ASSERT_EQ(issues.size(), 3U);
  EXPECT_EQ(issues[0], "block of settings has a length that cannot be");
  EXPECT_EQ(issues[2], "connection without settings");
}

TEST(Rdp, IsKnownByItsConnectRequest) {
  FlowInfo flow;
  flow.b.port = 102;
  const auto probe = [&](std::string_view bytes) {
    return kProtocol.probe({flow, Side::A, base::as_bytes(bytes), {}});
  };
  EXPECT_EQ(probe(connect(0xe0, raw("01 00 08 00 03 00 00 00"))), Match::Yes);
  EXPECT_EQ(probe(connect(0xe0, "Cookie: mstshash=a\r\n")), Match::Yes);
  EXPECT_EQ(probe(mcs(0x65, "Duca", client_core())), Match::Yes);
  // S7 and MMS
  EXPECT_EQ(probe(connect(0xe0, raw("c0 01 0a c1 02 01 00 c2 02 01 02"))), Match::No);
  EXPECT_EQ(
      probe(raw("03 00 00 19 02 f0 80 32 01 00 00 00 00 00 08 00 00 f0 00 00 01 00 01 03 c0")),
      Match::No);
  EXPECT_EQ(probe(connect(0xe0, {})), Match::Unsure);
  flow.b.port = 3389;
  EXPECT_EQ(probe(connect(0xe0, {})), Match::Yes);
}

}  // namespace
}  // namespace dissect::rdp
