#include "dissect/vnc/vnc.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::vnc {
namespace {

using dissect::testing::bytes_of;
using dissect::testing::Conversation;

const base::ByteView kVersion8 = base::as_bytes("RFB 003.008\n");
// A screen of 1024 by 768 with 32 bits, named "HMI 7"
constexpr std::string_view kScreen =
    "0400 0300 20 18 00 01 00ff 00ff 00ff 10 08 00 000000 00000005 484d492037";
const std::string kSecret(16, 's');

void login(Conversation& one) {
  one.server(kVersion8);
  one.client(kVersion8);
  one.server(bytes_of("02 02 10"));
  one.client(bytes_of("02"));
  one.server(base::as_bytes(kSecret));
  one.client(base::as_bytes(kSecret));
}

TEST(Vnc, ALoginAndWhatIsDoneThen) {
  Conversation one(kProtocol, 5900);
  login(one);
  one.server(bytes_of("00000000"));
  one.client(bytes_of("01"));
  one.server(bytes_of(kScreen));
  one.client(bytes_of("02 00 0002 00000000 ffffff11"));
  one.client(bytes_of("03 01 0000 0000 0400 0300"));
  one.client(bytes_of("04 01 0000 00000061"));
  one.client(bytes_of("05 01 0010 0020"));
  one.server(base::as_bytes(std::string(500, 'p')));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("server_version"), "003.008");
  EXPECT_EQ(kept.detail("width"), "1024");
  EXPECT_EQ(kept.detail("name"), "HMI 7");
  EXPECT_EQ(kept.detail("encodings"), "2");
  EXPECT_EQ(kept.fact(Fact::Name), "HMI 7");
  ASSERT_EQ(kept.transactions.size(), 6U);
  EXPECT_EQ(kept.transactions[0].operation.name, "open");
  EXPECT_EQ(kept.transactions[1].operation.name, "login");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "VNC");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[2].operation.name, "screen");
  EXPECT_EQ(kept.transactions[3].access, Access::Read);
  EXPECT_EQ(kept.transactions[4].operation.name, "type");
  EXPECT_EQ(kept.transactions[5].operation.name, "point");
  for (const auto& [name, value] : kept.details) {
    EXPECT_EQ(value.find("ssss"), std::string::npos) << name;
    EXPECT_NE(value, "97") << name << " tells the key";
  }
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Vnc, ALoginThatFails) {
  Conversation one(kProtocol, 5900);
  login(one);
  one.server(bytes_of("00000001 00000005 73 6f 72 72 79"));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[1].operation.name, "login");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.detail("reason"), "sorry");
}

TEST(Vnc, TheOldestVersionDecidesItself) {
  Conversation one(kProtocol, 5900);
  one.server(base::as_bytes("RFB 003.003\n"));
  one.client(base::as_bytes("RFB 003.003\n"));
  one.server(bytes_of("00000002"));
  one.server(base::as_bytes(kSecret));
  one.client(base::as_bytes(kSecret));
  one.server(bytes_of("00000000"));
  one.client(bytes_of("00"));
  one.server(bytes_of(kScreen));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("shared"), "0");
  EXPECT_EQ(kept.detail("height"), "768");
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
}

TEST(Vnc, WithoutAPasswordAnybodyIsLetIn) {
  Conversation one(kProtocol, 5900);
  one.server(kVersion8);
  one.client(kVersion8);
  one.server(bytes_of("01 01"));
  one.client(bytes_of("01"));
  one.server(bytes_of("00000000"));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "none");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
}

TEST(Vnc, AppleHasItsOwnLogin) {
  Conversation one(kProtocol, 5900);
  one.server(base::as_bytes("RFB 003.889\n"));
  one.client(kVersion8);
  one.server(bytes_of("04 1e 21 24 23"));
  one.client(bytes_of("1e"));
  one.server(bytes_of("0002 0008" + std::string(32, 'a')));
  one.client(base::as_bytes(std::string(128, 'c') + std::string(8, 'k')));
  one.server(bytes_of("00000000"));
  one.client(bytes_of("01"));
  one.server(bytes_of(kScreen));
  one.client(bytes_of("04 01 0000 00000061"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("key_size"), "8");
  EXPECT_EQ(kept.fact(Fact::Name), "HMI 7");
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "ARD");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[3].operation.name, "type");
}

TEST(Vnc, WhoServesIsWhoSpeaksFirst) {
  Conversation one(kProtocol, 5900);
  // The flow was opened by the server: a viewer that listens.
  one.client(kVersion8);
  one.server(kVersion8);
  one.client(bytes_of("01 01"));
  one.server(bytes_of("01"));
  one.client(bytes_of("00000000"));
  one.server(bytes_of("01"));
  one.client(bytes_of(kScreen));
  EXPECT_EQ(one.kept().detail("name"), "HMI 7");
}

TEST(Vnc, WhatEncryptsPassesBy) {
  Conversation one(kProtocol, 5900);
  one.server(kVersion8);
  one.client(kVersion8);
  one.server(bytes_of("01 13"));
  one.client(bytes_of("13"));
  one.server(bytes_of("00 02"));
  one.client(bytes_of("16 03 01 00 05 01 02 03 04 05"));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "open");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "VeNCrypt");
  EXPECT_EQ(one.waiting(Side::A) + one.waiting(Side::B), 0U);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Vnc, IsKnownByItsVersion) {
  FlowInfo flow;
  const auto probe = [&](std::string_view bytes) {
    return kProtocol.probe({flow, Side::B, base::as_bytes(bytes), {}});
  };
  EXPECT_EQ(probe("RFB 003.008\n"), Match::Yes);
  EXPECT_EQ(probe("RFB 0"), Match::Unsure);
  EXPECT_EQ(probe("RFB 0x3.008\n"), Match::No);
  EXPECT_EQ(probe("RFC 003.008\n"), Match::No);
}

}  // namespace
}  // namespace dissect::vnc
