#include "dissect/knx/knx.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::knx {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

base::ByteVec message(std::string_view service, std::string_view body) {
  base::ByteVec all = bytes_of("0610" + std::string(service) + "0000" + std::string(body));
  all[4] = static_cast<std::uint8_t>(all.size() >> 8U);
  all[5] = static_cast<std::uint8_t>(all.size());
  return all;
}

constexpr std::string_view kHere = "0801 c0000201 0e57";

Conversation talk() {
  return Conversation(kProtocol, 3671, Transport::Udp);
}

std::string object_of(const Transaction& one) {
  if (one.objects.empty()) return {};
  return std::string(one.objects[0].space) + '|' + one.objects[0].name;
}

TEST(Knx, TellsDevices) {
  std::string name = "526f75746572";
  name.resize(60, '0');
  Conversation flow = talk();
  flow.client(message("0201", kHere));
  flow.server(message("0202", std::string(kHere) + "3601 02 00 1105 0000 00c501020304 e000170c" +
                                  "001122334455" + name + "0402 0201"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "search request");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.fact(Fact::Name), "Router");
  EXPECT_EQ(kept.fact(Fact::Serial), "00c501020304");
  EXPECT_EQ(kept.fact(Fact::VendorId), "KNX 197");
  EXPECT_EQ(kept.fact(Fact::Location), "KNX 1.1.5");
  EXPECT_EQ(kept.detail("service_family"), "2");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Knx, OpensConnections) {
  Conversation flow = talk();
  flow.client(message("0205", std::string(kHere) + std::string(kHere) + "0404 0200"));
  flow.server(message("0206", "0700" + std::string(kHere) + "0404 1105"));
  flow.client(message("0207", "0700" + std::string(kHere))).server(message("0208", "0721"));
  flow.client(message("0205", std::string(kHere) + std::string(kHere) + "0404 0200"));
  flow.server(message("0206", "0024"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 3U);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "tunnel");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].status.name, "no such connection");
  EXPECT_EQ(kept.transactions[2].status.name, "no more connections");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

// What a tunnel carries: a telegram from 1.1.5, to a group or a device, with its data.
base::ByteVec tunnel(std::string_view telegram, std::string_view sequence = "00") {
  return message("0420", "0407" + std::string(sequence) + "00 11 00 bc" + std::string(telegram));
}

TEST(Knx, WritesGroups) {
  Conversation flow = talk();
  flow.client(tunnel("e0 1105 0a03 01 00 81")).server(message("0421", "0407 00 00"));
  flow.client(tunnel("e0 1105 0a03 03 00 80 0c1a", "01")).server(message("0421", "0407 01 21"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "tunnelling request");
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "group value write");
  EXPECT_EQ(kept.transactions[0].access, Access::Write);
  EXPECT_EQ(object_of(kept.transactions[0]), "group|1/2/3");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("value"), "1");
  EXPECT_EQ(kept.transactions[1].status.outcome, Outcome::Failed);
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

struct Case {
  std::string_view telegram;
  Access access;
  std::string_view object;
};

TEST(Knx, KnowsWhatServicesDo) {
  static constexpr Case kCases[] = {
      {"e0 1105 0a03 01 00 00", Access::Read, "group|1/2/3"},
      {"e0 1105 0000 03 00 c0 1106", Access::ConfigWrite, "group|0/0/0"},
      {"60 1105 1106 00 80", Access::Session, "device|1.1.6"},
      {"60 1105 1106 01 43 00", Access::Discovery, "device|1.1.6"},
      {"60 1105 1106 05 42 82 0100 aabb", Access::ConfigWrite, "device|1.1.6"},
      {"60 1105 1106 01 43 80", Access::Reset, "device|1.1.6"},
      {"60 1105 1106 06 43 d1 00 11223344", Access::Authentication, "device|1.1.6"},
      {"60 1105 1106 06 43 d7 00 0b 1001 aa", Access::ConfigWrite, "device|1.1.6"},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(tunnel(one.telegram));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.telegram;
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.telegram;
    EXPECT_EQ(object_of(kept.transactions[0]), one.object) << one.telegram;
  }
}

TEST(Knx, ReadsRoutedTelegrams) {
  Conversation flow = talk();
  flow.client(message("0530", "29 00 bc e0 1105 0a03 01 00 80"));
  flow.client(message("0530", "2e 03 010203 bc e0 1105 0a03 01 00 80"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[0].access, Access::Write);
  EXPECT_EQ(kept.transactions[1].access, Access::None) << "a confirmation";
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Knx, ManagesDevices) {
  Conversation flow = talk();
  flow.client(message("0310", "0407 00 00 fc 0000 01 0b 1001"))
      .server(message("0311", "0407 00 00"));
  flow.server(message("0310", "0407 00 00 fb 0000 01 0b 0001 07"));
  flow.client(message("0310", "0407 01 00 f6 000b 01 34 1001 01"));
  flow.client(message("0310", "0407 02 00 f1"));
  Kept& kept = flow.done();
  std::vector<Access> accesses;
  for (const Transaction& one : kept.transactions)
    accesses.push_back(one.access);
  ASSERT_EQ(kept.transactions.size(), 4U);
  EXPECT_EQ(kept.transactions[0].access, Access::ConfigRead);
  EXPECT_EQ(object_of(kept.transactions[0]), "property|0.11");
  EXPECT_TRUE(std::ranges::find(accesses, Access::ConfigWrite) != accesses.end());
  EXPECT_TRUE(std::ranges::find(accesses, Access::Reset) != accesses.end());
  EXPECT_EQ(kept.detail("error"), "7");
}

TEST(Knx, IsReadFromAStream) {
  Conversation flow(kProtocol, 3671);
  for (const std::uint8_t byte : tunnel("e0 1105 0a03 01 00 81"))
    flow.client(base::ByteView(&byte, 1));
  flow.client(message("0950", "0001 000000000001 00c501020304 0000 aabbccdd"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[1].operation.name, "secure wrapper");
}

TEST(Knx, NamesWhatIsWrong) {
  Conversation flow = talk();
  flow.client(message("0999", "0000")).client(message("0420", "0407"));
  base::ByteVec bad = message("0208", "0700");
  bad[1] = 0x20;
  bad[5] = 9;
  flow.client(bad).client(bytes_of("0510"));
  flow.client(message("0530", "77 00")).client(message("0204", "0001"));
  Kept& kept = flow.done();
  const std::vector<std::string> expected = {"service that does not exist",
                                             "shorter than its service needs",
                                             "version that does not exist",
                                             "length is not that of the data",
                                             "header that cannot be",
                                             "message code that does not exist",
                                             "description with a length that cannot be"};
  EXPECT_EQ(kept.issues, expected);
}

Match match(const base::ByteVec& bytes, Transport transport) {
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeKnx, NeedsItsHeader) {
  EXPECT_EQ(match(message("0201", kHere), Transport::Udp), Match::Yes);
  EXPECT_EQ(match(message("0999", kHere), Transport::Udp), Match::No);
  EXPECT_EQ(match(bytes_of("0610 0201 0100"), Transport::Udp), Match::No);
  EXPECT_EQ(match(bytes_of("0610"), Transport::Tcp), Match::Unsure);
}

}  // namespace
}  // namespace dissect::knx
