#include "dissect/tds/tds.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/auth/testing.h"
#include "dissect/tds/statement.h"

namespace dissect::tds {
namespace {

using auth::testing::be;
using auth::testing::le;
using auth::testing::raw;
using auth::testing::utf16;
using dissect::testing::Conversation;

std::string packet(std::uint8_t type, const std::string& body, std::uint8_t status = 1,
                   std::uint8_t number = 1) {
  return be(type, 1) + be(status, 1) + be(body.size() + 8, 2) + be(0, 2) + be(number, 1) +
         be(0, 1) + body;
}
std::string prelogin() {
  return raw("00 000b 0006 01 0011 0001 ff") + raw("0f000fa00000 02");
}
std::string login(const std::string& token) {
  const std::string texts[] = {utf16("HMI-4"), utf16("ann"), utf16("hunter2"), utf16("Reports"),
                               utf16("HIST"),  {},           utf16("ODBC"),    {},
                               utf16("plant")};
  constexpr std::size_t kFixed = 94;
  std::size_t at = kFixed;
  std::string places;
  std::string payload;
  for (const std::string& text : texts) {
    places += le(at, 2) + le(text.size() / 2, 2);
    at += text.size();
    payload += text;
  }
  const std::string place = le(at, 2) + le(token.size(), 2);
  const std::string head = le(0x74000004, 4) + le(4096, 4) + le(7, 4) + le(4321, 4) +
                           std::string(16, '\0') + places + std::string(6, 'm') + place + le(0, 4) +
                           le(0, 4) + le(0, 4);
  std::string body = head;
  // Length, then what is fixed up to 94 bytes, then texts and the token.
  body.resize(kFixed - 4, '\0');
  body += payload + token;
  return le(body.size() + 4, 4) + body;
}
std::string narrow(std::string_view text) {
  return le(text.size(), 1) + utf16(text);
}
std::string error(std::uint32_t number, std::string_view text) {
  const std::string body = le(number, 4) + le(1, 1) + le(14, 1) + le(text.size(), 2) + utf16(text) +
                           narrow("HIST") + narrow("") + le(1, 4);
  return raw("aa") + le(body.size(), 2) + body;
}
std::string done(std::uint16_t status, std::uint64_t rows) {
  return raw("fd") + le(status, 2) + le(0, 2) + le(rows, 8);
}
std::string login_ack() {
  const std::string body = raw("01 74000004") + narrow("Microsoft SQL Server") + raw("0f 00 0fa0");
  return raw("ad") + le(body.size(), 2) + body;
}
std::string headers() {
  return le(22, 4) + le(18, 4) + le(2, 2) + le(0, 8) + le(1, 4);
}

TEST(Tds, ALoginAndAStatement) {
  Conversation one(kProtocol, 1433);
  one.client(base::as_bytes(packet(18, prelogin())));
  one.server(base::as_bytes(packet(4, prelogin())));
  one.client(base::as_bytes(packet(16, login({}))));
  one.server(base::as_bytes(packet(4, login_ack() + done(0, 0))));
  one.client(base::as_bytes(packet(1, headers() + utf16("SET NOCOUNT ON;\n-- x\n delete from t"))));
  one.server(base::as_bytes(packet(4, done(0x10, 3))));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("client_name"), "HMI-4");
  EXPECT_EQ(kept.detail("library"), "ODBC");
  EXPECT_EQ(kept.detail("done_rows"), "0");
  EXPECT_EQ(kept.fact(Fact::Hostname), "HMI-4");
  EXPECT_EQ(kept.fact(Fact::User), "ann");
  EXPECT_EQ(kept.fact(Fact::Software), "Microsoft SQL Server 15.0.4000");
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].operation.name, "prelogin");
  const Transaction& in = kept.transactions[1];
  EXPECT_EQ(in.operation.name, "login");
  EXPECT_EQ(in.access, Access::Authentication);
  EXPECT_EQ(in.status.outcome, Outcome::Ok);
  ASSERT_EQ(in.objects.size(), 3U);
  EXPECT_EQ(in.objects[1].name, "plant");
  EXPECT_EQ(kept.transactions[2].sub_operation.name, "DELETE");
  EXPECT_EQ(kept.transactions[2].access, Access::Write);
  EXPECT_TRUE(kept.issues.empty());
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("hunter2"), std::string::npos) << name;
}

