#include "dissect/ldap/ldap.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/auth/testing.h"

namespace dissect::ldap {
namespace {

using auth::testing::be;
using auth::testing::der_int;
using auth::testing::raw;
using auth::testing::tlv;
using dissect::testing::Conversation;

std::string octets(std::string_view text) {
  return tlv(0x04, {text});
}
std::string number(std::uint8_t value) {
  return tlv(0x0a, {be(value, 1)});
}
std::string message(std::uint32_t id, const std::string& operation) {
  return tlv(0x30, {der_int(id), operation});
}
std::string result(std::uint8_t tag, std::uint8_t code, const std::string& more = {}) {
  return tlv(tag, {number(code), octets(""), octets(""), more});
}
std::string bind(std::string_view name, std::string_view password) {
  return tlv(0x60, {der_int(3), octets(name), tlv(0x80, {password})});
}
std::string search(std::string_view base_object, const std::string& filter) {
  return tlv(0x63, {octets(base_object), number(2), number(0), der_int(100), der_int(10),
                    raw("01 01 00"), filter, tlv(0x30, {octets("cn"), octets("mail")})});
}
std::string equal(std::string_view name, std::string_view value) {
  return tlv(0xa3, {octets(name), octets(value)});
}
std::string attribute(std::string_view name, std::string_view value) {
  return tlv(0x30, {octets(name), tlv(0x31, {octets(value)})});
}

TEST(Ldap, ALoginThatFails) {
  Conversation one(kProtocol, 389);
  one.client(base::as_bytes(message(1, bind("cn=ann,dc=plant", "hunter2"))));
  one.server(base::as_bytes(message(1, result(0x61, 49))));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("version"), "3");
  EXPECT_EQ(kept.detail("name"), "cn=ann,dc=plant");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "bind");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "simple");
  EXPECT_EQ(kept.transactions[0].access, Access::Authentication);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "invalid credentials");
  EXPECT_EQ(kept.fact(Fact::User), "cn=ann,dc=plant");
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("hunter2"), std::string::npos) << name;
}

