#include "dissect/ethercat/ethercat.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/ethercat/names.h"
#include "dissect/testing.h"

namespace dissect::ethercat {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

std::string le16(std::size_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned int shift : {4U, 0U, 12U, 8U})
    hex += kDigits[value >> shift & 15U];
  return hex;
}

// A datagram: command and index, address, data, working counter.
std::string datagram(std::string_view start, std::string_view data, std::uint16_t counter = 1,
                     bool more = false) {
  const std::size_t size = bytes_of(data).size();
  return std::string(start) + le16(size | (more ? 0x8000U : 0U)) + "0000" + std::string(data) +
         le16(counter);
}
base::ByteVec frame(std::string_view datagrams, unsigned int type = 1) {
  const base::ByteVec body = bytes_of(datagrams);
  base::ByteVec all = bytes_of(le16(body.size() | type << 12U));
  all.insert(all.end(), body.begin(), body.end());
  return all;
}

Conversation talk() {
  return Conversation(kProtocol, 0, Transport::Link);
}

std::string object_of(const Transaction& one) {
  if (one.objects.empty()) return {};
  const NamedObject& first = one.objects[0];
  return std::string(first.space) + '|' + first.name + '|' + std::to_string(first.first) + '|' +
         std::to_string(first.count);
}

TEST(EtherCat, ReadsDatagrams) {
  Conversation flow = talk();
  flow.client(frame(datagram("0c 01 00000100", "01020304", 3, true) +
                    datagram("04 02 e903 3001", "0800", 1)));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 2U);
  EXPECT_EQ(kept.transactions[0].operation.name, "LRW");
  EXPECT_EQ(kept.transactions[0].access, Access::Write);
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(object_of(kept.transactions[0]), "logical memory||65536|4");
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[1].operation.name, "FPRD");
  EXPECT_EQ(kept.transactions[1].unit, 1001U);
  EXPECT_EQ(kept.transactions[1].access, Access::Diagnostics);
  EXPECT_EQ(kept.transactions[1].sub_operation.name, "operational");
  EXPECT_EQ(kept.detail("working_counter"), "3");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

struct Case {
  std::string_view start;
  std::string_view data;
  Access access;
  std::string_view object;
};

TEST(EtherCat, KnowsWhatRegistersDo) {
  static constexpr Case kCases[] = {
      {"05 01 e903 2001", "0800", Access::ModeChange, "AL control||288|2"},
      {"02 01 ffff 1000", "e903", Access::ConfigWrite, "station address||16|2"},
      {"08 01 0000 2001", "0100", Access::ModeChange, "AL control||288|2"},
      {"05 01 e903 0008", "0010800026000100", Access::ConfigWrite, "sync manager||2048|8"},
      {"05 01 e903 0205", "0001 08000000", Access::ConfigRead, "EEPROM||1282|6"},
      {"05 01 e903 0205", "0102 08000000", Access::ConfigWrite, "EEPROM||1282|6"},
      {"04 01 e903 0003", "00000000", Access::Diagnostics, "error counters||768|4"},
      {"07 01 0000 0000", "00", Access::Discovery, "information||0|1"},
      {"05 01 e903 0011", "ff", Access::Write, "memory||4352|1"},
      {"0b 01 00000000", "ff", Access::Write, "logical memory||0|1"},
      {"0a 01 00000000", "ff", Access::Read, "logical memory||0|1"},
      {"0e 01 e903 1009", "0000000000000000", Access::ConfigWrite, "distributed clock||2320|8"},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(frame(datagram(one.start, one.data, 0)));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.start;
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.start << one.data;
    EXPECT_EQ(object_of(kept.transactions[0]), one.object);
    EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Unknown) << "still on its way";
  }
}

TEST(EtherCat, NumbersSlavesByTheirPlace) {
  Conversation flow = talk();
  flow.client(frame(datagram("01 01 feff 0000", "00", 0)));
  EXPECT_EQ(flow.done().transactions.at(0).unit, 2U);
}

// A message of a mailbox: its length is filled in.
std::string mailbox(std::string_view type_and_counter, std::string_view body) {
  return le16(bytes_of(body).size()) + "0000 00" + std::string(type_and_counter) +
         std::string(body);
}

