#include "sensor/packet/defragment.h"

#include <gtest/gtest.h>

#include "sensor/packet/testing.h"

namespace sensor::packet {

namespace {

using testing::text;

Fragment piece(std::uint32_t id, std::uint32_t offset, bool more, base::ByteView bytes) {
  Fragment one;
  one.id = id;
  one.protocol = 17;
  one.offset = offset;
  one.more = more;
  one.bytes = bytes;
  return one;
}

base::WallTime at(std::int64_t seconds) {
  return base::WallTime(std::chrono::seconds(seconds));
}

}  // namespace

TEST(Defragmenter, TakesTheFirstCopyOfWhatOverlaps) {
  Defragmenter fragments;
  const auto a = text("AAAAAAAAAAAAAAAA");
  const auto b = text("BBBBBBBBBBBBBBBB");
  EXPECT_FALSE(fragments.add(piece(1, 8, true, a), at(0)));
  EXPECT_FALSE(fragments.add(piece(1, 16, false, b), at(0)));
  const auto whole = fragments.add(piece(1, 0, true, b), at(0));
  ASSERT_TRUE(whole);
  EXPECT_EQ(base::as_text(*whole), "BBBBBBBBAAAAAAAAAAAAAAAABBBBBBBB");
  EXPECT_EQ(fragments.counts().of(FragmentCount::Overlaps), 2U);
  EXPECT_EQ(fragments.counts().of(FragmentCount::Conflicts), 2U);
}

TEST(Defragmenter, ExactCopiesAreNoConflict) {
  Defragmenter fragments;
  const auto a = text("AAAAAAAA");
  EXPECT_FALSE(fragments.add(piece(1, 0, true, a), at(0)));
  EXPECT_FALSE(fragments.add(piece(1, 0, true, a), at(0)));
  EXPECT_TRUE(fragments.add(piece(1, 8, false, a), at(0)));
  EXPECT_EQ(fragments.counts().of(FragmentCount::Overlaps), 1U);
  EXPECT_EQ(fragments.counts().of(FragmentCount::Conflicts), 0U);
}

TEST(Defragmenter, RefusesWhatCannotBe) {
  Defragmenter fragments;
  const auto odd = text("AAAAAAA");
  EXPECT_FALSE(fragments.add(piece(1, 0, true, odd), at(0)));
  EXPECT_FALSE(fragments.add(piece(1, 65528, false, text("AAAAAAAA")), at(0)));
  EXPECT_FALSE(fragments.add(piece(1, 0, false, {}), at(0)));
  EXPECT_EQ(fragments.counts().of(FragmentCount::Malformed), 3U);
}

TEST(Defragmenter, GivesUpWhatDoesNotBecomeWhole) {
  Defragmenter fragments;
  const auto a = text("AAAAAAAA");
  EXPECT_FALSE(fragments.add(piece(1, 0, true, a), at(0)));
  EXPECT_FALSE(fragments.add(piece(1, 8, false, a), at(60)));
  EXPECT_EQ(fragments.counts().of(FragmentCount::TimedOut), 1U);
  EXPECT_TRUE(fragments.add(piece(1, 0, true, a), at(60)));
}

TEST(Defragmenter, HoldsABoundedNumber) {
  Defragmenter fragments;
  const auto a = text("AAAAAAAA");
  for (std::uint32_t id = 0; id < 4000; ++id)
    EXPECT_FALSE(fragments.add(piece(id, 0, true, a), at(0)));
  EXPECT_GE(fragments.counts().of(FragmentCount::CrowdedOut), 4000 - Defragmenter::kSlots);
  // Holes beyond the bound end a datagram, too.
  Defragmenter holes;
  for (std::uint32_t i = 0; i <= Defragmenter::kRanges; ++i)
    EXPECT_FALSE(holes.add(piece(1, 8 + i * 16, true, a), at(0)));
  EXPECT_EQ(holes.counts().of(FragmentCount::CrowdedOut), 1U);
}

}  // namespace sensor::packet
