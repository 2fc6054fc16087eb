#include "dissect/zigbee/zigbee.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::zigbee {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// Data, short addresses, one network: PAN 1a62, from b7e4 to 0000, sequence 5.
constexpr std::string_view kData = "6188 05 621a 0000 e4b7";
// ZigBee network data from b7e4 to 0000.
constexpr std::string_view kNetwork = "0800 0000 e4b7 1e 09";
// Application data to endpoint 1, cluster 0006, profile 0104, from endpoint 2, counter 7.
constexpr std::string_view kApplication = "00 01 0600 0401 02 07";

Conversation talk() {
  return Conversation(kProtocol, 0, Transport::Link);
}

std::string join(std::string_view a, std::string_view b, std::string_view c, std::string_view d) {
  return std::string(a) + std::string(b) + std::string(c) + std::string(d);
}

TEST(Zigbee, AttributesAreRead) {
  Conversation flow = talk();
  flow.client(bytes_of(join(kData, kNetwork, kApplication, "00 11 00 0000")));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.operation.name, "read attributes");
  EXPECT_EQ(one.access, Access::Read);
  EXPECT_EQ(one.unit, 0x1a62U);
  ASSERT_EQ(one.objects.size(), 6U);
  EXPECT_EQ(one.objects[0], (NamedObject{"source", "b7e4", 0, 0}));
  EXPECT_EQ(one.objects[1], (NamedObject{"destination", "0000", 0, 0}));
  EXPECT_EQ(one.objects[4], (NamedObject{"cluster", "", 6, 1}));
  EXPECT_EQ(one.objects[5], (NamedObject{"profile", "", 0x104, 1}));
  EXPECT_EQ(kept.detail("nwk_radius"), "30");
  EXPECT_EQ(kept.detail("aps_counter"), "7");
  EXPECT_EQ(kept.detail("zcl_sequence"), "17");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Zigbee, KnowsWhatFramesDo) {
  struct Case {
    std::string bytes;
    std::string_view name;
    Access access;
  };
  const Case cases[] = {
      {join(kData, kNetwork, kApplication, "01 11 01"), "cluster command", Access::Write},
      {join(kData, kNetwork, kApplication, "00 11 02 0000"), "write attributes", Access::Write},
      {join(kData, kNetwork, "00 01 1900 0401 02 07", "01 11 02"), "cluster command",
       Access::Firmware},
      {join(kData, kNetwork, "00 00 1300 0000 00 07", "01"), "device announcement",
       Access::Discovery},
      {join(kData, kNetwork, "00 00 3600 0000 00 07", "01"), "permit joining request",
       Access::ConfigWrite},
      {join(kData, kNetwork, "02 01 0600 0401 02 07", ""), "application acknowledgement",
       Access::None},
      {join(kData, "0900 fcff e4b7 1e 09", "01", "00"), "route request", Access::Session},
      {join("0308 01 ffff ffff 07", "", "", ""), "beacon request", Access::Discovery},
      // Encrypted: key 1, counter 2, source, sequence 0.
      {join(kData, "0802 0000 e4b7 1e 09", "28 02000000 0807060504030201 00", "aabbccdd"),
       "network data", Access::None},
  };
  for (const Case& one : cases) {
    Conversation flow = talk();
    flow.client(bytes_of(one.bytes));
    Kept& kept = flow.done();
    ASSERT_EQ(kept.transactions.size(), 1U) << one.name;
    EXPECT_EQ(kept.transactions[0].operation.name, one.name);
    EXPECT_EQ(kept.transactions[0].access, one.access) << one.name;
    EXPECT_TRUE(kept.issues.empty()) << one.name << ": " << kept.issues[0];
  }
}

TEST(Zigbee, BeaconsNameTheNetwork) {
  Conversation flow = talk();
  flow.client(bytes_of("0080 07 621a 0000 ffcf 00 00 00 2284 0807060504030201 ffffff 03"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "beacon");
  EXPECT_EQ(kept.transactions[0].objects.at(1), (NamedObject{"network", "0102030405060708", 0, 0}));
  EXPECT_EQ(kept.detail("association_permitted"), "1");
  EXPECT_EQ(kept.detail("stack_profile"), "2");
  EXPECT_EQ(kept.detail("update_id"), "3");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Zigbee, AcknowledgementsAreNoTransactions) {
  Conversation flow = talk();
  flow.client(bytes_of("0200 05"));
  Kept& kept = flow.done();
  EXPECT_TRUE(kept.transactions.empty());
  EXPECT_EQ(kept.detail("sequence"), "5");
}

// Extended addresses without network identifiers, no sequence, elements.
TEST(Zigbee, FramesOf2015AreRead) {
  Conversation flow = talk();
  flow.client(bytes_of("41ef 0807060504030201 1817161514131211 803f 01020304"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].objects.at(0).name, "1112131415161718");
  EXPECT_EQ(kept.transactions[0].objects.at(1).name, "0102030405060708");
  EXPECT_FALSE(kept.transactions[0].unit);
  EXPECT_EQ(kept.detail("header_element"), "127");
  EXPECT_EQ(kept.detail("payload").size(), 4U);
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Zigbee, NamesWhatIsWrong) {
  struct Case {
    std::string bytes;
    std::string_view issue;
  };
  const Case cases[] = {
      {"6188 05 62", "shorter than its header"},
      {"0500 01", "frame of a kind that is not read"},
      {"0304 01 ffff 07", "address of a reserved kind"},
      {"0308 01 ffff ffff", "command without a number"},
      {"0080 07 621a 0000 ffcf 07", "beacon ends within its header"},
      {join(kData, "0804 0000 e4b7 1e 09 05 00", "", ""), "network frame ends within its header"},
      {join(kData, kNetwork, "00 01 06", ""), "application frame ends within its header"},
      {join(kData, kNetwork, kApplication, "00 11"), "cluster frame ends within its header"},
      {join(kData, kNetwork, "01 07 05", ""), "key is sent in the clear"},
  };
  for (const Case& one : cases) {
    Conversation flow = talk();
    flow.client(bytes_of(one.bytes));
    Kept& kept = flow.done();
    ASSERT_FALSE(kept.issues.empty()) << one.issue;
    EXPECT_EQ(kept.issues[0], one.issue);
  }
}

TEST(ProbeZigbee, NeedsItsHeader) {
  const FlowInfo flow;
  const base::ByteVec good = bytes_of(kData);
  const base::ByteVec bad = bytes_of("0704 05 621a");
  EXPECT_EQ(kProtocol.probe({flow, Side::A, good, {}}), Match::Likely);
  EXPECT_EQ(kProtocol.probe({flow, Side::A, bad, {}}), Match::No);
}

}  // namespace
}  // namespace dissect::zigbee
