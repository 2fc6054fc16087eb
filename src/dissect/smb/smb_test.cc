#include "dissect/smb/smb.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/auth/testing.h"

namespace dissect::smb {
namespace {

using auth::testing::be;
using auth::testing::le;
using auth::testing::raw;
using auth::testing::utf16;
using dissect::testing::Conversation;

std::string session(const std::string& message) {
  return be(message.size(), 4) + message;
}

// Version 2

constexpr std::uint32_t kAnswer = 1;

std::string header2(std::uint16_t command, std::uint64_t id, std::uint32_t flags = 0,
                    std::uint32_t status = 0, std::uint32_t tree = 5, std::uint32_t next = 0) {
  return raw("fe534d42") + le(64, 2) + le(1, 2) + le(status, 4) + le(command, 2) + le(31, 2) +
         le(flags, 4) + le(next, 4) + le(id, 8) + le(0xfeff, 4) + le(tree, 4) + le(77, 8) +
         std::string(16, '\0');
}
std::string file(char id) {
  return std::string(8, id) + std::string(8, static_cast<char>(id + 1));
}
std::string tree_connect(std::uint64_t id, std::string_view path) {
  return session(header2(3, id) + le(9, 2) + le(0, 2) + le(72, 2) + le(path.size() * 2, 2) +
                 utf16(path));
}
std::string tree_connected(std::uint64_t id, std::uint32_t tree) {
  return session(header2(3, id, kAnswer, 0, tree) + le(16, 2) + le(1, 1) + le(0, 1) + le(0, 12));
}
std::string create(std::uint64_t id, std::string_view name) {
  return header2(5, id) + le(57, 2) + le(0, 2) + le(2, 4) + le(0, 16) + le(0x12019f, 4) + le(0, 4) +
         le(3, 4) + le(1, 4) + le(0x40, 4) + le(120, 2) + le(name.size() * 2, 2) + le(0, 8) +
         utf16(name);
}
std::string created(std::uint64_t id, char of) {
  return session(header2(5, id, kAnswer) + le(89, 2) + le(0, 2) + le(1, 4) + std::string(48, '\0') +
                 le(0, 8) + file(of) + le(0, 8));
}
std::string write(std::uint64_t id, char of, const std::string& data) {
  return session(header2(9, id) + le(49, 2) + le(112, 2) + le(data.size(), 4) + le(512, 8) +
                 file(of) + le(0, 16) + data);
}
std::string login(std::uint64_t id, const std::string& token) {
  return session(header2(1, id, 0, 0, 0) + le(25, 2) + le(0, 2) + le(1, 4) + le(0, 4) + le(88, 2) +
                 le(token.size(), 2) + le(0, 8) + token);
}
std::string logged_in(std::uint64_t id, std::uint32_t status, const std::string& token) {
  return session(header2(1, id, kAnswer, status, 0) + le(9, 2) + le(0, 2) + le(72, 2) +
                 le(token.size(), 2) + token);
}

// A remote call: bind to svcctl, then start a service.
std::string rpc(std::uint8_t type, std::uint32_t call, const std::string& body) {
  return raw("05 00") + le(type, 1) + raw("03 10 00 00 00") + le(16 + body.size(), 2) + le(0, 2) +
         le(call, 4) + body;
}
std::string bind() {
  return rpc(11, 1,
             le(4280, 2) + le(4280, 2) + le(0, 4) + raw("01 000000 0000 01 00") +
                 raw("81bb7a36 4498 f135 ad32 98f038001003 02000000") +
                 raw("045d888a eb1c c911 9fe8 08002b104860 02000000"));
}
std::string start() {
  return rpc(0, 2, le(28, 4) + le(0, 2) + le(19, 2) + std::string(28, '\0'));
}

TEST(Smb2, ALoginThatFails) {
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(login(1, auth::testing::spnego_reply(1, auth::testing::ntlm_proof()))));
  one.server(base::as_bytes(logged_in(1, 0xc000006d, {})));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& setup = kept.transactions[0];
  EXPECT_EQ(setup.operation.name, "session setup");
  EXPECT_EQ(setup.sub_operation.name, "NTLM");
  EXPECT_EQ(setup.access, Access::Authentication);
  EXPECT_EQ(setup.status.outcome, Outcome::Failed);
  EXPECT_EQ(setup.status.name, "logon failure");
  ASSERT_EQ(setup.objects.size(), 2U);
  EXPECT_EQ(setup.objects[0].name, "PLANT\\ann");
  EXPECT_EQ(setup.objects[1].name, "ANN-PC");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Smb2, AChallengeIsNoFailure) {
  Conversation one(kProtocol, 445);
  one.server(base::as_bytes(
      logged_in(1, 0xc0000016, auth::testing::spnego_reply(1, auth::testing::ntlm_challenge()))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.fact(Fact::OsVersion), "10.0.17763");
}

TEST(Smb2, FilesHaveTheirNames) {
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(tree_connect(2, "\\\\HIST-1\\recipes")));
  one.server(base::as_bytes(tree_connected(2, 5)));
  one.client(base::as_bytes(session(create(3, "line7\\batch.csv"))));
  one.server(base::as_bytes(created(3, 'a')));
  one.client(base::as_bytes(write(4, 'a', std::string(40000, 'x'))));
  one.server(base::as_bytes(session(header2(9, 4, kAnswer) + le(17, 2) + le(0, 2) + le(40000, 4))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].objects[0].name, "recipes");
  EXPECT_EQ(kept.fact(Fact::Hostname), "HIST-1");
  EXPECT_EQ(kept.transactions[1].operation.name, "create");
  const Transaction& written = kept.transactions[2];
  EXPECT_EQ(written.operation.name, "write");
  EXPECT_EQ(written.access, Access::File);
  EXPECT_EQ(written.objects[0].name, "line7\\batch.csv");
  EXPECT_EQ(written.objects[0].first, 512U);
  EXPECT_EQ(written.objects[0].count, 40000U);
  EXPECT_EQ(written.request_bytes, 40000U);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Smb2, CallsOverPipesAreRead) {
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(tree_connect(2, "\\\\10.1.1.5\\IPC$")));
  one.server(base::as_bytes(tree_connected(2, 5)));
  one.client(base::as_bytes(session(create(3, "svcctl"))));
  one.server(base::as_bytes(created(3, 'p')));
  one.client(base::as_bytes(write(4, 'p', bind())));
  one.client(base::as_bytes(write(5, 'p', start())));
  const auto& kept = one.done();
  EXPECT_EQ(kept.fact(Fact::Hostname), "");
  const Transaction* call = nullptr;
  for (const Transaction& each : kept.transactions) {
    if (each.operation.name == "call") call = &each;
  }
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->sub_operation.name, "StartServiceW");
  EXPECT_EQ(call->access, Access::Start);
  EXPECT_EQ(call->objects[0].name, "svcctl");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Smb2, ChainsShareTheirFile) {
  std::string first = create(3, "notes.txt");
  while (first.size() % 8 != 0)
    first += '\0';
  first = header2(5, 3, 0, 0, 5, static_cast<std::uint32_t>(first.size())) + first.substr(64);
  const std::string second =
      header2(6, 4, 4, 0, 0xffffffff) + le(24, 2) + le(0, 2) + le(0, 4) + std::string(16, '\xff');
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(session(first + second)));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "create");
  EXPECT_EQ(kept.transactions[1].operation.name, "close");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Smb2, WhatWaitsIsAnsweredLater) {
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(session(create(3, "svcctl"))));
  one.server(base::as_bytes(session(header2(5, 3, kAnswer | 2, 0x103) + le(9, 2) + le(0, 6))));
  EXPECT_TRUE(one.kept().transactions.empty());
  one.server(base::as_bytes(session(header2(5, 3, kAnswer | 2, 0xc0000022) + le(9, 2) + le(0, 6))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].status.name, "access denied");
}

