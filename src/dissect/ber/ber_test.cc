#include "dissect/ber/ber.h"

#include <cmath>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "dissect/ber/cut.h"
#include "dissect/testing.h"

namespace dissect::ber {
namespace {

using dissect::testing::bytes_of;

TEST(Elements, GivesOneAfterTheOther) {
  const base::ByteVec bytes = bytes_of("02 01 05  a3 03 04 01 ff  80 00");
  Elements elements(bytes);
  ASSERT_TRUE(elements.next());
  EXPECT_TRUE(elements.here().universal(kInteger));
  EXPECT_EQ(integer(elements.here().value), 5);
  ASSERT_TRUE(elements.next());
  EXPECT_TRUE(elements.here().context(3));
  EXPECT_TRUE(elements.here().constructed);
  EXPECT_EQ(elements.here().whole.size(), 5U);
  const auto inner = first(elements.here().value);
  ASSERT_TRUE(inner);
  EXPECT_TRUE(inner->universal(kOctetString));
  ASSERT_TRUE(elements.next());
  EXPECT_TRUE(elements.here().context(0));
  EXPECT_TRUE(elements.here().value.empty());
  EXPECT_FALSE(elements.next());
  EXPECT_TRUE(elements.ok());
}

TEST(Elements, ReadsHighTagsAndLongLengths) {
  base::ByteVec bytes = bytes_of("bf 81 48 81 80");
  bytes.resize(5 + 128, 0x11);
  Elements elements(bytes);
  ASSERT_TRUE(elements.next());
  EXPECT_TRUE(elements.here().context(200));
  EXPECT_EQ(elements.here().value.size(), 128U);
  EXPECT_TRUE(elements.ok());
}

TEST(Elements, ReadsIndefiniteLengthsInsideEachOther) {
  const base::ByteVec bytes = bytes_of("30 80 a0 80 02 01 07 00 00 04 01 00 00 00  05 00");
  Elements elements(bytes);
  ASSERT_TRUE(elements.next());
  EXPECT_TRUE(elements.here().universal(kSequence));
  EXPECT_EQ(elements.here().value.size(), 10U);
  EXPECT_EQ(elements.here().whole.size(), 14U);
  Elements inner(elements.here().value);
  ASSERT_TRUE(inner.next());
  EXPECT_EQ(inner.here().value.size(), 3U);
  ASSERT_TRUE(inner.next());
  EXPECT_TRUE(inner.here().universal(kOctetString));
  ASSERT_TRUE(elements.next());
  EXPECT_TRUE(elements.here().universal(kNull));
}

struct Broken {
  std::string_view hex;
  bool truncated;
};

TEST(Elements, TellsTruncatedFromMalformed) {
  static constexpr Broken kCases[] = {
      {"02", true},                                 // no length
      {"02 02 05", true},                           // shorter than declared
      {"02 82 01", true},                           // half a length
      {"30 80 02 01 05", true},                     // no end mark
      {"1f 81", true},                              // half a tag
      {"04 80 00 00", false},                       // primitive, and without a length
      {"04 89 01 01 01 01 01 01 01 01 01", false},  // a length of nine bytes
      {"04 85 01 00 00 00 00", false},              // 4 gigabytes
      {"bf ff ff ff ff 01 00", false},              // a tag of more than 28 bits
  };
  for (const Broken& one : kCases) {
    const base::ByteVec bytes = bytes_of(one.hex);
    Elements elements(bytes);
    EXPECT_FALSE(elements.next()) << one.hex;
    EXPECT_FALSE(elements.ok()) << one.hex;
    EXPECT_EQ(elements.truncated(), one.truncated) << one.hex;
    EXPECT_FALSE(elements.next()) << one.hex;
  }
}

TEST(Elements, RefusesIndefiniteLengthsThatAreTooDeep) {
  base::ByteVec bytes;
  for (int i = 0; i < kMaxDepth + 1; ++i) {
    bytes.push_back(0x30);
    bytes.push_back(0x80);
  }
  bytes.resize(bytes.size() + 4 * static_cast<std::size_t>(kMaxDepth), 0);
  Elements elements(bytes);
  EXPECT_FALSE(elements.next());
  EXPECT_FALSE(elements.truncated());
}

TEST(FirstOfCut, GivesWhatIsThere) {
  const base::ByteVec bytes = bytes_of("30 82 01 00  02 01 05 04");
  EXPECT_FALSE(first(bytes));
  const auto cut = first_of_cut(bytes);
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->universal(kSequence));
  EXPECT_EQ(cut->value.size(), 4U);
  EXPECT_EQ(cut->whole.size(), bytes.size());
  const auto whole = first_of_cut(bytes_of("02 01 05 04"));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->whole.size(), 3U);
  const auto empty = first_of_cut(bytes_of("04 05"));
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->value.empty());
  EXPECT_FALSE(first_of_cut(bytes_of("30 82 01")));
  EXPECT_FALSE(first_of_cut(bytes_of("30 80 02 01 05 00 00")));
  EXPECT_FALSE(first_of_cut({}));
}

