#include "dissect/ssh/ssh.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/fingerprint/fingerprint.h"
#include "dissect/testing.h"

namespace dissect::ssh {
namespace {

using base::as_bytes;
using testing::bytes_of;
using testing::Conversation;

// A packet with four bytes of padding.
base::ByteVec packet(base::ByteView payload) {
  base::ByteVec bytes = {0, 0, 0, static_cast<std::uint8_t>(payload.size() + 5), 4};
  bytes[2] = static_cast<std::uint8_t>((payload.size() + 5) >> 8U);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  bytes.resize(bytes.size() + 4);
  return bytes;
}

base::ByteVec offer() {
  base::ByteVec body(17);
  body[0] = 20;
  for (const std::string_view list : {"k1,k2", "h", "ec", "es", "mc", "ms", "cc", "cs", "", ""}) {
    body.insert(body.end(), {0, 0, 0, static_cast<std::uint8_t>(list.size())});
    body.insert(body.end(), list.begin(), list.end());
  }
  body.resize(body.size() + 5);
  return packet(body);
}

TEST(Ssh, ASessionIsOpened) {
  Conversation one(kProtocol, 22);
  one.server(as_bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"));
  one.client(as_bytes("SSH-2.0-Tool_1\r\n"));
  one.client(offer());
  one.server(offer());
  one.server(packet(bytes_of("15")));
  one.server(as_bytes("whatever is encrypted"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("protocol"), "SSH-2.0-OpenSSH_9.2p1 Debian-2");
  EXPECT_EQ(kept.fact(Fact::Software), "OpenSSH_9.2p1 Debian-2");
  EXPECT_EQ(kept.fact(Fact::Os), "Debian");
  EXPECT_EQ(kept.detail("kex_algorithms"), "k1,k2");
  EXPECT_EQ(kept.detail("mac_server_to_client"), "ms");
  EXPECT_EQ(kept.detail("hassh"), fingerprint::md5("k1,k2;ec;mc;cc"));
  EXPECT_EQ(kept.detail("hassh_server"), fingerprint::md5("k1,k2;es;ms;cs"));
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[2].operation.name, "session");
  EXPECT_EQ(kept.transactions[2].status.outcome, Outcome::Ok);
  EXPECT_TRUE(kept.transactions[2].answered);
  EXPECT_TRUE(kept.issues.empty());
  EXPECT_EQ(one.waiting(Side::B), 0U);
}

TEST(Ssh, PiecesDoNotMatter) {
  base::ByteVec bytes = bytes_of("6869 0a 5353482d322e302d58 0d0a");
  const base::ByteVec more = offer();
  bytes.insert(bytes.end(), more.begin(), more.end());
  Conversation one(kProtocol, 22);
  for (const std::uint8_t byte : bytes)
    one.server(base::ByteView(&byte, 1));
  EXPECT_EQ(one.kept().detail("protocol"), "SSH-2.0-X");
  EXPECT_FALSE(one.kept().detail("hassh_server").empty());
}

TEST(Ssh, AfterALossItIsEncrypted) {
  Conversation one(kProtocol, 22);
  one.client(as_bytes("SSH-2.0-Tool_1\r\n"));
  one.session().gap(Side::A);
  one.client(as_bytes("something"));
  EXPECT_EQ(one.waiting(Side::A), 0U);
  EXPECT_TRUE(one.kept().issues.empty());
}

TEST(Ssh, SaysWhatIsWrong) {
  struct Case {
    base::ByteVec bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {packet(bytes_of("14 0001")), "offer ends within its lists"},
      {bytes_of("00000006 05 00 0000000000"), ""},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol, 22);
    talk.client(as_bytes("SSH-2.0-T\r\n"));
    talk.client(one.bytes);
    if (one.issue.empty()) {
      EXPECT_EQ(talk.session().frame(Side::A, one.bytes).kind, Frame::Kind::Lost);
    } else {
      ASSERT_EQ(talk.kept().issues.size(), 1U);
      EXPECT_EQ(talk.kept().issues[0], one.issue);
    }
  }
  Conversation old(kProtocol, 22);
  old.client(as_bytes("SSH-1.5-X\n"));
  EXPECT_EQ(old.kept().issues.at(0), "version 1");
  Conversation bare(kProtocol, 22);
  bare.client(as_bytes("SSH-2.0\n"));
  EXPECT_EQ(bare.kept().issues.at(0), "version without software");
}

TEST(Ssh, ProbesAreStrict) {
  const FlowInfo flow;
  const auto match = [&](std::string_view text) {
    return kProtocol.probe({flow, Side::A, as_bytes(text), {}});
  };
  EXPECT_EQ(match("SSH-2.0-X"), Match::Yes);
  EXPECT_EQ(match("SS"), Match::Unsure);
  EXPECT_EQ(match("SSH-x.0-"), Match::No);
  EXPECT_EQ(match("GET / HT"), Match::No);
}

}  // namespace
}  // namespace dissect::ssh
