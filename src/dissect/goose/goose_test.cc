#include "dissect/goose/goose.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::goose {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

// gocbRef "A", 2000 ms, data set "B", id "C", a time, state 5, sequence 0, not simulated,
// revision 3.
constexpr std::string_view kStart =
    "80 01 41 81 02 07d0 82 01 42 83 01 43 84 08 5f000000 80000000 85 01 05 86 01 00 87 01 00"
    "88 01 03";

base::ByteVec goose(std::string_view rest, std::string_view start = kStart) {
  const base::ByteVec content = bytes_of(std::string(start) + std::string(rest));
  base::ByteVec all = bytes_of("3001 0000 0000 0000 61");
  all.push_back(static_cast<std::uint8_t>(content.size()));
  all.insert(all.end(), content.begin(), content.end());
  all[3] = static_cast<std::uint8_t>(all.size());
  return all;
}

Conversation talk() {
  return Conversation(kProtocol, 0, Transport::Link);
}

TEST(Goose, TellsThePublication) {
  Conversation flow = talk();
  flow.client(goose("89 01 00 8a 01 02 ab 08 83 01 01 87 05 08 3fc00000 00"));
  EXPECT_FALSE(flow.done().issues.empty());  // a byte too many, which is no value
  Conversation good = talk();
  good.client(goose("89 01 00 8a 01 02 ab 0a 83 01 01 87 05 08 3fc00000"));
  Kept& kept = good.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  const Transaction& one = kept.transactions[0];
  EXPECT_EQ(one.kind, Kind::OneWay);
  EXPECT_EQ(one.unit, 0x3001U);
  ASSERT_EQ(one.objects.size(), 3U);
  EXPECT_EQ(one.objects[0], (NamedObject{"control block", "A", 3, 1}));
  EXPECT_EQ(one.objects[1], (NamedObject{"data set", "B", 2, 1}));
  EXPECT_EQ(one.objects[2].name, "C");
  EXPECT_EQ(one.sub_operation.name, "");
  EXPECT_EQ(kept.detail("boolean"), "1");
  EXPECT_EQ(kept.detail("float"), "1.500000");
  EXPECT_EQ(kept.detail("state_number"), "5");
  EXPECT_EQ(kept.detail("time"), "1593835520.500000");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(Goose, SaysWhenItNeedsCommissioningOrIsSimulated) {
  Conversation flow = talk();
  flow.client(goose("89 01 ff 8a 01 00 ab 00"));
  EXPECT_EQ(flow.done().transactions.at(0).sub_operation.name, "needs commissioning");
  Conversation simulated = talk();
  base::ByteVec bytes = goose("89 01 00 8a 01 00 ab 00");
  bytes[4] = 0x80;
  simulated.client(bytes);
  EXPECT_EQ(simulated.done().transactions.at(0).sub_operation.name, "simulation");
}

TEST(Goose, NamesWhatIsWrong) {
  struct Wrong {
    base::ByteVec bytes;
    std::string_view issue;
  };
  const Wrong cases[] = {
      {bytes_of("3001 0008"), "shorter than its header"},
      {bytes_of("3001 0010 0000 0000 61 00"), "shorter than its length says"},
      {bytes_of("3001 000a 0000 0000 30 00"), "no GOOSE message"},
      {goose("8a 01 02 ab 03 83 01 01"), "another number of values than announced"},
      {goose("8a 01 01 ab 03 83 05 01"), "data that cannot be read"},
      {goose("8a 01 00 ab 00", "80 01 41"), "without a field that must be there"},
  };
  for (const Wrong& one : cases) {
    Conversation flow = talk();
    flow.client(one.bytes);
    Kept& kept = flow.done();
    ASSERT_FALSE(kept.issues.empty()) << one.issue;
    EXPECT_EQ(kept.issues[0], one.issue);
  }
}

TEST(Goose, BoundsTheLevelsOfData) {
  std::string nested;
  int size = 0;
  for (int i = 0; i < 24; ++i) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    const auto length = static_cast<std::size_t>(size);
    nested = std::string("a2") + kDigits[length >> 4U] + kDigits[length & 15U] + nested;
    size += 2;
  }
  Conversation flow = talk();
  flow.client(goose("8a 01 01 ab 30" + nested));
  ASSERT_FALSE(flow.done().issues.empty());
  EXPECT_EQ(flow.kept().issues[0], "data in more levels than are read");
}

}  // namespace
}  // namespace dissect::goose
