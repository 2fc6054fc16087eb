#include "dissect/telnet/telnet.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::telnet {
namespace {

using base::as_bytes;
using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

Conversation talk() {
  return Conversation(kProtocol, 23);
}

std::vector<Transaction> logins(const Kept& kept) {
  std::vector<Transaction> found;
  for (const Transaction& one : kept.transactions) {
    if (one.operation.name == "login") found.push_back(one);
  }
  return found;
}

TEST(Telnet, OptionsAreNegotiated) {
  Conversation flow = talk();
  flow.server(bytes_of("fffd18 fffb01")).client(bytes_of("fffb18 fffa1800 7674323230 fff0"));
  flow.client(bytes_of("fffa1f 0050 0018 fff0"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 5U);
  EXPECT_EQ(kept.transactions[0].operation.name, "DO");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "terminal type");
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "echo");
  EXPECT_EQ(kept.transactions[3].objects.at(0), (NamedObject{"terminal", "vt220", 0, 0}));
  EXPECT_EQ(kept.detail("terminal_type"), "vt220");
  EXPECT_EQ(kept.detail("window_width"), "80");
  EXPECT_EQ(kept.detail("window_height"), "24");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Telnet, LoginsAreFollowed) {
  Conversation flow = talk();
  flow.server(as_bytes("BusyBox 1.2\r\nbox login: ")).client(as_bytes("root\r\n"));
  flow.server(as_bytes("root\r\nPassword: ")).client(as_bytes("xc3511\r\n"));
  flow.server(as_bytes("\r\n")).server(as_bytes("Login incorrect\r\nbox login: "));
  flow.client(as_bytes("root\r\n")).server(as_bytes("Password: "));
  // A letter at a time, with a correction.
  for (const char c : std::string_view("vizz\bxv\r\n"))
    flow.client(as_bytes(std::string_view(&c, 1)));
  flow.server(as_bytes("\r\n")).server(as_bytes("~ # "));
  flow.client(as_bytes("reboot\r\n"));
  Kept& kept = flow.done();
  const auto found = logins(kept);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].access, Access::Authentication);
  EXPECT_EQ(found[0].objects.at(0), (NamedObject{"user", "root", 0, 0}));
  EXPECT_EQ(found[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(found[1].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.fact(Fact::Software), "BusyBox 1.2");
  EXPECT_EQ(kept.fact(Fact::User), "root");
  EXPECT_EQ(kept.transactions.back().operation.name, "line");
  EXPECT_EQ(kept.transactions.back().request_bytes, 8U);
  for (const auto& [name, value] : kept.details) {
    EXPECT_EQ(value.find("xc3511"), std::string::npos) << name;
    EXPECT_FALSE(name == "data" && value == "v");
  }
}

TEST(Telnet, EnvironmentsNameUsers) {
  Conversation flow = talk();
  // USER=eve, DISPLAY=x
  flow.client(bytes_of("fffa2700 00 55534552 01 657665 03 444953504c4159 01 78 fff0"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::User), "eve");
  EXPECT_EQ(kept.detail("variable"), "USER");
  EXPECT_EQ(kept.detail("variable_value"), "eve");
}

TEST(Telnet, SerialPortsAreSetUp) {
  Conversation flow = talk();
  flow.client(bytes_of("fffa2c01 00002580 fff0")).client(bytes_of("fffa2c02 08 fff0"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.detail("baud_rate"), "9600");
  EXPECT_EQ(kept.detail("data_size"), "8");
  EXPECT_EQ(kept.transactions.at(0).sub_operation.name, "com port control");
}

TEST(Telnet, PiecesDoNotMatter) {
  const base::ByteVec bytes = bytes_of("68 ff ff 69 fffd18 fffa1801 fff0 6a fff1");
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
    Conversation flow = talk();
    for (std::size_t at = 0; at < bytes.size(); at += step)
      flow.server(base::ByteView(bytes).subspan(at, std::min(step, bytes.size() - at)));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 2U) << step;
    EXPECT_EQ(kept.transactions[1].operation.name, "SB");
    EXPECT_EQ(flow.waiting(Side::B), 0U);
    EXPECT_TRUE(kept.issues.empty());
  }
}

TEST(Telnet, NamesWhatIsWrong) {
  Conversation flow = talk();
  flow.server(bytes_of("fffd c8")).server(bytes_of("ff 10")).server(bytes_of("fffa1f 00 fff0"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.issues.size(), 3U);
  EXPECT_EQ(kept.issues[0], "option that is not registered");
  EXPECT_EQ(kept.issues[1], "command that does not exist");
  EXPECT_EQ(kept.issues[2], "option is shorter than it should be");
}

// Without an end, a sub-negotiation does not hold what follows for ever.
TEST(Telnet, SubNegotiationsEnd) {
  base::ByteVec bytes = bytes_of("fffa18");
  bytes.resize(3000, 'a');
  Conversation flow = talk();
  flow.server(bytes);
  EXPECT_EQ(flow.waiting(Side::B), 0U);
  EXPECT_EQ(flow.done().issues.at(0), "command that does not exist");
}

Match match(std::string_view hex, std::uint16_t port = 5000) {
  const base::ByteVec bytes = bytes_of(hex);
  FlowInfo flow;
  flow.b.port = port;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeTelnet, NeedsNegotiation) {
  EXPECT_EQ(match("fffd18 fffb01"), Match::Yes);
  EXPECT_EQ(match("fffb01 6c6f67696e3a"), Match::Yes);
  EXPECT_EQ(match("ff"), Match::Unsure);
  EXPECT_EQ(match("fffd"), Match::Unsure);
  EXPECT_EQ(match("fffdc8"), Match::No);
  EXPECT_EQ(match("ffd8ffe0"), Match::No);
  EXPECT_EQ(match("fffd18 00010203"), Match::No);
  EXPECT_EQ(match("6c6f67696e3a"), Match::No);
  EXPECT_EQ(match("6c6f67696e3a", 23), Match::Likely);
  EXPECT_EQ(match("010203", 23), Match::No);
}

}  // namespace
}  // namespace dissect::telnet
