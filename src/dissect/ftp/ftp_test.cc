#include "dissect/ftp/ftp.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/ftp/commands.h"
#include "dissect/testing.h"

namespace dissect::ftp {
namespace {

using base::as_bytes;
using testing::Conversation;
using testing::Kept;

Conversation talk() {
  return Conversation(kProtocol, 21);
}

TEST(Ftp, ALoginAndAFile) {
  Conversation flow = talk();
  flow.server(as_bytes("220-Welcome\r\n to it\r\n220 plc FTP server 1.2\r\n"));
  flow.client(as_bytes("user op\r\n")).server(as_bytes("331 Password please\r\n"));
  flow.client(as_bytes("PASS s3cret\r\n")).server(as_bytes("230 In\r\n"));
  flow.client(as_bytes("SYST\r\n")).server(as_bytes("215 Windows_NT\r\n"));
  flow.client(as_bytes("PASV\r\n"));
  flow.server(as_bytes("227 Entering Passive Mode (192,0,2,2,4,1).\r\n"));
  flow.client(as_bytes("STOR a/fw.bin\r\n"));
  flow.server(as_bytes("150 Go\r\n226 Done\r\n"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 6U);
  EXPECT_EQ(kept.transactions[0].operation.name, "greeting");
  EXPECT_EQ(kept.transactions[1].operation.name, "USER");
  EXPECT_EQ(kept.transactions[1].objects.at(0), (NamedObject{"user", "op", 0, 0}));
  const Transaction& login = kept.transactions[2];
  EXPECT_EQ(login.operation.name, "PASS");
  EXPECT_EQ(login.access, Access::Authentication);
  EXPECT_EQ(login.objects.at(0), (NamedObject{"user", "op", 0, 0}));
  EXPECT_EQ(login.status.code, 230U);
  EXPECT_EQ(kept.transactions[4].objects.at(0), (NamedObject{"data port", "192.0.2.2", 1025, 1}));
  const Transaction& file = kept.transactions[5];
  EXPECT_EQ(file.access, Access::File);
  EXPECT_EQ(file.objects.at(0), (NamedObject{"file", "a/fw.bin", 0, 0}));
  EXPECT_EQ(file.status.code, 226U);
  EXPECT_EQ(kept.fact(Fact::Software), "Welcome");
  EXPECT_EQ(kept.fact(Fact::Os), "Windows");
  EXPECT_EQ(kept.fact(Fact::User), "op");
  EXPECT_TRUE(kept.issues.empty());
  for (const auto& [name, value] : kept.details)
    EXPECT_EQ(value.find("s3cret"), std::string::npos) << name;
}

TEST(Ftp, ARefusedLoginFailed) {
  Conversation flow = talk();
  flow.client(as_bytes("USER op\r\n")).server(as_bytes("331 Password\r\n"));
  flow.client(as_bytes("PASS x\r\n")).server(as_bytes("530 No\r\n"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[1].status.name, "not logged in");
  EXPECT_EQ(kept.fact(Fact::User), "");
}

TEST(Ftp, WhatIsEncryptedIsPassedBy) {
  Conversation flow = talk();
  flow.client(as_bytes("AUTH TLS\r\n")).server(as_bytes("234 Go\r\n"));
  flow.client(as_bytes("\x16\x03\x01\nfoo\n"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].objects.at(0).name, "TLS");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Ftp, LinesMayBeLong) {
  const std::string path(10000, 'a');
  Conversation flow = talk();
  flow.client(as_bytes("RETR " + path + "\r\n")).server(as_bytes("550 No\r\n"));
  flow.client(as_bytes("NOOP\r\n")).server(as_bytes("200 Ok\r\n"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].status.code, 550U);
  EXPECT_EQ(kept.transactions[1].operation.name, "NOOP");
  ASSERT_EQ(kept.issues.size(), 2U);
  EXPECT_EQ(kept.issues[0], "line longer than is read");
  EXPECT_EQ(kept.issues[1], "argument longer than any path");
}

TEST(Ftp, NamesWhatIsWrong) {
  Conversation flow = talk();
  flow.client(as_bytes("PORT 1,2,3,4,5\r\n")).server(as_bytes("501 No\r\n"));
  flow.client(as_bytes("XYZZY\r\n")).server(as_bytes("500 No\r\n"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.issues.size(), 2U);
  EXPECT_EQ(kept.issues[0], "data connection to nowhere");
  EXPECT_EQ(kept.issues[1], "command that is not known");
}

TEST(Ftp, PicksUpInTheMiddle) {
  Conversation flow = talk();
  const std::string_view cut = "me.txt\r\nDELE b\r\n";
  EXPECT_EQ(flow.session().resync(Side::A, as_bytes(cut)), 8U);
  EXPECT_FALSE(flow.session().resync(Side::A, as_bytes("me.txt")));
}

TEST(DataEnd, IsReadAsWritten) {
  EXPECT_EQ(data_end("(10,0,0,1,255,255)").port, 65535);
  EXPECT_EQ(data_end("(10,0,0,1,255,255)").address, "10,0,0,1");
  EXPECT_FALSE(data_end("10,0,0,1,256,1").good);
  EXPECT_FALSE(data_end("10,0,0,1").good);
  EXPECT_EQ(extended_end("|1|192.0.2.1|6275|").port, 6275);
  EXPECT_EQ(extended_end("|2|2001:db8::1|5282|").address, "2001:db8::1");
  EXPECT_EQ(extended_end("|||6446|").port, 6446);
  EXPECT_FALSE(extended_end("|||66000|").good);
  EXPECT_FALSE(extended_end("|1|x").good);
}

Match match(std::string_view text, std::string_view reply = {}, std::uint16_t port = 0) {
  FlowInfo flow;
  flow.b.port = port;
  return kProtocol.probe({flow, Side::A, as_bytes(text), as_bytes(reply)});
}

TEST(ProbeFtp, NeedsItsWords) {
  EXPECT_EQ(match("220 ProFTPD ready\r\n"), Match::Yes);
  EXPECT_EQ(match("220 (vsFTPd 3.0.3)\r\n"), Match::Yes);
  EXPECT_EQ(match("220 mx ESMTP\r\n"), Match::No);
  EXPECT_EQ(match("USER a\r\n", "220 hello\r\n"), Match::Yes);
  EXPECT_EQ(match("USER a\r\n", "+OK\r\n"), Match::No);
  EXPECT_EQ(match("CWD x\r\n"), Match::Likely);
  EXPECT_EQ(match("CWD x\r\n", "250 Done\r\n"), Match::Yes);
  EXPECT_EQ(match("CWD x\r\n", "HTTP/1.1 400\r\n"), Match::No);
  EXPECT_EQ(match("331 Password\r\n"), Match::Likely);
  EXPECT_EQ(match("RE"), Match::Unsure);
  EXPECT_EQ(match("GET / HTTP/1.1\r\n"), Match::No);
  EXPECT_EQ(match("SSH-2.0-x\r\n"), Match::No);
  EXPECT_EQ(match("EHLO x\r\n"), Match::No);
}

TEST(ProbeFtp, WhatMailAndNewsSayTooNeedsThePort) {
  for (const std::string_view text : {"220 hello\r\n", "250 Ok\r\n", "200 Ok\r\n", "530 No\r\n",
                                      "USER a\r\n", "RETR 1\r\n", "DELE 1\r\n", "QUIT\r\n"}) {
    EXPECT_EQ(match(text), Match::Unsure) << text;
    EXPECT_EQ(match(text, {}, 21), Match::Likely) << text;
  }
  EXPECT_EQ(match("QUIT\r\n", "250 Ok\r\n"), Match::Unsure);
  EXPECT_EQ(match("220 hello\r\n", "EHLO x\r\n"), Match::No);
  EXPECT_EQ(match("220 hello\r\n", "HELO x\r\n", 21), Match::No);
  EXPECT_EQ(match("220 hello\r\n", "USER x\r\n", 21), Match::Likely);
}

}  // namespace
}  // namespace dissect::ftp
