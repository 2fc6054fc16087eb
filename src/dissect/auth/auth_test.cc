#include "dissect/auth/auth.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/auth/kerberos.h"
#include "dissect/auth/testing.h"

namespace dissect::auth {
namespace {

using dissect::testing::Kept;
using testing::oid_kerberos;
using testing::oid_ntlm;
using testing::raw;
using testing::tlv;

TEST(Ntlm, AChallengeSaysWhoTheServerIs) {
  Kept kept;
  const Token token = read_token(base::as_bytes(testing::ntlm_challenge()), kept);
  EXPECT_EQ(token.mechanism, Mechanism::Ntlm);
  EXPECT_EQ(token.step, Step::Challenge);
  EXPECT_EQ(kept.detail("ntlm_target_name"), "PLANT");
  EXPECT_EQ(kept.detail("ntlm_computer"), "PLC-HOST");
  EXPECT_EQ(kept.detail("ntlm_version_build"), "17763");
  EXPECT_EQ(kept.fact(Fact::Hostname), "plc-host.plant.example");
  EXPECT_EQ(kept.fact(Fact::Domain), "plant.example");
  EXPECT_EQ(kept.fact(Fact::OsVersion), "10.0.17763");
  EXPECT_TRUE(kept.issues.empty());
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("\x88\x77"), std::string::npos) << name << " tells the challenge";
}

TEST(Ntlm, AProofSaysWhoSignsIn) {
  Kept kept;
  const Token token = read_token(base::as_bytes(testing::ntlm_proof()), kept);
  EXPECT_EQ(token.step, Step::Proof);
  EXPECT_EQ(token.user, "PLANT\\ann");
  EXPECT_EQ(token.host, "ANN-PC");
  EXPECT_FALSE(token.anonymous);
  EXPECT_EQ(kept.fact(Fact::User), "PLANT\\ann");
  EXPECT_EQ(kept.fact(Fact::Hostname), "ANN-PC");
  EXPECT_EQ(kept.fact(Fact::OsVersion), "6.1.7601");
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("xxxx"), std::string::npos) << name << " tells the answer";
}

// The flag of a version, and names where it would be (offset 32).
TEST(Ntlm, NamesInThePlaceOfAVersionAreNone) {
  const std::string head("NTLMSSP\0\x01\0\0\0\x05\x82\x08\x02", 16);
  const std::string names = "LABLONGHOSTNAME";
  const auto message = [&](char offset) {
    std::string whole = head + std::string("\x07\0\x07\0", 4) + std::string{offset, 0, 0, 0} +
                        std::string("\x08\0\x08\0", 4) +
                        std::string{static_cast<char>(offset + 7), 0, 0, 0};
    if (offset == 40) whole += std::string("\x0a\0\x63\x45\0\0\0\x0f", 8);
    return whole + names;
  };
  Kept old;
  read_token(base::as_bytes(message(32)), old);
  EXPECT_EQ(old.detail("ntlm_calling_domain"), "LABLONG");
  EXPECT_EQ(old.detail("ntlm_calling_workstation"), "HOSTNAME");
  EXPECT_EQ(old.detail("ntlm_version_build"), "");
  EXPECT_EQ(old.fact(Fact::OsVersion), "");
  Kept later;
  read_token(base::as_bytes(message(40)), later);
  EXPECT_EQ(later.detail("ntlm_calling_workstation"), "HOSTNAME");
  EXPECT_EQ(later.fact(Fact::OsVersion), "10.0.17763");
}

TEST(Ntlm, FieldsOutsideOfTheMessageAreTold) {
  std::string broken = testing::ntlm_proof();
  broken[32] = '\xff';  // the domain's offset
  broken[33] = '\xff';
  Kept kept;
  const Token token = read_token(base::as_bytes(broken), kept);
  ASSERT_EQ(kept.issues.size(), 1U);
  EXPECT_EQ(kept.issues[0], "NTLM field lies outside of its message");
  EXPECT_EQ(token.user, "ann");
}

TEST(Ntlm, ShortMessagesAreTold) {
  const std::string proof = testing::ntlm_proof();
  for (const std::size_t size : {12U, 20U, 40U}) {
    Kept kept;
    read_token(base::as_bytes(std::string_view(proof).substr(0, size)), kept);
    EXPECT_FALSE(kept.issues.empty()) << size;
  }
}

TEST(Spnego, FindsTheTokenInside) {
  Kept kept;
  const Token offer =
      read_token(base::as_bytes(testing::spnego_offer(
                     oid_ntlm(), std::string("NTLMSSP\0\x01\0\0\0\x07\x82\x08\xa2", 16))),
                 kept);
  EXPECT_EQ(offer.mechanism, Mechanism::Ntlm);
  EXPECT_EQ(offer.step, Step::Offer);
  EXPECT_EQ(kept.detail("spnego_mechanism"), "1.3.6.1.4.1.311.2.2.10");
  EXPECT_EQ(kept.detail("ntlm_message_type"), "1");
  const Token reply =
      read_token(base::as_bytes(testing::spnego_reply(1, testing::ntlm_challenge())), kept);
  EXPECT_EQ(reply.step, Step::Challenge);
  EXPECT_EQ(kept.detail("spnego_result"), "1");
}

TEST(Spnego, SaysHowItEnded) {
  Kept kept;
  EXPECT_EQ(read_token(base::as_bytes(testing::spnego_reply(0, {})), kept).step, Step::Accepted);
  EXPECT_EQ(read_token(base::as_bytes(testing::spnego_reply(2, {})), kept).step, Step::Refused);
}

TEST(Spnego, AKerberosTicketNamesItsService) {
  const std::string of =
      testing::ticket("PLANT.EXAMPLE", testing::principal(2, {"cifs", "files"}), 23);
  const std::string token = tlv(0x60, {oid_kerberos(), raw("01 00"), testing::ap_request(of)});
  Kept kept;
  const Token read = read_token(base::as_bytes(testing::spnego_offer(oid_kerberos(), token)), kept);
  EXPECT_EQ(read.mechanism, Mechanism::Kerberos);
  EXPECT_EQ(read.step, Step::Proof);
  EXPECT_EQ(read.service, "cifs/files@PLANT.EXAMPLE");
  EXPECT_EQ(kept.detail("kerberos_msg_type"), "14");
  EXPECT_EQ(kept.detail("kerberos_etype"), "23");
}

TEST(Spnego, EndsWithTokensInTokens) {
  std::string token = testing::spnego_reply(1, {});
  for (int i = 0; i < 20; ++i)
    token = testing::spnego_reply(1, token);
  Kept kept;
  EXPECT_EQ(read_token(base::as_bytes(token), kept).mechanism, Mechanism::None);
}

TEST(Spnego, OtherBytesAreNone) {
  Kept kept;
  EXPECT_EQ(read_token(base::as_bytes("hello, world"), kept).mechanism, Mechanism::None);
  EXPECT_EQ(read_token({}, kept).mechanism, Mechanism::None);
}

TEST(Kerberos, WeakEncryptionIsKnown) {
  EXPECT_TRUE(weak_encryption(23));
  EXPECT_TRUE(weak_encryption(3));
  EXPECT_FALSE(weak_encryption(18));
  EXPECT_EQ(encryption_name(18), "aes256-cts-hmac-sha1-96");
  EXPECT_EQ(kerberos_error(24), "preauthentication failed");
}

}  // namespace
}  // namespace dissect::auth
