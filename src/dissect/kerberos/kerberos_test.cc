#include "dissect/kerberos/kerberos.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/auth/testing.h"

namespace dissect::kerberos {
namespace {

using auth::testing::be;
using auth::testing::der_int;
using auth::testing::encrypted;
using auth::testing::principal;
using auth::testing::raw;
using auth::testing::ticket;
using auth::testing::tlv;
using dissect::testing::Conversation;

constexpr std::string_view kRealm = "PLANT.EXAMPLE";

std::string as_request(std::string_view user) {
  const std::string body =
      tlv(0x30, {tlv(0xa0, {raw("03 05 00 40 81 00 10")}), tlv(0xa1, {principal(1, {user})}),
                 tlv(0xa2, {tlv(0x1b, {kRealm})}), tlv(0xa3, {principal(2, {"krbtgt", kRealm})}),
                 tlv(0xa7, {der_int(77)}), tlv(0xa8, {tlv(0x30, {der_int(18), der_int(23)})})});
  const std::string proof =
      tlv(0x30, {tlv(0xa1, {der_int(2)}), tlv(0xa2, {tlv(0x04, {encrypted(18)})})});
  return tlv(0x6a, {tlv(0x30, {tlv(0xa1, {der_int(5)}), tlv(0xa2, {der_int(10)}),
                               tlv(0xa3, {tlv(0x30, {proof})}), tlv(0xa4, {body})})});
}

std::string reply(std::uint8_t tag, std::uint32_t type, const std::string& service,
                  std::uint32_t encryption) {
  return tlv(tag, {tlv(0x30, {tlv(0xa0, {der_int(5)}), tlv(0xa1, {der_int(type)}),
                              tlv(0xa3, {tlv(0x1b, {kRealm})}), tlv(0xa4, {principal(1, {"ann"})}),
                              tlv(0xa5, {ticket(kRealm, service, encryption)}),
                              tlv(0xa6, {encrypted(18)})})});
}

std::string error(std::uint32_t code) {
  return tlv(0x7e, {tlv(0x30, {tlv(0xa0, {der_int(5)}), tlv(0xa1, {der_int(30)}),
                               tlv(0xa6, {der_int(code)}), tlv(0xa9, {tlv(0x1b, {kRealm})}),
                               tlv(0xaa, {principal(2, {"krbtgt", kRealm})})})});
}

std::string marked(const std::string& message) {
  return be(message.size(), 4) + message;
}

TEST(Kerberos, ALoginOverUdp) {
  Conversation one(kProtocol, 88, Transport::Udp);
  one.client(base::as_bytes(as_request("ann")));
  one.server(base::as_bytes(reply(0x6b, 11, principal(2, {"krbtgt", kRealm}), 18)));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("kerberos_padata_type"), "2");
  EXPECT_EQ(kept.detail("kerberos_kdc_options"), raw("40 81 00 10"));
  EXPECT_EQ(kept.detail("kerberos_nonce"), "77");
  EXPECT_EQ(kept.fact(Fact::User), "ann@PLANT.EXAMPLE");
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& login = kept.transactions[0];
  EXPECT_EQ(login.operation.name, "authentication");
  EXPECT_EQ(login.access, Access::Authentication);
  EXPECT_EQ(login.status.outcome, Outcome::Ok);
  EXPECT_EQ(login.sub_operation.name, "aes256-cts-hmac-sha1-96");
  ASSERT_EQ(login.objects.size(), 2U);
  EXPECT_EQ(login.objects[0].name, "ann@PLANT.EXAMPLE");
  EXPECT_EQ(login.objects[1].name, "krbtgt/PLANT.EXAMPLE@PLANT.EXAMPLE");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Kerberos, OnlyRefusalsAreFailures) {
  struct Case {
    std::uint32_t code;
    Outcome outcome;
  };
  for (const Case& one :
       {Case{25, Outcome::Ok}, Case{24, Outcome::Failed}, Case{6, Outcome::Failed},
        Case{18, Outcome::Failed}, Case{52, Outcome::Ok}}) {
    Conversation talk(kProtocol, 88, Transport::Udp);
    talk.client(base::as_bytes(as_request("ann")));
    talk.server(base::as_bytes(error(one.code)));
    const auto& kept = talk.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.code;
    EXPECT_EQ(kept.transactions[0].status.outcome, one.outcome) << one.code;
    EXPECT_EQ(kept.transactions[0].status.code, one.code);
  }
}

TEST(Kerberos, AComputersAccountIsItsName) {
  Conversation one(kProtocol, 88, Transport::Udp);
  one.client(base::as_bytes(as_request("HMI-4$")));
  EXPECT_EQ(one.kept().fact(Fact::Hostname), "HMI-4");
  EXPECT_EQ(one.kept().fact(Fact::User), "");
}

TEST(Kerberos, StreamsAreCutByTheirMarks) {
  const std::string stream = marked(as_request("ann")) + marked(as_request("bob"));
  Conversation one(kProtocol, 88);
  for (const char byte : stream)
    one.client(base::as_bytes({&byte, 1}));
  one.server(
      base::as_bytes(marked(error(24)) + marked(reply(0x6d, 13, principal(2, {"sql"}), 23))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].status.name, "preauthentication failed");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "rc4-hmac");
  EXPECT_EQ(one.waiting(Side::A), 0U);
}

TEST(Kerberos, IsKnownByItsMessages) {
  FlowInfo flow;
  flow.transport = Transport::Udp;
  const std::string request = as_request("ann");
  EXPECT_EQ(kProtocol.probe({flow, Side::A, base::as_bytes(request), {}}), Match::Yes);
  // Another version
  const std::string other = raw("6a 0e 30 0c a1 03 02 01 04 a2 03 02 01 0a a4 00");
  EXPECT_EQ(kProtocol.probe({flow, Side::A, base::as_bytes(other), {}}), Match::No);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, base::as_bytes("GET / HTTP/1.1\r\n"), {}}), Match::No);
  flow.transport = Transport::Tcp;
  const std::string stream = marked(request);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, base::as_bytes(stream), {}}), Match::Yes);
  EXPECT_EQ(
      kProtocol.probe({flow, Side::A, base::as_bytes(std::string_view(stream).substr(0, 40)), {}}),
      Match::Likely);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, base::as_bytes(request), {}}), Match::No);
}

TEST(Kerberos, BrokenMessagesAreTold) {
  std::string broken = as_request("ann");
  broken.resize(30);
  Conversation one(kProtocol, 88, Transport::Udp);
  one.client(base::as_bytes(broken));
  ASSERT_EQ(one.kept().issues.size(), 1U);
  EXPECT_EQ(one.kept().issues[0], "message cannot be read");
}

}  // namespace
}  // namespace dissect::kerberos