TEST(Smb2, DialectsAndWhatIsHidden) {
  const std::string negotiated = header2(0, 0, kAnswer, 0, 0) + le(65, 2) + le(1, 2) +
                                 le(0x0302, 2) + le(0, 2) + std::string(16, 'g') + le(7, 4) +
                                 le(1 << 20, 4) + le(1 << 20, 4) + le(1 << 20, 4) + le(0, 16) +
                                 le(128, 2) + le(0, 2) + le(0, 4);
  Conversation one(kProtocol, 445);
  one.server(base::as_bytes(session(negotiated)));
  one.server(base::as_bytes(session(raw("fd534d42") + std::string(32, 's') + le(100, 4) + le(1, 4) +
                                    le(77, 8) + std::string(100, 'e'))));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "SMB 3.0.2");
  EXPECT_EQ(kept.transactions[1].operation.name, "encrypted");
  EXPECT_EQ(kept.detail("smb2_transform_session"), "77");
}

TEST(Smb2, BrokenMessagesAreTold) {
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(session(header2(9, 4) + le(49, 2) + le(112, 2))));
  one.client(base::as_bytes(session(header2(40, 5) + le(4, 4))));
  one.client(base::as_bytes(session(header2(13, 6, 0, 0, 0, 12) + le(4, 4))));
  const auto& issues = one.kept().issues;
  ASSERT_EQ(issues.size(), 3U);
  EXPECT_EQ(issues[0], "message ends too early");
  EXPECT_EQ(issues[1], "unknown command");
  EXPECT_EQ(issues[2], "next message begins where it cannot");
}

