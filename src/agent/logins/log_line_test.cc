#include "agent/logins/log_line.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

namespace agent::logins {
namespace {

// The old form is in local time.
class LogLines : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC0", 1);
    ::tzset();
  }
  void TearDown() override {
    ::unsetenv("TZ");
    ::tzset();
  }
  static std::string time_of(std::string_view line, std::string_view now = "2026-11-22T21:00:00Z") {
    const auto read = read_log_line(line, base::parse_rfc3339(now)->utc);
    return read ? base::format_rfc3339(read->time) : "-";
  }
};

TEST_F(LogLines, TheOldForm) {
  const auto line = read_log_line("Nov  2 07:08:09 pump-7 sshd[12]: Accepted x: y",
                                  base::parse_rfc3339("2026-11-22T21:00:00Z")->utc);
  ASSERT_TRUE(line);
  EXPECT_EQ(base::format_rfc3339(line->time, 0), "2026-11-02T07:08:09Z");
  EXPECT_EQ(line->host, "pump-7");
  EXPECT_EQ(line->program, "sshd");
  EXPECT_EQ(line->pid, 12U);
  EXPECT_EQ(line->message, "Accepted x: y");
}

TEST_F(LogLines, BusyboxAndOthers) {
  const auto now = base::parse_rfc3339("2026-11-22T21:00:00Z")->utc;
  for (const char* text :
       {"Nov 22 07:08:09 host authpriv.notice su: text", "Nov 22 07:08:09 host su: text",
        "Nov 22 07:08:09 su: text", "<37>Nov 22 07:08:09 host su: text",
        "2026-11-22T07:08:09.000000+00:00 host su: text", "Nov 22 2026 07:08:09 host su: text",
        "Nov 22 07:08:09.123 host /bin/su: text"}) {
    const auto line = read_log_line(text, now);
    ASSERT_TRUE(line) << text;
    EXPECT_EQ(line->program, "su") << text;
    EXPECT_EQ(line->pid, 0U) << text;
    EXPECT_EQ(line->message, "text") << text;
    EXPECT_EQ(base::format_rfc3339(line->time, 0), "2026-11-22T07:08:09Z") << text;
  }
}

TEST_F(LogLines, TheYearIsTheLatestThatIsNotAhead) {
  EXPECT_EQ(time_of("Dec 31 23:59:59 h p: m", "2026-01-01T00:00:05Z"), "2025-12-31T23:59:59.000Z");
  EXPECT_EQ(time_of("Jan  1 00:00:01 h p: m", "2026-01-01T00:00:05Z"), "2026-01-01T00:00:01.000Z");
  EXPECT_EQ(time_of("Jan  1 00:00:01 h p: m", "2025-12-31T23:59:50Z"), "2026-01-01T00:00:01.000Z");
  EXPECT_EQ(time_of("Nov 24 00:00:00 h p: m", "2026-11-22T21:00:00Z"), "2025-11-24T00:00:00.000Z");
  EXPECT_EQ(time_of("Feb 29 12:00:00 h p: m", "2024-03-01T00:00:00Z"), "2024-02-29T12:00:00.000Z");
}

TEST_F(LogLines, TimesWithAnOffset) {
  EXPECT_EQ(time_of("2026-11-22T09:08:09.25+02:00 h p: m"), "2026-11-22T07:08:09.250Z");
}

TEST_F(LogLines, LocalTimeIsOfTheZone) {
  ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  ::tzset();
  EXPECT_EQ(time_of("Nov 22 07:00:00 h p: m"), "2026-11-22T06:00:00.000Z");
  EXPECT_EQ(time_of("Jul 22 07:00:00 h p: m"), "2026-07-22T05:00:00.000Z");
}

TEST_F(LogLines, RepeatsAreCounted) {
  const auto now = base::parse_rfc3339("2026-11-22T21:00:00Z")->utc;
  const auto line = read_log_line(
      "Nov 22 07:08:09 h sshd[5]: message repeated 3 times: [ Failed password for x]", now);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->repeats, 3U);
  EXPECT_EQ(line->message, "Failed password for x");
  const auto last = read_log_line("Nov 22 07:08:09 h last message repeated 2 times", now);
  ASSERT_TRUE(last);
  EXPECT_EQ(repeats_of_last(last->message), 2U);
  EXPECT_EQ(repeats_of_last("last message repeated 0 times"), std::nullopt);
  EXPECT_EQ(repeats_of_last("last message repeated 99999999 times"), std::nullopt);
}

TEST_F(LogLines, OtherTextIsNone) {
  for (const char* text :
       {"", " ", "Nov", "Nov 22", "Nov 22 07:08:09", "Nov 22 07:08:09 host",
        "Nov 22 07:08 host p: m", "Foo 22 07:08:09 host p: m", "Nov 32 07:08:09 host p: m",
        "Nov 22 27:08:09 host p: m", "2026-11-22T07:08:09 host p: m",
        "<99999>Nov 22 07:08:09 h p: m", "<", "<1>", "Nov 22 07:08:09 h p[x]: m",
        "Nov 22 07:08:09 h p[999999999]: m", "Nov 22 07:08:09 h [5]: m", "at 10 07:08:09 h p: m"}) {
    EXPECT_EQ(time_of(text), "-") << text;
  }
}

}  // namespace
}  // namespace agent::logins
