#include "dissect/described/expression.h"

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dissect/described/checksum.h"
#include "dissect/described/source.h"
#include "dissect/described/syntax.h"

namespace dissect::described {
namespace {

class Letters final : public Expression::Scope, public Values {
 public:
  // a is 1, b is 2 ...
  base::Result<Name> find(std::string_view name) override {
    if (name.size() != 1) return base::fail(base::Code::NotFound, "name");
    return Name{Name::Kind::Slot, static_cast<std::uint16_t>(name[0] - 'a' + 1)};
  }
  std::int64_t value_of(Name name) const override { return name.slot; }
};

struct Case {
  std::string_view text;
  std::int64_t value;
};

TEST(Expression, IsReadAsInC) {
  static constexpr Case kCases[] = {
      {"7", 7},
      {"0x1F", 31},
      {"a + b * c", 7},
      {"(a + b) * c", 9},
      {"10 - 3 - 2", 5},
      {"-a + ~0", -2},
      {"!a || !0 && b > 1", 1},
      {"a == 1 && b != 2", 0},
      {"1 << 4 | 3 & 6 ^ 1", 19},
      {"d << 1 + 1", 16},
      {"7 / 2 + 7 % 4", 6},
      {"7 / 0", 0},
      {"(1 << 63) / -1", INT64_MIN},
      {"(1 << 63) % -1", 0},
      {"1 << 64", 0},
      {"-1 >> 60", 15},
      {"a <= 1", 1},
      {"a >= 2", 0},
      {"0xffffffffffffffff == -1", 1},
      {"- - 3", 3},
  };
  Letters letters;
  for (const Case& one : kCases) {
    const auto parsed = Expression::parse(one.text, letters);
    ASSERT_TRUE(parsed.has_value()) << one.text << ": " << parsed.error().detail;
    EXPECT_EQ(parsed->evaluate(letters), one.value) << one.text;
  }
}

TEST(Expression, RefusesTheRest) {
  Letters letters;
  for (const std::string_view text : {"", "a b", "1 +", "+", "(a", "a)", "0x", "12x", "aa",
                                      "a ? b : c", "a = 1", "18446744073709551616"})
    EXPECT_FALSE(Expression::parse(text, letters).has_value()) << text;
  EXPECT_FALSE(Expression::parse(fmt::format("{:(>500}{:)<500}", "", "1"), letters).has_value());
  EXPECT_FALSE(Expression::parse(fmt::format("{:->500}", "1"), letters).has_value());
  std::string sum = "1";
  for (int i = 0; i < 200; ++i)
    sum += "+1";
  EXPECT_FALSE(Expression::parse(sum, letters).has_value());
  std::string right = "1";
  for (int i = 0; i < 20; ++i)
    right = fmt::format("1+({})", right);
  EXPECT_FALSE(Expression::parse(right, letters).has_value());
}

TEST(Expression, KnowsItsConstants) {
  Letters letters;
  EXPECT_EQ(Expression::parse("2 * 3", letters)->constant(), 6);
  EXPECT_FALSE(Expression::parse("2 * a", letters)->constant().has_value());
}

// Of "123456789", as catalogues of CRCs give it.
TEST(Checksum, IsTheOneOfItsName) {
  const base::ByteView check = base::as_bytes("123456789");
  const std::pair<std::string_view, std::uint32_t> kKnown[] = {
      {"sum8", 0xdd},          {"xor8", 0x31},           {"sum16", 0x1dd},
      {"crc16-arc", 0xbb3d},   {"crc16-modbus", 0x4b37}, {"crc16-xmodem", 0x31c3},
      {"crc16-ccitt", 0x29b1}, {"crc16-x25", 0x906e},    {"crc16-dnp", 0xea82},
      {"crc32", 0xcbf43926}};
  for (const auto& [name, value] : kKnown) {
    const auto kind = checksum_named(name);
    ASSERT_TRUE(kind.has_value()) << name;
    EXPECT_EQ(checksum(*kind, check), value) << name;
  }
  EXPECT_FALSE(checksum_named("crc17").has_value());
}

TEST(Source, FindsLines) {
  constexpr std::string_view kText =
      "{\n \"a\": [1, {\"b\\\"c\": \"]}\",\n  \"d\": [\n   true,\n   {\"e\": null}]}],\n \"f\": "
      "-1\n}";
  EXPECT_EQ(line_of(kText, {}), 1U);
  EXPECT_EQ(line_of(kText, {"a"}), 2U);
  EXPECT_EQ(line_of(kText, {"a", "1", "d"}), 3U);
  EXPECT_EQ(line_of(kText, {"a", "1", "d", "0"}), 4U);
  EXPECT_EQ(line_of(kText, {"a", "1", "d", "1", "e"}), 5U);
  EXPECT_EQ(line_of(kText, {"f"}), 6U);
  EXPECT_EQ(line_of(kText, {"a", "1", "none"}), 2U) << "the nearest above it";
}

TEST(Syntax, SaysHowFarItIsJson) {
  for (const std::string_view good :
       {"{}", " [1, -2.5e+3, \"\\u00e4\\\"\", true, null] ", "{\"a\": {\"b\": []}}"})
    EXPECT_EQ(json_until(good), good.size()) << good;
  EXPECT_EQ(json_until("{\"a\" 1}"), 5U);
  EXPECT_EQ(json_until("[1, 2"), 5U);
  EXPECT_EQ(json_until("[1,]"), 3U);
  EXPECT_EQ(json_until("{\"a\n\"}"), 3U);
  EXPECT_EQ(json_until(""), 0U);
  EXPECT_LT(json_until(std::string(100, '[')), 100U);
}

}  // namespace
}  // namespace dissect::described
