#include "cli/size.h"

#include <gtest/gtest.h>

namespace cli {
namespace {

TEST(Size, IsWrittenWithThreeDigits) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(1'000), "0.98 KiB");
  EXPECT_EQ(size_text(1'024), "1.00 KiB");
  EXPECT_EQ(size_text(10'240), "10.0 KiB");
  EXPECT_EQ(size_text(1'048'575), "1.00 MiB");
  EXPECT_EQ(size_text(std::int64_t{213} << 30U), "213 GiB");
  EXPECT_EQ(size_text(INT64_MAX), "8192 PiB");
}

TEST(Size, IsReadWithItsUnit) {
  EXPECT_EQ(parse_size("100"), 100U);
  EXPECT_EQ(parse_size("1.5 KiB"), 1'536U);
  EXPECT_EQ(parse_size(" 20GiB "), std::uint64_t{20} << 30U);
  EXPECT_EQ(parse_size("2kB"), 2'000U);
  for (const char* bad : {"", "GiB", "1 Gib", "-1", "1e40", "nan", "5000PiB", "1GiBx"})
    EXPECT_EQ(parse_size(bad), std::nullopt) << bad;
}

TEST(Age, IsWrittenInItsLargestUnit) {
  EXPECT_EQ(age_text(7'776'000), "90 d");
  EXPECT_EQ(age_text(129'600), "36 h");
  EXPECT_EQ(age_text(90), "90 s");
  EXPECT_EQ(age_text(0), "0 s");
}

}  // namespace
}  // namespace cli
