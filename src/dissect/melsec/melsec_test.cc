#include "dissect/melsec/melsec.h"

#include <map>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/melsec/commands.h"
#include "dissect/testing.h"

namespace dissect::melsec {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

base::ByteVec binary(std::string_view start, std::string_view rest) {
  const base::ByteVec data = bytes_of(rest);
  base::ByteVec all = bytes_of(start);
  const base::ByteVec to = bytes_of("00 ff ff03 00");
  all.insert(all.end(), to.begin(), to.end());
  all.push_back(static_cast<std::uint8_t>(data.size()));
  all.push_back(0);
  all.insert(all.end(), data.begin(), data.end());
  return all;
}
// Command and subcommand with what follows, behind the timer.
base::ByteVec ask(std::string_view command) {
  return binary("5000", "1000" + std::string(command));
}
base::ByteVec answer(std::string_view end) {
  return binary("d000", end);
}
base::ByteVec text(std::string_view line) {
  return {line.begin(), line.end()};
}

Conversation talk() {
  return Conversation(kProtocol, 5007);
}

TEST(Melsec, ReadsDevices) {
  Conversation flow = talk();
  flow.client(ask("0104 0000 640000 a8 0a00")).server(answer("0000 0102"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "batch read");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.unit, 255U);
  EXPECT_EQ(one.objects.at(0), (NamedObject{"D", "", 100, 10}));
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Melsec, ReadsAscii) {
  Conversation flow = talk();
  const base::ByteVec request = text(
      "500000FF03FF00001800100401"
      "0000D*0001000002");
  for (const std::uint8_t byte : request)
    flow.client(base::ByteView(&byte, 1));
  flow.server(text("D00000FF03FF00000C000012345678"));
  flow.client(
      text("54001234000000FF03FF00001800101401"
           "0001X*00001F0001"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].objects.at(0), (NamedObject{"D", "", 100, 2}));
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].access, Access::Write);
  EXPECT_EQ(kept.transactions[1].objects.at(0), (NamedObject{"X", "", 31, 1}));
  EXPECT_EQ(kept.detail("serial"), "4660");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Melsec, ReadsSeveralDevices) {
  Conversation flow = talk();
  flow.client(ask("0304 0000 01 01 640000 a8 c80000 b4"));
  flow.client(ask("0214 0100 02 320000 90 01 2f0000 9d 00"));
  flow.client(ask("0614 0000 01 01 640000 a8 0100 3412 000000 90 0100 ffff"));
  flow.client(ask("0104 0200 64000000 a800 0100"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_EQ(kept.transactions[0].objects.at(1), (NamedObject{"W", "", 200, 2}));
  EXPECT_EQ(kept.transactions[1].objects.at(0), (NamedObject{"M", "", 50, 1}));
  EXPECT_EQ(kept.transactions[2].objects.at(1), (NamedObject{"M", "", 0, 16}));
  EXPECT_EQ(kept.transactions[3].objects.at(0), (NamedObject{"D", "", 100, 1}));
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Melsec, TellsTheController) {
  Conversation flow = talk();
  flow.client(ask("0101 0000"));
  flow.server(answer("0000 51303355444543505520202020202020 6802"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Model), "Q03UDECPU");
  EXPECT_EQ(kept.fact(Fact::Vendor), "Mitsubishi Electric");
  EXPECT_EQ(kept.transactions.at(0).access, Access::Discovery);
}

struct Case {
  std::string_view command;
  Access access;
};

TEST(Melsec, KnowsWhatCommandsDo) {
  static constexpr Case kCases[] = {
      {"0110 0000 0100 00 00", Access::Start},
      {"0210 0000 0100", Access::Stop},
      {"0610 0000 0100", Access::Reset},
      {"2918 0000 0100 00000000 0200 0102", Access::File},
      {"1906 0000 0400 41424344", Access::Diagnostics},
      {"3016 0000 0400 70617373", Access::Authentication},
      {"340e 0000", Access::ConfigWrite},
      {"0116 0000 00070000 0200 ff03 0102", Access::Write},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(ask(one.command));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.command;
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.command;
    EXPECT_TRUE(kept.issues.empty()) << one.command << kept.issues[0];
    for (const auto& [name, value] : kept.details)
      EXPECT_EQ(value.find("pass"), std::string::npos) << name;
  }
}

TEST(Melsec, TellsWhatFailed) {
  Conversation flow = talk();
  flow.client(ask("0104 0000 640000 a8 0a00")).server(answer("5bc0 00ffff0300 0104 0000"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.at(0).status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[0].status.name, "device cannot be accessed");
}

// A message of MELSOFT: its header, what is in front of the command, and the command.
base::ByteVec melsoft(bool answers, std::string_view command) {
  const base::ByteVec data = bytes_of(command);
  base::ByteVec all = bytes_of("57 01 00 00 00 11 11 07 00 00 ff ff 03 00 00 fe 03 00 00 00 00");
  base::ByteVec body(answers ? 26 : 24, 0);
  body[0] = answers ? 0x9c : 0x1c;
  body[1] = 0x0a;
  body.insert(body.end(), data.begin(), data.end());
  if (answers) all[0] = 0xd7;
  all[19] = static_cast<std::uint8_t>(body.size());
  all.insert(all.end(), body.begin(), body.end());
  return all;
}

TEST(Melsec, ReadsMelsoft) {
  Conversation flow(kProtocol, 5560, Transport::Udp);
  flow.client(bytes_of("5a000001")).server(bytes_of("da0000011400c000020ac0000214"));
  flow.client(melsoft(false, "0121 0100 0000 01"));
  flow.server(melsoft(true, "0121 0100 0000 46583555522d33324d542f4553000000 294a 00000000"));
  // Two files: "A.PRG" found, a piece of one written.
  flow.client(melsoft(false, "185f 0200 0000000000000000 0400 0c00 41002e00500052004700 0000"));
  flow.client(melsoft(false, "1869 0300 0000 0200"));
  flow.client(melsoft(false, "1002 0400 0000 0100")).server(melsoft(true, "1002 0400 1040"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 5U);
  std::map<std::string_view, const Transaction*> by_name;
  for (const Transaction& one : kept.transactions)
    by_name[one.operation.name] = &one;
  EXPECT_EQ(kept.fact(Fact::Model), "FX5UR-32MT/ES");
  EXPECT_EQ(by_name.at("link")->access, Access::Session);
  EXPECT_EQ(by_name.at("read type")->access, Access::Discovery);
  EXPECT_EQ(by_name.at("file find")->objects.at(0), (NamedObject{"file", "A.PRG", 0, 0}));
  EXPECT_EQ(by_name.at("file write")->access, Access::ProgramDownload);
  EXPECT_EQ(by_name.at("remote stop")->access, Access::Stop);
  EXPECT_EQ(by_name.at("remote stop")->status.name, "not possible while running");
}

TEST(Melsec, NamesWhatIsWrong) {
  Conversation flow = talk();
  flow.client(ask("0104 0000 6400")).client(ask("9999 0000"));
  flow.client(ask("0104 0000 640000 07 0a00"));
  Kept& kept = flow.done();
  const std::vector<std::string> expected = {
      "shorter than its command needs", "command that is not known", "device that does not exist"};
  EXPECT_EQ(kept.issues, expected);
  Conversation packets(kProtocol, 5560, Transport::Udp);
  packets.client(bytes_of("50 01")).client(bytes_of("5000 00 ff ff03 00 2000 1000 0104"));
  EXPECT_EQ(packets.done().issues.size(), 2U);
}

Match match(const base::ByteVec& bytes, Transport transport) {
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeMelsec, NeedsAKnownCommand) {
  EXPECT_EQ(match(ask("0104 0000 640000 a8 0a00"), Transport::Tcp), Match::Yes);
  EXPECT_EQ(match(ask("9999 0000"), Transport::Tcp), Match::No);
  EXPECT_EQ(match(answer("0000 0102"), Transport::Udp), Match::Likely);
  EXPECT_EQ(match(text("500000FF03FF000018001004010000D*0001000002"), Transport::Udp), Match::Yes);
  EXPECT_EQ(match(text("POST / HTTP/1.1"), Transport::Tcp), Match::No);
  EXPECT_EQ(match(text("DELETE /x HTTP/1.1"), Transport::Tcp), Match::No);
  EXPECT_EQ(match(text("500 Syntax error, command unrecognized\r\n"), Transport::Tcp), Match::No)
      << "SMTP";
  EXPECT_EQ(match(melsoft(false, "0121 0100 0000 01"), Transport::Udp), Match::Yes);
  EXPECT_EQ(match(bytes_of("5a000001"), Transport::Udp), Match::Likely);
  EXPECT_EQ(match(bytes_of("5000"), Transport::Tcp), Match::Unsure);
}

TEST(MelsecDevices, AreFoundBothWays) {
  static constexpr std::uint16_t kCodes[] = {0x9c, 0xa8, 0x91, 0xb0, 0x2c};
  for (const std::uint16_t code : kCodes) {
    std::string two(device_name(code));
    if (two.size() < 2) two += '*';
    EXPECT_EQ(device_code(two), code);
  }
  EXPECT_EQ(device_code("**"), 0);
  EXPECT_EQ(device_code("QQ"), 0);
}

}  // namespace
}  // namespace dissect::melsec
