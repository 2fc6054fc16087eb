#include "hub/api/time_interval.h"

#include <array>

#include <gtest/gtest.h>

namespace hub::api {
namespace {

using base::Code;

const base::WallTime kNow = base::parse_rfc3339("2026-05-06T12:00:00Z")->utc;

TEST(TimeInterval, ReadsWhatClientsWrite) {
  struct Case {
    const char* text;
    const char* from;
    const char* to;
  };
  constexpr std::array kCases{
      Case{"P1D", "2026-05-05T12:00:00.0000000Z", "2026-05-06T12:00:00.0000000Z"},
      Case{" PT30M ", "2026-05-06T11:30:00.0000000Z", "2026-05-06T12:00:00.0000000Z"},
      Case{"2026-01-01T00:00:00.000Z/2026-01-02T03:04:05.678Z", "2026-01-01T00:00:00.0000000Z",
           "2026-01-02T03:04:05.6780000Z"},
      Case{"2026-01-01/P2D", "2026-01-01T00:00:00.0000000Z", "2026-01-03T00:00:00.0000000Z"},
      Case{"PT1H/2026-01-01T00:00:00Z", "2025-12-31T23:00:00.0000000Z",
           "2026-01-01T00:00:00.0000000Z"},
      Case{"2026-01-01T02:00:00+02:00/2026-01-01T00:00:00Z", "2026-01-01T00:00:00.0000000Z",
           "2026-01-01T00:00:00.0000000Z"},
      Case{"0001-01-01/9999-12-31", "0001-01-01T00:00:00.0000000Z", "9999-12-31T00:00:00.0000000Z"},
      Case{"P100000D/0001-01-01", "0001-01-01T00:00:00.0000000Z", "0001-01-01T00:00:00.0000000Z"},
  };
  for (const Case& each : kCases) {
    const auto range = parse_time_interval(each.text, kNow);
    ASSERT_TRUE(range) << each.text << ": " << range.error().to_string();
    EXPECT_EQ(kql::format_datetime(range->from), each.from) << each.text;
    EXPECT_EQ(kql::format_datetime(range->to), each.to) << each.text;
  }
}

TEST(TimeInterval, RefusesTheRestAndSaysWhy) {
  struct Case {
    std::string text;
    Code code;
  };
  const std::array cases{
      Case{"", Code::Malformed},
      Case{"/", Code::Malformed},
      Case{"yesterday", Code::Malformed},
      Case{"2026-01-01", Code::Malformed},
      Case{"P1D/P1D", Code::Malformed},
      Case{"2026-01-01/", Code::Malformed},
      Case{"/2026-01-01", Code::Malformed},
      Case{"2026-01-01/2026-01-02/P1D", Code::Malformed},
      Case{"2026-13-01/P1D", Code::Malformed},
      Case{"P", Code::Malformed},
      Case{"P1M", Code::Unsupported},
      Case{"2026-01-02/2026-01-01", Code::Invalid},
      Case{"P1D/" + std::string(200, '2'), Code::Malformed},
  };
  for (const Case& each : cases) {
    const auto range = parse_time_interval(each.text, kNow);
    ASSERT_FALSE(range) << each.text;
    EXPECT_EQ(range.error().code, each.code) << each.text;
    EXPECT_STRNE(range.error().what, "") << each.text;
  }
}

}  // namespace
}  // namespace hub::api
