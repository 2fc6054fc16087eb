#include "dissect/text.h"

#include <gtest/gtest.h>

#include "dissect/address.h"
#include "dissect/testing.h"

namespace dissect {
namespace {

using testing::bytes_of;

TEST(Printable, KeepsTextAndEscapesTheRest) {
  EXPECT_EQ(printable(std::string_view(" 1756-ENBT/A  ")), "1756-ENBT/A");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a");
  EXPECT_EQ(printable(std::string_view("a\x01\x7f")), "a\\x01\\x7f");
  EXPECT_EQ(printable(std::string_view("Pr\xc3\xbc"
                                       "fstand")),
            "Pr\xc3\xbc"
            "fstand");
  EXPECT_EQ(printable(std::string_view("\xfc\xc3")), "\\xfc\\xc3");
  // Overlong, a surrogate, beyond the last code point, a C1 control.
  EXPECT_EQ(printable(std::string_view("\xc0\xaf")), "\\xc0\\xaf");
  EXPECT_EQ(printable(std::string_view("\xed\xa0\x80")), "\\xed\\xa0\\x80");
  EXPECT_EQ(printable(std::string_view("\xf4\x90\x80\x80")), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(printable(std::string_view("\xc2\x85")), "\\xc2\\x85");
  EXPECT_EQ(printable(std::string_view("abcdef"), 3), "abc");
  EXPECT_EQ(printable(std::string_view()), "");
}

TEST(Printable, ReadsUtf16) {
  EXPECT_EQ(printable_utf16le(bytes_of("41 00 e4 00 3d d8 00 de 00 00 42 00")),
            "A\xc3\xa4\xf0\x9f\x98\x80");
  EXPECT_EQ(printable_utf16be(bytes_of("00 41 20 ac d8 3d")), "A\xe2\x82\xac\xef\xbf\xbd");
  EXPECT_EQ(printable_utf16le(bytes_of("41")), "");
}

TEST(Hex, IsBounded) {
  EXPECT_EQ(hex(bytes_of("00 ff 1a")), "00ff1a");
  EXPECT_EQ(hex(bytes_of("00 ff 1a"), 2), "00ff");
}

TEST(Addresses, AsText) {
  EXPECT_EQ(IpAddress::of(bytes_of("c0 00 02 07")).text(), "192.0.2.7");
  EXPECT_EQ(IpAddress::of(bytes_of("20010db8000000000000000000000007")).text(), "2001:db8::7");
  EXPECT_EQ(IpAddress::of(bytes_of("00000000000000000000ffffc0000207")),
            IpAddress::of(bytes_of("c0000207")));
  EXPECT_TRUE(IpAddress::of(bytes_of("c0 00 02")).none());
  EXPECT_TRUE(IpAddress::of(bytes_of("e0 00 00 01")).group());
  EXPECT_TRUE(IpAddress::of(bytes_of("ff ff ff ff")).group());
  EXPECT_FALSE(IpAddress::of(bytes_of("c0 00 02 ff")).group());
  EXPECT_TRUE(IpAddress::of(bytes_of("ff020000000000000000000000000001")).group());
  EXPECT_EQ(MacAddress::of(bytes_of("00 1d 9c c7 b0 70")).text(), "00:1d:9c:c7:b0:70");
  EXPECT_TRUE(MacAddress::of(bytes_of("01 0e cf 00 00 00")).group());
  EXPECT_TRUE(MacAddress::of(bytes_of("02 00 00 00 00 01")).local());
  EXPECT_EQ(MacAddress().text(), "");
}

}  // namespace
}  // namespace dissect