TEST(SizeOfFirst, CutsAStream) {
  EXPECT_EQ(size_of_first(bytes_of("30 03")).bytes, 5U);
  EXPECT_EQ(size_of_first(bytes_of("30 82 01 00 00")).bytes, 260U);
  EXPECT_EQ(size_of_first(bytes_of("30")).kind, Size::Kind::Short);
  EXPECT_EQ(size_of_first(bytes_of("30 82 01")).kind, Size::Kind::Short);
  EXPECT_EQ(size_of_first(bytes_of("30 80 00 00")).kind, Size::Kind::Malformed);
}

TEST(Integer, HasASign) {
  EXPECT_EQ(integer(bytes_of("00")), 0);
  EXPECT_EQ(integer(bytes_of("ff")), -1);
  EXPECT_EQ(integer(bytes_of("00 80")), 128);
  EXPECT_EQ(integer(bytes_of("80 00 00 00 00 00 00 00")), INT64_MIN);
  EXPECT_FALSE(integer({}));
  EXPECT_FALSE(integer(bytes_of("00 11 22 33 44 55 66 77 88")));
}

TEST(Natural, HasNone) {
  EXPECT_EQ(natural(bytes_of("ff")), 255U);
  EXPECT_EQ(natural(bytes_of("00 ff ff ff ff ff ff ff ff")), UINT64_MAX);
  EXPECT_FALSE(natural(bytes_of("01 ff ff ff ff ff ff ff ff")));
  EXPECT_FALSE(natural({}));
}

TEST(Boolean, IsOneByte) {
  EXPECT_EQ(boolean(bytes_of("00")), false);
  EXPECT_EQ(boolean(bytes_of("01")), true);
  EXPECT_FALSE(boolean(bytes_of("01 00")));
}

TEST(Real, ReadsItsForms) {
  EXPECT_EQ(real({}), 0.0);
  EXPECT_EQ(real(bytes_of("80 00 05")), 5.0);           // 5 * 2^0
  EXPECT_EQ(real(bytes_of("c0 ff 05")), -2.5);          // -5 * 2^-1
  EXPECT_EQ(real(bytes_of("a0 01 03")), 48.0);          // 3 * 16^1
  EXPECT_EQ(real(bytes_of("84 00 03")), 6.0);           // scaled by 2^1
  EXPECT_EQ(real(bytes_of("03 31 35 45 2d 31")), 1.5);  // "15E-1"
  EXPECT_TRUE(std::isinf(*real(bytes_of("41"))));
  EXPECT_TRUE(std::isnan(*real(bytes_of("42"))));
  EXPECT_FALSE(real(bytes_of("83 7f")));
  EXPECT_FALSE(real(bytes_of("03 78")));
}

TEST(Oid, IsWrittenWithDots) {
  EXPECT_EQ(oid(bytes_of("2b 06 01 02 01")), "1.3.6.1.2.1");
  EXPECT_EQ(oid(bytes_of("88 37 03")), "2.999.3");
  EXPECT_EQ(oid(bytes_of("28 ca 22 02 03")), "1.0.9506.2.3");
  EXPECT_EQ(oid(bytes_of("2b 86")), "");
  EXPECT_EQ(oid(base::ByteVec(65, 1)), "");
  EXPECT_EQ(oid({}), "");
  EXPECT_TRUE(oid_is(bytes_of("2b 06"), bytes_of("2b 06")));
  EXPECT_FALSE(oid_is(bytes_of("2b 06"), bytes_of("2b 07")));
}

TEST(BitString, CountsFromTheFirst) {
  const base::ByteVec bytes = bytes_of("03 a8");
  const auto value = bits(bytes);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->count, 5U);
  EXPECT_TRUE(value->at(0));
  EXPECT_FALSE(value->at(1));
  EXPECT_TRUE(value->at(4));
  EXPECT_FALSE(value->at(5));
  EXPECT_FALSE(bits(bytes_of("08 a8")));
  EXPECT_FALSE(bits(bytes_of("01")));
  EXPECT_FALSE(bits({}));
}

}  // namespace
}  // namespace dissect::ber
