#include "schema/formats.h"

#include <gtest/gtest.h>

namespace schema {
namespace {

TEST(IsIpv4, TakesDottedDecimalOnly) {
  for (const char* good : {"0.0.0.0", "192.0.2.7", "255.255.255.255"})
    EXPECT_TRUE(is_ipv4(good)) << good;
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.04", "1..2.3",
                          "1.2.3.4 ", "0x1.2.3.4", "1.2.3.", ".1.2.3", "1.2.3.4444", "::1"}) {
    EXPECT_FALSE(is_ipv4(bad)) << bad;
  }
}

TEST(IsIpv6, TakesEveryTextFormOfRfc4291) {
  for (const char* good :
       {"::", "::1", "1::", "2001:DB8::7", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
        "1::3:4:5:6:7:8", "::ffff:192.0.2.1", "::192.0.2.1", "1:2:3:4:5:6:192.0.2.1",
        "1:2:3:4:5::192.0.2.1", "0000:0000:0000:0000:0000:ffff:255.255.255.255"}) {
    EXPECT_TRUE(is_ipv6(good)) << good;
  }
  for (const char* bad : {"",
                          ":",
                          ":::",
                          "1:",
                          ":1",
                          "1:2:3:4:5:6:7",
                          "1:2:3:4:5:6:7:8:9",
                          "1::2::3",
                          "12345::",
                          "g::",
                          "fe80::1%eth0",
                          "1:2:3:4:5:6:7:192.0.2.1",
                          "1:2:3:4:5:6::192.0.2.1",
                          "::192.0.2.256",
                          "::192.0.2.1:1",
                          "[::1]",
                          "::1 ",
                          "1:2:3:4:5:6:7:8::",
                          "192.0.2.1",
                          "0000:0000:0000:0000:0000:ffff:255.255.255.2550"}) {
    EXPECT_FALSE(is_ipv6(bad)) << bad;
  }
}

struct TimeCase {
  const char* text;
  const char* utc;  // nullptr: refused
  int offset_minutes = 0;
};

class ParseDateTime : public testing::TestWithParam<TimeCase> {};

TEST_P(ParseDateTime, JudgesAsAjvFormatsDoes) {
  const auto time = parse_date_time(GetParam().text);
  if (GetParam().utc == nullptr) {
    EXPECT_FALSE(time.has_value());
    return;
  }
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(base::format_rfc3339(time->utc, 9), GetParam().utc);
  EXPECT_EQ(time->offset.count(), GetParam().offset_minutes);
}

constexpr TimeCase kTimes[] = {
    {"2026-03-01T08:30:00Z", "2026-03-01T08:30:00.000000000Z"},
    {"2026-03-01 08:30:00z", "2026-03-01T08:30:00.000000000Z"},
    {"2026-03-01\xE2\x80\xA8"
     "08:30:00Z",
     "2026-03-01T08:30:00.000000000Z"},
    {"2026-03-01T09:30:00.250+01:00", "2026-03-01T08:30:00.250000000Z", 60},
    {"2026-03-01T09:30:00+0100", "2026-03-01T08:30:00.000000000Z", 60},
    {"2026-03-01T07:00:00-0130", "2026-03-01T08:30:00.000000000Z", -90},
    {"2026-03-01T09:30:00+01", "2026-03-01T08:30:00.000000000Z", 60},
    {"2026-03-01T08:30:00.1234567891Z", "2026-03-01T08:30:00.123456789Z"},
    {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000000Z"},
    {"2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000000000Z"},
    {"2027-01-01T00:59:60+01:00", "2027-01-01T00:00:00.000000000Z", 60},
    {"2026-03-01T24:59:00+01:00", "2026-03-01T23:59:00.000000000Z", 60},
    {"0001-01-01T00:00:00Z", "1677-09-23T00:12:44.000000000Z"},
    {"9999-12-31T23:59:59Z", "2262-04-09T23:47:16.000000000Z"},
    {"2026-02-29T00:00:00Z", nullptr},
    {"2026-13-01T00:00:00Z", nullptr},
    {"2026-03-00T00:00:00Z", nullptr},
    {"2026-03-01T24:00:00Z", nullptr},
    {"2026-03-01T08:60:00Z", nullptr},
    {"2026-03-01T08:30:60Z", nullptr},
    {"2026-03-01T08:30:59.99999999999999999999Z", nullptr},
    {"2026-03-01T08:30:00", nullptr},
    {"2026-03-01T08:30:00.Z", nullptr},
    {"2026-03-01T08:30:00+1", nullptr},
    {"2026-03-01T08:30:00+01:", nullptr},
    {"2026-03-01T08:30:00+24:00", nullptr},
    {"2026-03-01T08:30:00+01:000", nullptr},
    {"2026-03-01T08:30:00Z ", nullptr},
    {"2026-03-01  08:30:00Z", nullptr},
    {"2026-03-01\xE2\x80\x8B"
     "08:30:00Z",
     nullptr},
    {"2026-03-01\xE2\x80", nullptr},
    {"2026-03-01", nullptr},
    {"2026-03-01T", nullptr},
    {"20260301T083000Z", nullptr},
    {"", nullptr},
};
INSTANTIATE_TEST_SUITE_P(Table, ParseDateTime, testing::ValuesIn(kTimes));

TEST(CodePoints, CountsCharactersAndNotBytes) {
  EXPECT_EQ(code_points(""), 0U);
  EXPECT_EQ(code_points("aä€😀"), 4U);
}

}  // namespace
}  // namespace schema
