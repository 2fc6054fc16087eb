#include "journal/segment.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "journal/segment_testing.h"

namespace journal {
namespace {

TEST(SegmentName, ReadsWhatItWrites) {
  const SegmentId id{18'446'744'073'709'551'615ULL, 0xdeadbeef};
  EXPECT_EQ(segment_name(id), "18446744073709551615-deadbeef.seg");
  EXPECT_EQ(parse_segment_name(segment_name(id)), id);
  EXPECT_EQ(segment_name({1, 2}), "00000000000000000001-00000002.seg");
}

TEST(SegmentName, HasOneSpelling) {
  for (const char* name :
       {"", ".seg", "00000000000000000000-00000000.seg", "00000000000000000001-DEADBEEF.seg",
        "00000000000000000001-deadbee.seg", "+0000000000000000001-deadbeef.seg",
        "00000000000000000001-deadbeef.log", "99999999999999999999-deadbeef.seg"}) {
    EXPECT_FALSE(parse_segment_name(name)) << name;
  }
}

TEST(SegmentScanner, TakesNoRecordOfAnotherSegment) {
  MemorySource source;
  append_segment_header({5, 1}, source.bytes);
  append_record({5, 1}, 5, base::as_bytes("ours"), source.bytes);
  append_record({5, 2}, 6, base::as_bytes("stale"), source.bytes);
  SegmentScanner scanner(source, {5, 1}, source.bytes.size(), 100);
  EXPECT_EQ(scanner.next().value()->sequence, 5U);
  EXPECT_FALSE(scanner.next().value());
  EXPECT_EQ(scanner.expected(), 6U);
}

TEST(SegmentScanner, RefusesSequencesThatDamageCannotExplain) {
  MemorySource source;
  append_segment_header({1, 7}, source.bytes);
  const std::size_t start = source.bytes.size();
  append_record({1, 7}, 1, base::as_bytes("gone"), source.bytes);
  append_record({1, 7}, 40, base::as_bytes("far"), source.bytes);
  append_record({1, 7}, 2, base::as_bytes("next"), source.bytes);
  source.bytes[start] ^= 1U;
  SegmentScanner scanner(source, {1, 7}, source.bytes.size(), 100);
  EXPECT_EQ(scanner.next().value()->sequence, 2U);
  EXPECT_EQ(scanner.damaged_bytes(), 2 * kRecordHeaderBytes + 7);
}

TEST(SegmentScanner, LimitsWhatAHostilePayloadCosts) {
  // A payload full of beginnings of records that claim to reach to its end.
  constexpr std::size_t kSize = 8U << 20U;
  MemorySource source;
  append_segment_header({1, 7}, source.bytes);
  base::ByteWriter payload;
  while (payload.size() < kSize) {
    payload.u32le(0);
    payload.u32le(static_cast<std::uint32_t>(kSize / 2));
    payload.u64le(1);
  }
  append_record({1, 7}, 1, payload.view(), source.bytes);
  source.bytes[kSegmentHeaderBytes] ^= 1U;
  SegmentScanner scanner(source, {1, 7}, source.bytes.size(), kSize);
  EXPECT_FALSE(scanner.next().value());
  EXPECT_LT(source.bytes_read, 4 * kMaxSearchBytes);
}

TEST(SegmentScanner, SurvivesASourceThatEndsEarly) {
  MemorySource source;
  append_segment_header({1, 7}, source.bytes);
  append_record({1, 7}, 1, base::as_bytes("whole"), source.bytes);
  append_record({1, 7}, 2, base::as_bytes("cut"), source.bytes);
  const std::size_t size = source.bytes.size();
  source.bytes.resize(size - 1);
  SegmentScanner scanner(source, {1, 7}, size, 100);
  EXPECT_EQ(scanner.next().value()->sequence, 1U);
  EXPECT_FALSE(scanner.next().value());
  EXPECT_FALSE(scanner.next().value());
}

}  // namespace
}  // namespace journal
