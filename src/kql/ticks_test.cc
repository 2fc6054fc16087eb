#include "kql/ticks.h"

#include <limits>

#include <gtest/gtest.h>

#include "kql/diagnostic.h"

namespace kql {
namespace {

TEST(Ticks, FormatsEveryTick) {
  EXPECT_EQ(format_datetime(0), "0001-01-01T00:00:00.0000000Z");
  EXPECT_EQ(format_datetime(kMaxDateTimeTicks), "9999-12-31T23:59:59.9999999Z");
  EXPECT_EQ(format_datetime(kUnixEpochTicks + 1), "1970-01-01T00:00:00.0000001Z");
  EXPECT_EQ(format_datetime(-1), "0000-12-31T23:59:59.9999999Z");
  // A number of ticks may come from a file: no year of the calendar, but no overflow either.
  EXPECT_EQ(format_datetime(std::numeric_limits<Ticks>::min()), "-29227-04-19T21:11:54.5224192Z");
  EXPECT_EQ(format_timespan(0), "00:00:00");
  EXPECT_EQ(format_timespan(-1), "-00:00:00.0000001");
  EXPECT_EQ(format_timespan(26 * kTicksPerHour + kTicksPerMillisecond), "1.02:00:00.0010000");
  EXPECT_EQ(format_timespan(INT64_MIN), "-10675199.02:48:05.4775808");
}

TEST(Ticks, RoundsWallTimeTowardThePast) {
  using namespace std::chrono;
  EXPECT_EQ(to_ticks(base::WallTime(nanoseconds(199))), kUnixEpochTicks + 1);
  EXPECT_EQ(to_ticks(base::WallTime(nanoseconds(-1))), kUnixEpochTicks - 1);
  EXPECT_EQ(to_wall_time(kUnixEpochTicks - 3), base::WallTime(nanoseconds(-300)));
  for (const Ticks far : {std::numeric_limits<Ticks>::min(), Ticks{0}}) {
    EXPECT_LT(to_wall_time(far), base::WallTime(-std::chrono::days(365 * 292)));
  }
  for (const Ticks far : {std::numeric_limits<Ticks>::max(), kMaxDateTimeTicks}) {
    EXPECT_GT(to_wall_time(far), base::WallTime(std::chrono::days(365 * 292)));
  }
}

TEST(Ticks, ReadsWhatItWrites) {
  for (const Ticks ticks : {Ticks{0}, Ticks{1}, kUnixEpochTicks + 1'234'567, kMaxDateTimeTicks}) {
    EXPECT_EQ(parse_datetime(format_datetime(ticks)), ticks);
  }
  for (const Ticks ticks : {Ticks{0}, Ticks{-1}, 26 * kTicksPerHour + 5, -3 * kTicksPerDay}) {
    EXPECT_EQ(parse_timespan(format_timespan(ticks)), ticks);
  }
}

TEST(Ticks, ReadsDatesAsPeopleWriteThem) {
  const Ticks day = *parse_datetime("2024-05-06");
  struct Case {
    std::string_view text;
    Ticks after;
  };
  for (const Case& each : {
           Case{"20240506", 0},
           Case{"2024/05/06", 0},
           Case{"5/6/2024", 0},
           Case{" 2024-05-06T07:08 ", 7 * kTicksPerHour + 8 * kTicksPerMinute},
           Case{"2024-05-06 07:08:09.5Z", 7 * kTicksPerHour + 8 * kTicksPerMinute +
                                              9 * kTicksPerSecond + 5 * kTicksPerSecond / 10},
           Case{"2024-05-06T02:00:00+02:00", 0},
           Case{"2024-05-05T22:00:00-0200", 0},
           Case{"Mon, 06 May 2024 00:00:00 GMT", 0},
           Case{"06 May 24 01:00", kTicksPerHour},
           Case{"Monday, 06-May-24 00:00:00 UTC", 0},
       }) {
    EXPECT_EQ(parse_datetime(each.text), day + each.after) << each.text;
  }
}

TEST(Ticks, RefusesWhatIsNoTime) {
  for (const std::string_view text :
       {"", "2024-13-01", "2024-02-30", "24:00", "2024-05-06T25:00", "2024-05-06T07:08x",
        "99999-01-01", "0000-01-01", "0001-01-01T00:00:00+01:00", "yesterday",
        "2024-05-06T07:08:09."}) {
    EXPECT_EQ(parse_datetime(text), std::nullopt) << text;
  }
  for (const std::string_view text :
       {"", "x", "1.25:00:00", "00:60", "1:2:3:4", "5 parsecs", "1e30d"}) {
    EXPECT_EQ(parse_timespan(text), std::nullopt) << text;
  }
}

TEST(Diagnostic, StandsBelowWhatItMeans) {
  const std::string_view query = "T\n|\twhere ü == x";
  const Diagnostic diagnostic{
      .offset = 16, .length = 1, .line = 2, .column = 14, .message = "no x"};
  EXPECT_EQ(render(diagnostic, query), "2:14: error: no x\n|\twhere ü == x\n \t           ^\n");
}

}  // namespace
}  // namespace kql
