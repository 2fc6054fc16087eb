#include "dissect/sv/sv.h"

#include <gtest/gtest.h>

#include "dissect/testing.h"

namespace dissect::sv {
namespace {

using testing::bytes_of;
using testing::Conversation;
using testing::Kept;

TEST(SampledValues, AreTold) {
  Conversation flow(kProtocol, 0, Transport::Link);
  flow.client(bytes_of(
      "4000 002f 0000 0000 60 25 80 01 01 a2 20 30 1e 80 03 4d5531 82 02 0064 83 04 00000002"
      "85 01 01 87 0a 00000010 00000000 0000"));
  Kept& kept = flow.done();
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].unit, 0x4000U);
  ASSERT_EQ(kept.transactions[0].objects.size(), 1U);
  EXPECT_EQ(kept.transactions[0].objects[0], (NamedObject{"stream", "MU1", 2, 1}));
  EXPECT_EQ(kept.detail("sample_count"), "100");
  EXPECT_EQ(kept.detail("asdu_count"), "1");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(SampledValues, ShowValuesWithQuality) {
  Conversation flow(kProtocol, 0, Transport::Link);
  flow.client(
      bytes_of("4000 0026 8000 0000 60 1c 80 01 01 a2 17 30 15 80 03 4d5531 82 02 0064"
               "87 0a fffffffe 00000001"));
  EXPECT_FALSE(flow.done().issues.empty());
  Conversation good(kProtocol, 0, Transport::Link);
  good.client(
      bytes_of("4000 0024 8000 0000 60 1a 80 01 01 a2 15 30 13 80 03 4d5531 82 02 0064"
               "87 08 fffffffe 00000001"));
  Kept& kept = good.done();
  EXPECT_EQ(kept.detail("value"), "-2.000000");
  EXPECT_EQ(kept.detail("quality"), "1");
  EXPECT_EQ(kept.transactions.at(0).sub_operation.name, "simulation");
  EXPECT_TRUE(kept.issues.empty()) << kept.issues[0];
}

TEST(SampledValues, NamesWhatIsWrong) {
  Conversation flow(kProtocol, 0, Transport::Link);
  flow.client(bytes_of("4000 000a 0000 0000 61 00"));
  EXPECT_EQ(flow.done().issues.at(0), "no sampled values");
  Conversation other(kProtocol, 0, Transport::Link);
  other.client(bytes_of("4000 0013 0000 0000 60 09 80 01 01 a2 04 30 02 80 00"));
  EXPECT_EQ(other.done().issues.at(0), "without a field that must be there");
}

}  // namespace
}  // namespace dissect::sv
