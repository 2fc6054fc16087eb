#include "base/text.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Base64, MatchesRfc4648) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : cases) {
    EXPECT_EQ(base64_encode(as_bytes(plain)), encoded);
    EXPECT_EQ(as_text(base64_decode(encoded).value()), plain);
  }
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  for (const char* text :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm=v", "Zg==Zg==", "Z*=="}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
}

TEST(Hex, RoundTripsAndRefuses) {
  EXPECT_EQ(hex_encode(ByteVec{0x00, 0xAF, 0xFF}), "00afff");
  EXPECT_EQ(hex_decode("00aFff").value(), (ByteVec{0x00, 0xAF, 0xFF}));
  EXPECT_FALSE(hex_decode("0"));
  EXPECT_EQ(hex_decode("000g").error().at, 2);
}

TEST(Percent, EncodesReservedAndDecodesLeniently) {
  EXPECT_EQ(percent_encode("a b/%24~\xC3\xA9"), "a%20b%2F%2524~%C3%A9");
  EXPECT_EQ(percent_decode("%24.ct%3dx%2"), "$.ct=x%2");
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("%zz%41"), "%zzA");
}

TEST(Utf8, KnowsShortestFormAndSurrogates) {
  EXPECT_TRUE(is_utf8("\xF0\x9F\x98\x80 \xE2\x82\xAC z"));
  for (const char* text : {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                           "\xE2\x82", "\xFF"}) {
    EXPECT_FALSE(is_utf8(text));
    EXPECT_TRUE(is_utf8(to_utf8(text)));
  }
  EXPECT_EQ(to_utf8("a\xFF"
                    "b"),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(ParseInt, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_int("-42"), -42);
  for (const char* text : {"", " 1", "1 ", "1.0", "0x1", "99999999999999999999"})
    EXPECT_FALSE(parse_int(text)) << text;
}

TEST(Nearest, SuggestsOnlyWhatIsClose) {
  constexpr std::string_view kKeys[] = {"max_bytes", "listen", "state"};
  EXPECT_EQ(nearest("max_byte", kKeys), "max_bytes");
  EXPECT_EQ(nearest("Listen", kKeys), "listen");
  EXPECT_EQ(nearest("certificate", kKeys), std::nullopt);
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(trim(" \t x y\n"), "x y");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_TRUE(equal_ignore_case("MqTT", "mqtt"));
  EXPECT_FALSE(equal_ignore_case("mqtt", "mqtts"));
}

}  // namespace
}  // namespace base
