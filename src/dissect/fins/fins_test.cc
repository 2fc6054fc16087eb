#include "dissect/fins/fins.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::fins {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

base::ByteVec ask(std::string_view command) {
  return bytes_of("80 00 02 00 01 00 00 63 00 05" + std::string(command));
}
base::ByteVec answer(std::string_view command) {
  return bytes_of("c0 00 02 00 63 00 00 01 00 05" + std::string(command));
}
base::ByteVec framed(const base::ByteVec& message, std::uint8_t command = 2) {
  base::ByteVec all = bytes_of("46494e53 00000000 00000000 00000000");
  all[7] = static_cast<std::uint8_t>(message.size() + 8);
  all[11] = command;
  all.insert(all.end(), message.begin(), message.end());
  return all;
}

Conversation talk() {
  return Conversation(kProtocol, 9600, Transport::Udp);
}

TEST(Fins, ReadsMemory) {
  Conversation flow = talk();
  flow.client(ask("0101 82 0064 00 0002")).server(answer("0101 0000 00010002"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "memory area read");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.unit, 1U);
  ASSERT_EQ(one.objects.size(), 1U);
  EXPECT_EQ(one.objects[0], (NamedObject{"DM", "", 100, 2}));
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("source_node"), "99");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Fins, TellsTheController) {
  Conversation flow = talk();
  flow.client(ask("0501"));
  flow.server(
      answer("0501 0000 5445535431202020202020202020202020202020"
             "56312e3220202020202020202020202020202020"));
  flow.client(ask("0601")).server(answer("0601 0000 01 04"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::Vendor), "Omron");
  EXPECT_EQ(kept.fact(Fact::Model), "TEST1");
  EXPECT_EQ(kept.fact(Fact::Firmware), "V1.2");
  EXPECT_EQ(kept.fact(Fact::Mode), "run");
  EXPECT_EQ(kept.transactions.at(0).access, Access::Discovery);
}

struct Case {
  std::string_view command;
  Access access;
};

TEST(Fins, KnowsWhatCommandsDo) {
  static constexpr Case kCases[] = {
      {"0102 b1 0001 00 0001 00ff", Access::Write},
      {"0202 8010 0000 0001 0000", Access::ConfigWrite},
      {"0306 ffff 00000000 0064", Access::ProgramUpload},
      {"0307 ffff 00000000 8004 01020304", Access::ProgramDownload},
      {"0401 ffff 04", Access::Start},
      {"0402", Access::Stop},
      {"0403", Access::Reset},
      {"0702 2312010000", Access::ConfigWrite},
      {"2202 0000 20", Access::File},
      {"2301 0001 0001 31000100", Access::Write},
      {"0104 82 0001 00 82 0002 00", Access::Read},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(ask(one.command));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.command;
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.command;
    EXPECT_TRUE(kept.issues.empty()) << one.command << ": " << kept.issues[0];
  }
}

TEST(Fins, TellsWhatFailed) {
  Conversation flow = talk();
  flow.client(ask("0402")).server(answer("0402 2401"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.at(0).status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions.at(0).status.name, "cannot start or stop");
  Conversation flagged = talk();
  flagged.client(ask("0402")).server(answer("0402 0040"));
  EXPECT_EQ(flagged.done().transactions.at(0).status.outcome, Outcome::Ok);
}

TEST(Fins, IsReadFromAStream) {
  Conversation flow(kProtocol, 9600);
  flow.client(framed(bytes_of("00000000"), 0)).server(framed(bytes_of("00000063 00000001"), 1));
  const base::ByteVec request = framed(ask("0101 82 0064 00 0002"));
  for (const std::uint8_t byte : request)
    flow.client(base::ByteView(&byte, 1));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "node address");
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  EXPECT_EQ(kept.transactions[1].operation.name, "memory area read");
}

TEST(Fins, NamesWhatIsWrong) {
  Conversation flow = talk();
  flow.client(ask("0101 82 00"));
  EXPECT_EQ(flow.done().issues.at(0), "shorter than its command needs");
  Conversation unknown = talk();
  unknown.client(ask("9999"));
  EXPECT_EQ(unknown.done().issues.at(0), "command that is not known");
  Conversation broken = talk();
  broken.client(bytes_of("8001 02"));
  EXPECT_EQ(broken.done().issues.at(0), "header that cannot be");
}

Match match(const base::ByteVec& bytes, Transport transport) {
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeFins, NeedsItsHeader) {
  EXPECT_EQ(match(ask("0101 82 0064 00 0002"), Transport::Udp), Match::Likely);
  EXPECT_EQ(match(ask("9999"), Transport::Udp), Match::No);
  EXPECT_EQ(match(bytes_of("0101"), Transport::Udp), Match::No);
  EXPECT_EQ(match(framed(ask("0501")), Transport::Tcp), Match::Yes);
  EXPECT_EQ(match(base::ByteVec(16, 1), Transport::Tcp), Match::No);
}

}  // namespace
}  // namespace dissect::fins