// Version 1

std::string smb1(std::uint8_t command, const std::string& words, const std::string& data,
                 std::uint8_t flags = 0x18, std::uint16_t flags2 = 0xc807, std::uint32_t status = 0,
                 std::uint16_t multiplex = 64) {
  return session(raw("ff534d42") + le(command, 1) + le(status, 4) + le(flags, 1) + le(flags2, 2) +
                 le(0, 12) + le(2048, 2) + le(4321, 2) + le(100, 2) + le(multiplex, 2) +
                 le(words.size() / 2, 1) + words + le(data.size(), 2) + data);
}

TEST(Smb1, ALoginSaysWhichSystemItIs) {
  const std::string words = raw("ff 00 0000") + le(4356, 2) + le(10, 2) + le(0, 2) + le(0, 4) +
                            le(24, 2) + le(24, 2) + le(0, 4) + le(0xd4, 4);
  const std::string zero(2, '\0');
  // After 48 bytes of password a byte of padding makes the texts even.
  const std::string data = std::string(48, 'x') + '\0' + utf16("ann") + zero + utf16("PLANT") +
                           zero + utf16("Windows 2002 2600") + zero + utf16("Windows 2002 5.1") +
                           zero;
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(smb1(0x73, words, data)));
  one.server(base::as_bytes(smb1(0x73, {}, {}, 0x98, 0xc807, 0xc000006d)));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("account"), "ann");
  EXPECT_EQ(kept.detail("native_os"), "Windows 2002 2600");
  EXPECT_EQ(kept.fact(Fact::Os), "Windows 2002 2600");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "SMB1 session setup");
  EXPECT_EQ(kept.transactions[0].objects[0].name, "PLANT\\ann");
  EXPECT_EQ(kept.transactions[0].status.name, "logon failure");
  EXPECT_TRUE(kept.issues.empty());
}

