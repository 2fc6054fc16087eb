#include "dissect/dcerpc/dcerpc.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/auth/testing.h"

namespace dissect::dcerpc {
namespace {

using auth::testing::be;
using auth::testing::le;
using auth::testing::raw;
using auth::testing::utf16;
using dissect::testing::Conversation;

// svcctl 2.0 and NDR 2.0
constexpr std::string_view kSvcctl = "81bb7a36 4498 f135 ad32 98f038001003 02000000";
constexpr std::string_view kNdr = "045d888a eb1c c911 9fe8 08002b104860 02000000";

std::string fragment(std::uint8_t type, std::uint8_t flags, std::uint32_t call,
                     const std::string& body, const std::string& token = {},
                     std::uint8_t auth_type = 10, std::uint8_t level = 2) {
  std::string rest = body;
  if (!token.empty()) rest += le(auth_type, 1) + le(level, 1) + le(0, 2) + le(7, 4) + token;
  return raw("05 00") + le(type, 1) + le(flags, 1) + raw("10 00 00 00") + le(16 + rest.size(), 2) +
         le(token.size(), 2) + le(call, 4) + rest;
}
std::string bind(std::uint32_t call, const std::string& token = {}) {
  return fragment(11, 3, call,
                  le(4280, 2) + le(4280, 2) + le(0, 4) + raw("01 000000") + raw("0000 01 00") +
                      raw(kSvcctl) + raw(kNdr),
                  token);
}
std::string bind_answer(std::uint32_t call, std::uint16_t result) {
  return fragment(12, 3, call,
                  le(4280, 2) + le(4280, 2) + le(99, 4) + raw("0400") + "135" + '\0' + raw("0000") +
                      raw("01 000000") + le(result, 2) + le(result == 0 ? 0 : 1, 2) + raw(kNdr));
}
std::string call(std::uint32_t id, std::uint16_t procedure, const std::string& arguments,
                 std::uint8_t flags = 3) {
  return fragment(0, flags, id, le(arguments.size(), 4) + le(0, 2) + le(procedure, 2) + arguments);
}
std::string wide(std::string_view text) {
  std::string out =
      le(text.size() + 1, 4) + le(0, 4) + le(text.size() + 1, 4) + utf16(text) + raw("0000");
  while (out.size() % 4 != 0)
    out += '\0';
  return out;
}

TEST(Dcerpc, AServiceIsMadeAndStarted) {
  const std::string handle(20, 'h');
  const std::string create = handle + wide("PSEXESVC") + le(0, 4) + le(0xf01ff, 4) + le(0x10, 4) +
                             le(3, 4) + le(0, 4) + wide("%SystemRoot%\\PSEXESVC.exe");
  Conversation one(kProtocol, 49155);
  one.client(base::as_bytes(bind(1)));
  one.server(base::as_bytes(bind_answer(1, 0)));
  one.client(base::as_bytes(call(2, 12, create)));
  one.server(base::as_bytes(fragment(2, 3, 2, le(24, 4) + le(0, 4) + std::string(24, '\0'))));
  one.client(base::as_bytes(call(3, 19, handle + le(0, 8))));
  one.client(base::as_bytes(call(4, 1, handle + le(1, 4))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_EQ(kept.transactions[0].operation.name, "bind");
  EXPECT_EQ(kept.transactions[0].objects[0].name, "svcctl");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  const Transaction& made = kept.transactions[1];
  EXPECT_EQ(made.operation.name, "call");
  EXPECT_EQ(made.sub_operation.name, "CreateServiceW");
  EXPECT_EQ(made.access, Access::ConfigWrite);
  ASSERT_EQ(made.objects.size(), 3U);
  EXPECT_EQ(made.objects[1].name, "PSEXESVC");
  EXPECT_EQ(made.objects[2].name, "%SystemRoot%\\PSEXESVC.exe");
  EXPECT_EQ(made.status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[2].access, Access::Start);
  EXPECT_EQ(kept.transactions[3].access, Access::Stop);
  EXPECT_EQ(kept.detail("service_start"), "3");
  EXPECT_EQ(kept.detail("rpc_interface"), "367abb81-9844-35f1-ad32-98f038001003");
  EXPECT_EQ(kept.detail("rpc_transfer_syntax"), "8a885d04-1ceb-11c9-9fe8-08002b104860");
  EXPECT_EQ(kept.detail("rpc_address"), "135");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Dcerpc, ALoginInsideIsRead) {
  Conversation one(kProtocol, 135);
  one.client(base::as_bytes(bind(1, auth::testing::ntlm_challenge())));
  one.client(base::as_bytes(fragment(16, 3, 1, le(0, 4), auth::testing::ntlm_proof())));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("rpc_auth_type"), "10");
  EXPECT_EQ(kept.detail("rpc_auth_context"), "7");
  EXPECT_EQ(kept.fact(Fact::Hostname), "plc-host.plant.example");
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "login");
  EXPECT_EQ(kept.transactions[0].access, Access::Authentication);
  EXPECT_EQ(kept.transactions[0].objects[0].name, "PLANT\\ann");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "NTLM");
}

TEST(Dcerpc, FragmentsAreOneCall) {
  Conversation one(kProtocol, 135);
  one.client(base::as_bytes(call(9, 4, std::string(100, 'a'), 1)));
  one.client(base::as_bytes(call(9, 4, std::string(100, 'a'), 0)));
  one.client(base::as_bytes(call(9, 4, std::string(100, 'a'), 2)));
  one.server(base::as_bytes(fragment(2, 1, 9, le(200, 4) + le(0, 4) + std::string(100, 'b'))));
  one.server(base::as_bytes(fragment(2, 2, 9, le(100, 4) + le(0, 4) + std::string(100, 'b'))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].sub_operation.code, 4U);
  EXPECT_EQ(kept.transactions[0].response_bytes, 200U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
}

TEST(Dcerpc, FaultsAndRefusalsAreFailures) {
  Conversation one(kProtocol, 135);
  one.client(base::as_bytes(bind(1)));
  one.server(base::as_bytes(bind_answer(1, 2)));
  one.client(base::as_bytes(call(2, 0, {})));
  one.server(base::as_bytes(fragment(3, 3, 2, le(0, 4) + le(0, 4) + le(5, 4) + le(0, 4))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "access denied");
}

TEST(Dcerpc, NumbersMayBeginWithTheHighestByte) {
  // Bind to the endpoint mapper, big-endian.
  const std::string body = be(5840, 2) + be(5840, 2) + be(0, 4) + raw("01 000000") +
                           raw("0000 01 00") + raw("e1af8308 5d1f 11c9 91a4 08002b14a0fa") +
                           be(3, 2) + be(0, 2) + raw("8a885d04 1ceb 11c9 9fe8 08002b104860") +
                           be(2, 4);
  const std::string whole =
      raw("05 00 0b 03 00 00 00 00") + be(16 + body.size(), 2) + be(0, 2) + be(6, 4) + body;
  Conversation one(kProtocol, 135);
  one.client(base::as_bytes(whole));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].objects[0].name, "epmapper");
  EXPECT_EQ(kept.detail("rpc_call_id"), "6");
}

TEST(Dcerpc, ShortFragmentsAreTold) {
  const std::string whole = bind(1);
  Conversation one(kProtocol, 135);
  std::string cut = whole.substr(0, 40);
  cut[8] = 40;  // its length
  one.client(base::as_bytes(cut));
  EXPECT_FALSE(one.kept().issues.empty());
}

TEST(Dcerpc, IsKnownByItsHeader) {
  FlowInfo flow;
  const auto probe = [&](std::string_view bytes) {
    return kProtocol.probe({flow, Side::A, base::as_bytes(bytes), {}});
  };
  EXPECT_EQ(probe(bind(1)), Match::Yes);
  EXPECT_EQ(probe(call(1, 2, {})), Match::Likely);
  EXPECT_EQ(probe("\x05"), Match::Unsure);
  EXPECT_EQ(probe(raw("05 00 0b 03 10 00 00 01 48 00 00 00 01 00 00 00")), Match::No);
  EXPECT_EQ(probe(raw("05 64 05 c0 01 00 00 04 e9 21 00 00 00 00 00 00")), Match::No);  // DNP3
}

}  // namespace
}  // namespace dissect::dcerpc