TEST(Ldap, ASearchHasManyAnswers) {
  const std::string filter =
      tlv(0xa0, {equal("objectClass", "user"), tlv(0xa2, {tlv(0x87, {"mail"})}),
                 tlv(0xa4, {octets("cn"), tlv(0x30, {tlv(0x80, {"a"}), tlv(0x82, {"n"})})})});
  const std::string entry =
      tlv(0x64, {octets("cn=ann,dc=plant"), tlv(0x30, {attribute("cn", "ann")})});
  Conversation one(kProtocol, 389);
  one.client(base::as_bytes(message(7, search("dc=plant", filter))));
  one.server(base::as_bytes(message(7, entry) + message(7, entry)));
  EXPECT_TRUE(one.kept().transactions.empty());
  one.server(base::as_bytes(message(7, result(0x65, 0))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& found = kept.transactions[0];
  EXPECT_EQ(found.access, Access::Read);
  ASSERT_EQ(found.objects.size(), 2U);
  EXPECT_EQ(found.objects[0].name, "dc=plant");
  EXPECT_EQ(found.objects[1].name, "(&(objectClass=user)(!(mail=*))(cn=a*n))");
  EXPECT_EQ(found.status.outcome, Outcome::Ok);
  EXPECT_GT(found.response_bytes, 60U);
  EXPECT_EQ(kept.detail("requested_attribute"), "cn");
  EXPECT_EQ(kept.detail("value"), "ann");
}

TEST(Ldap, PasswordsInChangesAreNotTold) {
  const std::string change =
      tlv(0x66, {octets("cn=ann"),
                 tlv(0x30, {tlv(0x30, {number(2), attribute("userPassword", "hunter2")})})});
  Conversation one(kProtocol, 389);
  one.client(base::as_bytes(message(2, change)));
  one.server(base::as_bytes(message(2, result(0x67, 50))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigWrite);
  EXPECT_EQ(kept.transactions[0].status.name, "insufficient access rights");
  EXPECT_EQ(kept.detail("attribute"), "userPassword");
  EXPECT_EQ(kept.detail("value"), "");
}

TEST(Ldap, NtlmInsideALogin) {
  const auto sasl = [](const std::string& token) {
    return tlv(0x60, {der_int(3), octets(""), tlv(0xa3, {octets("GSS-SPNEGO"), octets(token)})});
  };
  Conversation one(kProtocol, 389);
  one.client(base::as_bytes(message(1, sasl(auth::testing::ntlm_proof()))));
  one.server(
      base::as_bytes(message(1, result(0x61, 14, tlv(0x87, {auth::testing::ntlm_challenge()})))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "NTLM");
  EXPECT_EQ(kept.transactions[0].objects[0].name, "PLANT\\ann");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("ntlm_computer"), "PLC-HOST");
}

TEST(Ldap, StartTlsGoesOnAsTls) {
  const std::string request = tlv(0x77, {tlv(0x80, {"1.3.6.1.4.1.1466.20037"})});
  Conversation one(kProtocol, 389);
  one.client(base::as_bytes(message(1, request)));
  one.server(base::as_bytes(message(1, result(0x78, 0))));
  one.client(dissect::testing::bytes_of("15 03 03 00 02 02 28"));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "start TLS");
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  EXPECT_EQ(kept.transactions[1].status.name, "handshake failure");
}

TEST(Ldap, ADomainControllerAnswersOverUdp) {
  const std::string name = raw("05 706c616e74 07 6578616d706c65 00");
  // The host's domain is the name at offset 24, the others are short.
  const std::string value = raw("17 00 00 00 fd f1 01 00") + std::string(16, '\x01') + name +
                            raw("c0 18") + raw("03 646331 c0 18") + raw("05 504c414e54 00") +
                            raw("03 444331 00") + raw("00") + raw("04 53697465 00 c0 00") +
                            raw("05 00 00 00 ff ff ff ff");
  const std::string entry = tlv(0x64, {octets(""), tlv(0x30, {attribute("Netlogon", value)})});
  Conversation one(kProtocol, 389, Transport::Udp);
  one.client(base::as_bytes(message(1, search("", equal("DnsDomain", "plant.example")))));
  one.server(base::as_bytes(message(1, entry) + message(1, result(0x65, 0))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.detail("netlogon_forest"), "plant.example");
  EXPECT_EQ(kept.detail("netlogon_domain"), "plant.example");
  EXPECT_EQ(kept.detail("netlogon_netbios_host"), "DC1");
  EXPECT_EQ(kept.detail("netlogon_site"), "Site");
  EXPECT_EQ(kept.fact(Fact::Hostname), "dc1.plant.example");
  EXPECT_EQ(kept.fact(Fact::Type), "domain controller");
}

TEST(Ldap, WhatIsProtectedPassesByUnlessItIsOnlySigned) {
  const std::string inner = message(5, result(0x65, 0));
  const std::string mac(12, 'm');
  const auto wrap = [&](std::string_view flags) {
    const std::string token =
        raw("05 04") + raw(flags) + raw("ff 000c 000c 0000000000000001") + mac + inner;
    return be(token.size(), 4) + token;
  };
  Conversation signed_only(kProtocol, 389);
  signed_only.server(base::as_bytes(wrap("01")));
  ASSERT_EQ(signed_only.done().transactions.size(), 1U);
  EXPECT_EQ(signed_only.kept().transactions[0].operation.name, "search");
  Conversation sealed(kProtocol, 389);
  sealed.server(base::as_bytes(wrap("03")));
  ASSERT_EQ(sealed.done().transactions.size(), 1U);
  EXPECT_EQ(sealed.kept().transactions[0].operation.name, "encrypted");
}

// What does not fit into the two bytes of length that tlv() has at most.
std::string large(std::uint8_t tag, const std::string& content) {
  return std::string(1, static_cast<char>(tag)) + raw("83") + be(content.size(), 3) + content;
}

// An entry of 80 kB: of what is kept of it, 64 KiB, everything is told but the value that it ends
// in.
TEST(Ldap, OfALongEntryTheBeginningIsRead) {
  std::string attributes = attribute("cn", "schema");
  for (int i = 0; i < 80; ++i)
    attributes += attribute("attributeTypes", std::string(1000, static_cast<char>('0' + i % 10)));
  const std::string entry =
      large(0x30, der_int(4) + large(0x64, octets("cn=schema") + large(0x30, attributes)));
  Conversation plain(kProtocol, 389);
  plain.server(base::as_bytes(entry));
  Conversation wrapped(kProtocol, 389);
  const std::string signature = raw("01000000") + std::string(12, 's');
  wrapped.server(base::as_bytes(be(signature.size() + entry.size(), 4) + signature + entry));
  for (Conversation* one : {&plain, &wrapped}) {
    const auto& kept = one->done();
    EXPECT_EQ(kept.detail("message_id"), "4");
    EXPECT_EQ(kept.detail("entry_name"), "cn=schema");
    int values = 0;
    for (const auto& [name, value] : kept.details) {
      if (name != "value") continue;
      EXPECT_EQ(value.size(), values == 0 ? 6U : 1000U);
      ++values;
    }
    EXPECT_GT(values, 60);
    EXPECT_LT(values, 65);
    ASSERT_EQ(kept.issues.size(), 1U);
    EXPECT_EQ(kept.issues[0], "message longer than is read");
  }
  EXPECT_EQ(wrapped.kept().detail("sasl_length"), std::to_string(signature.size() + entry.size()));
}

TEST(Ldap, FiltersEndWhereTheyAreTooDeep) {
  std::string filter = equal("a", "b");
  for (int i = 0; i < 40; ++i)
    filter = tlv(0xa2, {filter});
  Conversation one(kProtocol, 389);
  one.client(base::as_bytes(message(1, search("", filter))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.issues.size(), 1U);
  EXPECT_EQ(kept.issues[0], "filter is nested deeper than is read");
  EXPECT_EQ(kept.transactions.size(), 1U);
}

TEST(Ldap, MessagesComeInPieces) {
  const std::string stream =
      message(1, bind("", "")) + message(2, search("", equal("a", "b"))) + message(3, raw("42 00"));
  Conversation one(kProtocol, 389);
  for (const char byte : stream)
    one.client(base::as_bytes({&byte, 1}));
  const auto& kept = one.done();
  EXPECT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(one.waiting(Side::A), 0U);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Ldap, IsKnownByItsMessages) {
  FlowInfo flow;
  const auto probe = [&](std::string_view bytes) {
    return kProtocol.probe({flow, Side::A, base::as_bytes(bytes), {}});
  };
  const std::string request = message(1, bind("cn=ann", "x"));
  EXPECT_EQ(probe(request), Match::Yes);
  EXPECT_EQ(probe(std::string_view(request).substr(0, 8)), Match::Likely);
  EXPECT_EQ(probe("\x30"), Match::Unsure);
  // SNMP
  EXPECT_EQ(probe(raw("30 0b 02 01 00 04 06 7075626c6963")), Match::No);
  EXPECT_EQ(probe("GET / HTTP/1.1\r\n"), Match::No);
}

}  // namespace
}  // namespace dissect::ldap