// An answer to a client that knows no Unicode, by a server that does (MS-CIFS 2.2.4.52.2).
TEST(Smb1, ServersNameTheirDomainAsTheyCan) {
  const auto words = [](std::uint32_t capabilities) {
    return le(0, 2) + raw("03") + le(50, 2) + le(1, 2) + le(16644, 4) + le(65536, 4) + le(0, 4) +
           le(capabilities, 4) + le(0, 8) + le(0, 2) + le(8, 1);
  };
  const std::string zero(2, '\0');
  const std::string unicode = "12345678" + utf16("PLANT") + zero + utf16("PLC9") + zero;
  Conversation able(kProtocol, 445);
  able.server(base::as_bytes(smb1(0x72, words(0x8004), unicode, 0x98, 0x4003)));
  EXPECT_EQ(able.kept().detail("primary_domain"), "PLANT");
  EXPECT_EQ(able.kept().detail("server"), "PLC9");
  const std::string ascii = std::string("12345678PLANT\0PLC9\0", 19);
  Conversation old(kProtocol, 445);
  old.server(base::as_bytes(smb1(0x72, words(0x8000), ascii, 0x98, 0x4003)));
  EXPECT_EQ(old.kept().detail("primary_domain"), "PLANT");
  EXPECT_EQ(old.kept().detail("server"), "PLC9");
}

// A login with a token, and what some servers put behind the names of their system.
TEST(Smb1, SomeNameTheirDomainBehindTheSystem) {
  const std::string zero(2, '\0');
  const std::string words = raw("ff 00 0000") + le(0, 2) + le(0, 2);
  const std::string system = '\0' + utf16("Unix") + zero + utf16("Samba") + zero;
  Conversation one(kProtocol, 445);
  one.server(base::as_bytes(smb1(0x73, words, system + utf16("PLANT") + zero, 0x98)));
  EXPECT_EQ(one.kept().detail("native_os"), "Unix");
  EXPECT_EQ(one.kept().detail("primary_domain"), "PLANT");
  EXPECT_EQ(one.kept().fact(Fact::Domain), "PLANT");
  Conversation none(kProtocol, 445);
  none.server(base::as_bytes(smb1(0x73, words, system, 0x98)));
  EXPECT_EQ(none.kept().detail("native_manager"), "Samba");
  EXPECT_EQ(none.kept().detail("primary_domain"), "");
  EXPECT_EQ(none.kept().fact(Fact::Domain), "");
}

TEST(Smb1, CommandsInAChain) {
  // Login without a name, then the tree in the same message.
  const std::string setup = le(13, 1) + raw("75 00") + le(0, 2) + le(4356, 2) + le(10, 2) +
                            le(0, 2) + le(0, 4) + le(0, 2) + le(0, 2) + le(0, 4) + le(0xd4, 4) +
                            le(0, 2);
  const std::size_t next = 32 + setup.size();
  std::string patched = setup;
  patched[3] = static_cast<char>(next);
  const std::string tree = le(4, 1) + raw("ff 00 0000") + le(8, 2) + le(1, 2) + le(17, 2) + '\0' +
                           "\\\\S\\IPC$" + '\0' + "?????" + '\0';
  const std::string whole =
      session(raw("ff534d42 73") + le(0, 4) + raw("18") + le(0x4001, 2) + le(0, 12) + le(0, 2) +
              le(4321, 2) + le(0, 2) + le(65, 2) + patched + tree);
  Conversation one(kProtocol, 139);
  one.client(base::as_bytes(whole));
  const auto& kept = one.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "anonymous");
  EXPECT_EQ(kept.transactions[1].operation.name, "SMB1 tree connect");
  EXPECT_EQ(kept.transactions[1].objects[0].name, "IPC$");
  EXPECT_EQ(kept.detail("path"), "\\\\S\\IPC$");
}

