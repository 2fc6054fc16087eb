#include "base/time.h"

#include <gtest/gtest.h>

namespace base {
namespace {

using namespace std::chrono_literals;

std::int64_t nanos(std::string_view text) {
  const auto parsed = parse_rfc3339(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? parsed->utc.time_since_epoch().count() : -1;
}

TEST(ParseRfc3339, ReadsOffsetsAndFractions) {
  EXPECT_EQ(nanos("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(nanos("1970-01-01T00:00:00.000000001z"), 1);
  EXPECT_EQ(nanos("1970-01-01t01:00:00.5+01:00"), 500'000'000);
  EXPECT_EQ(nanos("1969-12-31T23:59:59.9999999999-00:00"), -1);
  EXPECT_EQ(nanos("2018-08-10T11:01:21.000+01:00"), nanos("2018-08-10T10:01:21Z"));
  EXPECT_EQ(nanos("2016-12-31T23:59:60Z"), nanos("2017-01-01T00:00:00Z"));
  EXPECT_EQ(parse_rfc3339("2020-02-29T00:00:00-03:30")->offset, -210min);
}

TEST(ParseRfc3339, RefusesWhatNamesNoMoment) {
  for (const char* text :
       {"", "2018-08-10", "2018-08-10T11:01:21", "2018-13-10T11:01:21Z", "2019-02-29T00:00:00Z",
        "2018-08-10T24:00:00Z", "2018-08-10T11:60:21Z", "2018-08-10T11:01:61Z",
        "2018-08-10 11:01:21Z", "2018-08-10T11:01:21.Z", "2018-08-10T11:01:21+1:00",
        "2018-08-10T11:01:21+24:00", "2018-08-10T11:01:21Zx", "1500-01-01T00:00:00Z",
        "2262-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(FormatRfc3339, WritesWhatParses) {
  const WallTime time(1533895281123456789ns);
  EXPECT_EQ(format_rfc3339(time), "2018-08-10T10:01:21.123Z");
  EXPECT_EQ(format_rfc3339(time, 0), "2018-08-10T10:01:21Z");
  EXPECT_EQ(format_rfc3339(time, -210min, 9), "2018-08-10T06:31:21.123456789-03:30");
  EXPECT_EQ(format_rfc3339(WallTime(-1ns), 9), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(format_rfc3339(WallTime::min(), 9), "1677-09-21T00:12:43.145224192Z");
  EXPECT_EQ(format_rfc3339(WallTime::min(), -24h, 0), "1677-09-20T00:12:43-24:00");
  EXPECT_EQ(format_rfc3339(WallTime::max(), 24h, 0), "2262-04-12T23:47:16+24:00");
}

TEST(ParseDuration, ReadsTheTwinsDurations) {
  EXPECT_EQ(parse_duration("PT7M").value(), 7min);
  EXPECT_EQ(parse_duration("PT13H").value(), 13h);
  EXPECT_EQ(parse_duration("P1DT1H1M1.5S").value(), 25h + 1min + 1500ms);
  EXPECT_EQ(parse_duration("P2W").value(), 336h);
  EXPECT_EQ(parse_duration("PT0.5H").value(), 30min);
  EXPECT_EQ(parse_duration("P1M").error().code, Code::Unsupported);
  for (const char* text : {"", "P", "PT", "P1", "PT1", "1D", "PT1D", "P1H", "PT1S1M", "PT1.S",
                           "PT-1S", "PT1Sx", "P99999999999W", "PT9000000000H"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(FormatDuration, WritesWhatParses) {
  for (const auto duration :
       {0ns, 1ns, std::chrono::nanoseconds(90s), std::chrono::nanoseconds(1500ms),
        std::chrono::nanoseconds(25h), std::chrono::nanoseconds(48h)}) {
    EXPECT_EQ(parse_duration(format_duration(duration)).value(), duration)
        << format_duration(duration);
  }
  EXPECT_EQ(format_duration(90min), "PT1H30M");
}

}  // namespace
}  // namespace base