TEST(Tds, ALoginThatFails) {
  Conversation one(kProtocol, 1433);
  one.client(base::as_bytes(packet(16, login({}))));
  one.server(base::as_bytes(packet(4, error(18456, "Login failed for user 'ann'.") + done(2, 0))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.code, 18456U);
  EXPECT_EQ(kept.transactions[0].status.name, "login failed");
  EXPECT_EQ(kept.fact(Fact::Name), "HIST");
}

TEST(Tds, HowItEndedStandsBehindTheRows) {
  // Version 7.1, whose numbers of rows are short: columns, a row, and that five were affected.
  const std::string body = raw("01 71000001") + narrow("SQL") + raw("08 00 02 27");
  const std::string ack = raw("ad") + le(body.size(), 2) + body;
  const std::string short_done = raw("fd") + le(0, 2) + le(0, 2) + le(1, 4);
  Conversation one(kProtocol, 1433);
  one.server(base::as_bytes(packet(4, ack + short_done)));
  one.client(base::as_bytes(packet(1, utf16("select a from t"))));
  one.server(
      base::as_bytes(packet(4, raw("81 01 00 00 00 38 01") + utf16("a") + raw("d1 05 00 00 00") +
                                   raw("fd") + le(2, 2) + le(0xc1, 2) + le(5, 4))));
  const auto& kept = one.done();
  EXPECT_EQ(kept.fact(Fact::Software), "Microsoft SQL Server 8.0.551");
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "SELECT");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  std::string rows;
  for (const auto& [name, value] : kept.details) {
    if (name == "done_rows") rows += value + ' ';
  }
  EXPECT_EQ(rows, "1 5 ");
}

TEST(Tds, NtlmInsideALogin) {
  Conversation one(kProtocol, 1433);
  one.client(base::as_bytes(packet(16, login(auth::testing::ntlm_challenge()))));
  one.client(base::as_bytes(packet(17, auth::testing::ntlm_proof())));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "NTLM");
  EXPECT_EQ(kept.transactions[1].objects[0].name, "PLANT\\ann");
}

TEST(Tds, ProceduresByNameAndNumber) {
  const std::string by_name = headers() + le(5, 2) + utf16("close") + le(0, 2);
  const std::string statement = utf16("select 1");
  const std::string by_number = headers() + le(0xffff, 2) + le(10, 2) + le(0, 2) + raw("00 00 e7") +
                                le(8000, 2) + std::string(5, 'c') + le(statement.size(), 2) +
                                statement;
  Conversation one(kProtocol, 1433);
  one.client(base::as_bytes(packet(3, by_name)));
  one.server(base::as_bytes(packet(4, error(2812, "no") + done(2, 0))));
  one.client(base::as_bytes(packet(3, by_number)));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].objects[0].name, "close");
  EXPECT_EQ(kept.transactions[0].status.name, "unknown procedure");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "sp_executesql");
  EXPECT_EQ(kept.transactions[1].access, Access::Read);
  EXPECT_EQ(kept.detail("query"), "select 1");
}

TEST(Tds, MessagesOfManyPackets) {
  const std::string text = headers() + utf16("insert into t " + std::string(4000, 'x'));
  Conversation one(kProtocol, 1433);
  const std::string stream = packet(1, text.substr(0, 3000), 0, 1) +
                             packet(1, text.substr(3000, 3000), 0, 2) +
                             packet(1, text.substr(6000), 1, 3);
  for (const char byte : stream)
    one.client(base::as_bytes({&byte, 1}));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "INSERT");
  EXPECT_EQ(kept.transactions[0].request_bytes, text.size());
}

TEST(Tds, TlsInsideAndAround) {
  // A fatal alert, in two packets, then one without packets.
  Conversation one(kProtocol, 1433);
  one.client(base::as_bytes(packet(18, raw("15 03 03 00"))));
  one.client(base::as_bytes(packet(18, raw("02 02 28"))));
  one.client(dissect::testing::bytes_of("15 03 03 00 02 02 30"));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].status.name, "handshake failure");
  EXPECT_EQ(kept.transactions[1].status.name, "unknown ca");
}

TEST(Tds, WhatAStatementDoes) {
  EXPECT_EQ(first_statement("/* a */ (select 1)").verb, "SELECT");
  EXPECT_EQ(first_statement("declare @a int; set @a = 1;\nexec sp_who").verb, "EXEC");
  EXPECT_EQ(first_statement("  drop table t").access, Access::ConfigWrite);
  EXPECT_EQ(first_statement("selection").verb, "");
  EXPECT_EQ(first_statement("").verb, "");
  EXPECT_EQ(first_statement("/* open").verb, "");
}

TEST(Tds, FieldsOutsideOfALoginAreTold) {
  std::string broken = login({});
  broken[37] = '\x7f';  // the host's offset
  Conversation one(kProtocol, 1433);
  one.client(base::as_bytes(packet(16, broken)));
  ASSERT_FALSE(one.kept().issues.empty());
  EXPECT_EQ(one.kept().issues[0], "login's field lies outside of it");
}

TEST(Tds, IsKnownByItsLogin) {
  FlowInfo flow;
  const auto probe = [&](std::string_view bytes) {
    return kProtocol.probe({flow, Side::A, base::as_bytes(bytes), {}});
  };
  EXPECT_EQ(probe(packet(18, prelogin())), Match::Yes);
  EXPECT_EQ(probe(packet(16, login({}))), Match::Yes);
  EXPECT_EQ(probe(packet(1, utf16("select 1"))), Match::Likely);
  EXPECT_EQ(probe(raw("03 00 00 13 0e e0 00 00 00 00 00 01 00 08 00 00")), Match::No);  // RDP
  EXPECT_EQ(probe(raw("10 2a 00 04 4d 51 54 54 04 02 00 3c")), Match::No);              // MQTT
}

}  // namespace
}  // namespace dissect::tds