TEST(Smb1, AnImplantIsAsked) {
  // Transaction 2 of kind 14, which no implementation has, and an answer with another number.
  const std::string words = le(12, 2) + le(0, 2) + le(1, 2) + le(0, 2) + le(0, 2) + le(0, 2) +
                            le(10941, 4) + le(0, 2) + le(12, 2) + le(66, 2) + le(0, 2) + le(78, 2) +
                            le(1, 2) + le(14, 2);
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(smb1(0x32, words, std::string(13, '\0'), 0x18, 0xc007, 0, 65)));
  one.server(base::as_bytes(smb1(0x32, {}, {}, 0x98, 0xc007, 0xc0000002, 81)));
  const auto& kept = one.done();
  ASSERT_EQ(kept.issues.size(), 1U);
  EXPECT_EQ(kept.issues[0], "transaction of a reserved kind");
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::Response);
  EXPECT_EQ(kept.transactions[0].status.name, "not implemented");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "session setup");
}

TEST(Smb1, NtTransactionsSayHowMuchTheyCarry) {
  // Kind 6, ask for a security descriptor: 8 bytes of parameters, no data; 4 and 120 in the answer.
  const std::string ask = raw("00 0000") + le(8, 4) + le(0, 4) + le(4, 4) + le(4096, 4) + le(8, 4) +
                          le(76, 4) + le(0, 4) + le(84, 4) + raw("00") + le(6, 2);
  const std::string answer = raw("000000") + le(4, 4) + le(120, 4) + le(4, 4) + le(72, 4) +
                             le(0, 4) + le(120, 4) + le(76, 4) + le(0, 4) + raw("00");
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(smb1(0xa0, ask, std::string(11, '\0'))));
  EXPECT_EQ(one.kept().detail("total_parameters"), "8");
  EXPECT_EQ(one.kept().detail("data_count"), "0");
  EXPECT_EQ(one.kept().detail("setup_count"), "0");
  one.kept().details.clear();
  one.server(base::as_bytes(smb1(0xa0, answer, std::string(127, '\0'), 0x98)));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("total_parameters"), "4");
  EXPECT_EQ(kept.detail("total_data"), "120");
  EXPECT_EQ(kept.detail("data_count"), "120");
  EXPECT_EQ(kept.detail("setup_count"), "0");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Smb1, DialectsAreOffered) {
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(smb1(0x72, {}, std::string("\x02NT LM 0.12\0\x02SMB 2.002\0", 23))));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("dialect"), "NT LM 0.12");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "with SMB 2");
}

TEST(Smb1, ChainsThatGoBackEnd) {
  const std::string words = raw("2e 00 2000") + le(0, 16);
  Conversation one(kProtocol, 445);
  one.client(base::as_bytes(smb1(0x2e, words, {})));
  ASSERT_FALSE(one.kept().issues.empty());
}

TEST(Smb, NetBiosSessionsNameBoth) {
  std::string called;
  std::string calling;
  const auto encode = [](std::string_view name) {
    std::string out(1, '\x20');
    for (std::size_t i = 0; i < 16; ++i) {
      const char c = i < name.size() ? name[i] : ' ';
      out += static_cast<char>('A' + (c >> 4));
      out += static_cast<char>('A' + (c & 15));
    }
    return out + '\0';
  };
  Conversation one(kProtocol, 139);
  one.client(base::as_bytes(raw("81 00 00 44") + encode("HIST-1") + encode("HMI-4")));
  one.server(dissect::testing::bytes_of("83 00 00 01 82"));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("called_name"), "HIST-1");
  EXPECT_EQ(kept.fact(Fact::Hostname), "HMI-4");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.code, 0x82U);
}

TEST(Smb, IsKnownByItsMessages) {
  FlowInfo flow;
  const auto probe = [&](std::string_view bytes) {
    return kProtocol.probe({flow, Side::A, base::as_bytes(bytes), {}});
  };
  EXPECT_EQ(probe(session(create(1, "a"))), Match::Yes);
  EXPECT_EQ(probe(smb1(0x72, {}, {})), Match::Yes);
  EXPECT_EQ(probe(std::string_view("\0\0\0", 3)), Match::Unsure);
  EXPECT_EQ(probe(std::string("\0\x01\0\0\0\x06\x01\x03\0\0\0\x0a", 12)), Match::No);  // Modbus
}

}  // namespace
}  // namespace dissect::smb
