#include "dissect/headers/headers.h"

#include <gtest/gtest.h>

namespace dissect::headers {
namespace {

TEST(Headers, AHeadEndsWithABlankLine) {
  EXPECT_EQ(end_of("a\r\nb\r\n\r\nc"), 8U);
  EXPECT_EQ(end_of("a\nb\n\nc"), 5U);
  EXPECT_EQ(end_of("a\r\nb\r\n\r"), std::nullopt);
  EXPECT_EQ(end_of(""), std::nullopt);
}

TEST(Headers, LinesLoseTheirEnds) {
  Lines lines("a\r\n\r\nb");
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.here(), "a");
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.here(), "");
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.here(), "b");
  EXPECT_FALSE(lines.next());
}

TEST(Headers, NamesAndValues) {
  struct Case {
    std::string_view line;
    std::string_view name;
    std::string_view value;
    bool good;
  };
  const Case cases[] = {
      {"Host: a", "Host", "a", true}, {"X:", "X", "", true},
      {"X :a", "X ", "a", false},     {"none", "none", "", false},
      {": a", "", "a", false},        {"X: a\x01", "X", "a\x01", false},
      {"X: \t a \t", "X", "a", true}, {" more", "", "more", true},
  };
  for (const Case& one : cases) {
    const Header header = header_of(one.line);
    EXPECT_EQ(header.name, one.name) << one.line;
    EXPECT_EQ(header.value, one.value) << one.line;
    EXPECT_EQ(header.good, one.good) << one.line;
  }
  EXPECT_TRUE(header_of("\tmore").folded);
  EXPECT_TRUE(is("content-LENGTH", "Content-Length"));
}

TEST(Headers, NumbersAreWhole) {
  EXPECT_EQ(number("120"), 120U);
  EXPECT_EQ(number(""), std::nullopt);
  EXPECT_EQ(number("-1"), std::nullopt);
  EXPECT_EQ(number("1 "), std::nullopt);
  EXPECT_EQ(number("1000000000000000000"), std::nullopt);
}

TEST(Headers, AgentsTellTheirSystem) {
  const System windows = system_of("Mozilla/5.0 (Windows NT 10.0; Win64; x64)");
  EXPECT_EQ(windows.name, "Windows");
  EXPECT_EQ(windows.version, "10.0");
  const System phone = system_of("Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X)");
  EXPECT_EQ(phone.name, "iOS");
  EXPECT_EQ(phone.version, "16_5");
  EXPECT_EQ(system_of("Mozilla/5.0 (Linux; Android 13; X)").name, "Android");
  EXPECT_EQ(system_of("curl/7.88").name, "");
}

}  // namespace
}  // namespace dissect::headers