TEST(EtherCat, ReadsDictionaries) {
  Conversation flow = talk();
  flow.client(frame(datagram("05 01 e903 0010", mailbox("13", "0020 40 1810 01 00000000"))));
  flow.client(frame(datagram("04 02 e903 8010", mailbox("23", "0030 43 1810 01 02000000"))));
  flow.client(
      frame(datagram("04 03 e903 8010", mailbox("33", "0030 41 0810 00 04000000 454c3130"))));
  flow.client(frame(datagram("05 04 e903 0010", mailbox("43", "0020 23 f910 01 01000000"))));
  flow.client(frame(datagram("04 05 e903 8010", mailbox("53", "0030 80 f910 01 00000206"))));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 5U);
  EXPECT_EQ(kept.transactions[0].operation.name, "SDO request");
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(object_of(kept.transactions[0]), "object|1|4120|1");
  EXPECT_EQ(kept.transactions[3].access, Access::ConfigWrite);
  EXPECT_EQ(kept.transactions[4].status.outcome, Outcome::Failed);
  EXPECT_EQ(kept.transactions[4].status.name, "object does not exist");
  EXPECT_EQ(kept.fact(Fact::VendorId), "EtherCAT 2");
  EXPECT_EQ(kept.fact(Fact::Model), "EL10");
  EXPECT_EQ(kept.evidence_.at(0).slot, 1001);
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(EtherCat, KnowsOtherMailboxes) {
  Conversation flow = talk();
  flow.client(frame(datagram("05 01 e903 0010", mailbox("14", "0200 01020304 61707000"))));
  flow.client(frame(datagram("05 02 e903 0010", mailbox("25", "0340 0080 0100"))));
  flow.client(frame(datagram("04 03 e903 8010", mailbox("33", "0010 3081 11 0000000000"))));
  flow.client(frame(datagram("04 04 e903 8010", mailbox("40", "0100 0200"))));
  flow.client(frame(datagram("05 05 e903 0010", mailbox("52", "0001 0010 ffffffffffff"))));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 5U);
  EXPECT_EQ(kept.transactions[0].access, Access::Firmware);
  EXPECT_EQ(object_of(kept.transactions[0]), "file|app|0|0");
  EXPECT_EQ(kept.transactions[1].operation.name, "SoE write request");
  EXPECT_EQ(object_of(kept.transactions[1]), "P||0|1");
  EXPECT_EQ(kept.transactions[2].access, Access::Alarm);
  EXPECT_EQ(kept.transactions[3].status.name, "mailbox error");
  EXPECT_EQ(kept.transactions[4].operation.name, "EoE fragment");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(EtherCat, ReadsAdsInMailboxes) {
  Conversation flow = talk();
  flow.client(frame(datagram(
      "05 01 e903 0010",
      mailbox("11", "0a0000020301 0310 0a0000010101 1027 0400 0400 00000000 00000000 01000000"))));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "read state");
}

TEST(EtherCat, TellsSlavesByTheirEeprom) {
  Conversation flow = talk();
  flow.client(frame(datagram("05 01 e903 0205", "0001 08000000", 1)));
  flow.client(frame(datagram("04 01 e903 0805", "02000000 52307203", 1)));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.fact(Fact::VendorId), "EtherCAT 2");
  EXPECT_EQ(kept.fact(Fact::OrderCode), "57815122");
}

TEST(EtherCat, ReadsNetworkVariables) {
  Conversation flow = talk();
  flow.client(frame("020000000000 0100 0500 0000 0700 0000 0200 0000 0102", 4));
  Kept& kept = flow.done();
  EXPECT_EQ(object_of(kept.transactions.at(0)), "variable||7|1");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(EtherCat, NamesWhatIsWrong) {
  Conversation flow = talk();
  flow.client(frame(datagram("20 01 0000 0000", "00")));
  flow.client(frame("04 01 e903 3001 ff07 0000 00 0000"));
  flow.client(frame("00", 7)).client(frame(datagram("05 01 e903 2001", "0700", 0)));
  flow.client(bytes_of("00"));
  Kept& kept = flow.done();
  const std::vector<std::string> expected = {
      "command that does not exist", "shorter than its length says",
      "frame type that does not exist", "state that does not exist", "shorter than its header"};
  EXPECT_EQ(kept.issues, expected);
}

Match match(const base::ByteVec& bytes, Transport transport) {
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbeEtherCat, FillsItsLength) {
  const base::ByteVec good = frame(datagram("04 02 e903 3001", "0800", 1));
  EXPECT_EQ(match(good, Transport::Link), Match::Yes);
  EXPECT_EQ(match(good, Transport::Udp), Match::Yes);
  base::ByteVec more = good;
  more.push_back(0);
  EXPECT_EQ(match(more, Transport::Link), Match::Yes) << "padding";
  EXPECT_EQ(match(more, Transport::Udp), Match::No);
  EXPECT_EQ(match(frame("20 02 e903 3001 0000 0000 0000"), Transport::Udp), Match::No);
}

}  // namespace
}  // namespace dissect::ethercat
