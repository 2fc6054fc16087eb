#include "dissect/ptp/ptp.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::ptp {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// A header of that type, length and control, from clock 001d9cfffec7b070, port 1, domain 3.
std::string header(std::string_view type, std::string_view length, std::string_view control,
                   std::string_view sequence = "0007") {
  return std::string(type) + " 02 " + std::string(length) +
         " 03 00 0200 0000000000010000 00000000 001d9cfffec7b070 0001 " + std::string(sequence) +
         std::string(control) + " 7f ";
}
constexpr std::string_view kTime = "000065000001 00000010";

Conversation talk() {
  return Conversation(kProtocol, 319, Transport::Udp);
}

TEST(Ptp, DelaysAreAnswered) {
  Conversation flow = talk();
  flow.client(bytes_of(header("01", "002c", "01") + std::string(kTime)));
  flow.server(bytes_of(header("09", "0036", "03") + std::string(kTime) + "001d9cfffec7b071 0002"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "Delay_Req");
  EXPECT_EQ(one.unit, 3U);
  EXPECT_EQ(one.objects.at(0), (NamedObject{"clock", "001d9cfffec7b070", 1, 1}));
  EXPECT_EQ(one.status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.detail("version"), "2");
  EXPECT_EQ(kept.detail("sequence_id"), "7");
  EXPECT_EQ(kept.detail("origin_seconds"), "1694498817");
  EXPECT_EQ(kept.detail("origin_nanoseconds"), "16");
  EXPECT_EQ(kept.detail("requesting_port"), "2");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Ptp, AnnouncesNameTheGrandmaster) {
  Conversation flow = talk();
  flow.client(bytes_of(header("0b", "004c", "05") + std::string(kTime) +
                       "0025 00 80 06 21 4e5d 81 0080e1fffe000001 0001 20"
                       "0008 0008 0080e1fffe000001"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "Announce");
  EXPECT_EQ(kept.transactions[0].kind, Kind::OneWay);
  EXPECT_EQ(kept.transactions[0].objects.at(1),
            (NamedObject{"grandmaster", "0080e1fffe000001", 6, 1}));
  EXPECT_EQ(kept.detail("grandmaster_priority1"), "128");
  EXPECT_EQ(kept.detail("grandmaster_variance"), "20061");
  EXPECT_EQ(kept.detail("time_source"), "32");
  EXPECT_EQ(kept.detail("path_clock"), std::to_string(0x0080e1fffe000001ULL));
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Ptp, ClocksDescribeThemselves) {
  const std::string target = "ffffffffffffffff ffff 01 01 ";
  Conversation flow = talk();
  flow.client(bytes_of(header("0d", "0036", "04") + target + "00 00 0001 0002 0001"));
  // Clock of type 8000, on "IEEE", "Acme;T1;S9", "1;2.3;4", "gm;roof".
  flow.server(bytes_of(header("0d", "006e", "04") + target +
                       "02 00 0001 003a 0001"
                       "8000 04 49454545 0006 001d9cc7b070 0001 0004 c0000202 001d9c 00"
                       "0a 41636d653b54313b5339 07 313b322e333b34 07 676d3b726f6f66"
                       "000000000000 00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].access, Access::Discovery);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "get");
  EXPECT_EQ(kept.transactions[0].objects.at(1),
            (NamedObject{"management", "clock description", 1, 1}));
  EXPECT_EQ(kept.fact(Fact::Vendor), "Acme");
  EXPECT_EQ(kept.fact(Fact::Model), "T1");
  EXPECT_EQ(kept.fact(Fact::Serial), "S9");
  EXPECT_EQ(kept.fact(Fact::Firmware), "2.3");
  EXPECT_EQ(kept.fact(Fact::Name), "gm");
  EXPECT_EQ(kept.fact(Fact::Location), "roof");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Ptp, ManagementChanges) {
  const std::string target = "ffffffffffffffff ffff 01 01 ";
  struct Case {
    std::string_view rest;
    Access access;
  };
  static constexpr Case kCases[] = {
      {"01 00 0001 0004 2005 80 00", Access::ConfigWrite},
      {"03 00 0001 0004 0005 0000", Access::Reset},
      {"00 00 0001 0002 2000 0000", Access::ConfigRead},
  };
  for (const Case& one : kCases) {
    Conversation flow = talk();
    flow.client(bytes_of(header("0d", "0038", "04") + target + std::string(one.rest)));
    flow.server(bytes_of(header("0d", "0038", "04") + target + "02 00 0002 0004 0005 2005"));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U);
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.rest;
    EXPECT_EQ(kept.transactions[0].status.name, "not settable");
  }
}

TEST(Ptp, UnicastIsNegotiated) {
  Conversation flow = talk();
  flow.client(
      bytes_of(header("0c", "0036", "05") + "ffffffffffffffff ffff 0004 0006 b0 01 0000012c"));
  Kept& kept = flow.done();
  EXPECT_EQ(kept.transactions.at(0).sub_operation.name, "request unicast transmission");
  EXPECT_EQ(kept.transactions.at(0).access, Access::Session);
  EXPECT_EQ(kept.detail("unicast_type"), "11");
  EXPECT_EQ(kept.detail("unicast_duration"), "300");
}

TEST(Ptp, HeadersOfVersionOneAreRead) {
  Conversation flow = talk();
  flow.client(
      bytes_of("0001 0001 5f44464c54000000 0000000000000000 01 01 001d9cc7b070 0001 0009"
               "00 00 0000 00000000 00"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "Sync");
  EXPECT_EQ(kept.transactions[0].objects.at(0).name, "001d9cc7b070");
  EXPECT_EQ(kept.detail("subdomain"), "_DFLT");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Ptp, NamesWhatIsWrong) {
  struct Case {
    std::string bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"00 02 002c", "shorter than its header"},
      {"0001 0001 5f44464c54", "shorter than its header"},
      {header("00", "0020", "00") + std::string(kTime), "length that is too small"},
      {header("00", "0040", "00") + std::string(kTime), "shorter than its length"},
      {header("00", "002c", "00") + "000065000001 ffffffff", "time with too many nanoseconds"},
      {header("05", "0030", "05") + "0000000000000000000000000000",
       "message type that does not exist"},
      {header("0b", "0040", "05") + std::string(kTime) +
           "0025 00 80 06 21 4e5d 81 0080e1fffe000001 0000 20",
       "grandmaster is another clock"},
      {header("0c", "0032", "05") + "ffffffffffffffff ffff 0004 0002 b0 01",
       "extension ends within a field"},
      {header("0c", "0032", "05") + "ffffffffffffffff ffff 0004 0009 b0 01", "ends within a field"},
      {header("0d", "0030", "04") + "ffffffffffffffff ffff 01 01 07 00",
       "action that does not exist"},
  };
  for (const Case& one : cases) {
    Conversation flow = talk();
    flow.client(bytes_of(one.bytes));
    Kept& kept = flow.done();
    ASSERT_FALSE(kept.issues.empty()) << one.issue;
    EXPECT_EQ(kept.issues[0], one.issue);
  }
}

Match match(const std::string& hex, Transport transport = Transport::Udp) {
  const base::ByteVec bytes = bytes_of(hex);
  FlowInfo flow;
  flow.transport = transport;
  return kProtocol.probe({flow, Side::A, bytes, {}});
}

TEST(ProbePtp, NeedsItsHeader) {
  const std::string sync = header("00", "002c", "00") + std::string(kTime);
  EXPECT_EQ(match(sync), Match::Yes);
  EXPECT_EQ(match(sync + "0000"), Match::Yes);
  EXPECT_EQ(match(sync + "00000000"), Match::No);
  EXPECT_EQ(match(sync + "00000000", Transport::Link), Match::Yes);
  EXPECT_EQ(match(header("00", "002c", "04") + std::string(kTime)), Match::No);
  EXPECT_EQ(match(header("05", "0030", "05") + "0000000000000000000000000000"), Match::No);
  EXPECT_EQ(match("00 02 002c"), Match::No);
}

}  // namespace
}  // namespace dissect::ptp
