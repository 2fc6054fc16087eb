#include "advisories/ranges.h"

#include <array>

#include <gtest/gtest.h>

namespace advisories {
namespace {

using Kind = RangeEvent::Kind;

std::string text_of(std::vector<RangeEvent> events) {
  auto intervals = intervals_of(Ordering::Dpkg, std::move(events));
  if (!intervals) return intervals.error().detail;
  return to_string(Ranges{std::move(*intervals), {}});
}

TEST(IntervalsOf, FollowsTheEventsByVersion) {
  EXPECT_EQ(text_of({{Kind::Introduced, "0"}, {Kind::Fixed, "1.4"}}), "<1.4");
  EXPECT_EQ(text_of({{Kind::Fixed, "1.4"}, {Kind::Introduced, "1.0"}}), ">=1.0 <1.4");
  EXPECT_EQ(text_of({{Kind::Introduced, "0"}}), "*");
  EXPECT_EQ(text_of({{Kind::Introduced, "1"}, {Kind::LastAffected, "2"}}), ">=1 <=2");
  EXPECT_EQ(text_of({{Kind::Introduced, "2"}, {Kind::Fixed, "1.4"}, {Kind::Introduced, "0"}}),
            "<1.4; >=2");
  EXPECT_EQ(text_of({{Kind::Introduced, "0"}, {Kind::Introduced, "1"}, {Kind::Fixed, "2"}}), "<2");
}

TEST(IntervalsOf, SaysNothingBeyondTheLimit) {
  EXPECT_EQ(text_of({{Kind::Introduced, "0"}, {Kind::Limit, "3"}}), "<<3");
  EXPECT_EQ(text_of({{Kind::Introduced, "0"}, {Kind::Fixed, "2"}, {Kind::Limit, "3"}}), "<2");
  EXPECT_EQ(text_of({{Kind::Introduced, "0"}, {Kind::Fixed, "4"}, {Kind::Limit, "3"}}), "<<3");
  EXPECT_EQ(text_of({{Kind::Introduced, "5"}, {Kind::Limit, "3"}}), "");
  EXPECT_EQ(text_of({{Kind::Introduced, "0"}, {Kind::Limit, "3"}, {Kind::Limit, "*"}}), "*");
}

TEST(IntervalsOf, RefusesWhatBeginsNowhere) {
  EXPECT_EQ(text_of({{Kind::Fixed, "1"}}), "nothing says where it begins");
  EXPECT_EQ(text_of({{Kind::Introduced, "a b"}}), "a b");
}

struct Case {
  const char* ranges;
  const char* version;
  bool affected;
  const char* fixed;
};

TEST(Match, FindsTheIntervalAndItsFix) {
  constexpr std::array<Case, 16> kCases{{{"<1.4", "1.3", true, "1.4"},
                                         {"<1.4", "1.4~rc1", true, "1.4"},
                                         {"<1.4", "1.4", false, ""},
                                         {"*", "99", true, ""},
                                         {">=1.0 <1.4", "0.9", false, ""},
                                         {">=1.0 <1.4", "1.0", true, "1.4"},
                                         {"<1.4; >=2.0 <2.2", "2.1", true, "2.2"},
                                         {"<1.4; >=2.0 <2.2", "1.9", false, ""},
                                         {">=1 <=2", "2", true, ""},
                                         {">=1 <=2", "2.0.1", false, ""},
                                         {"<<3", "2", true, ""},
                                         {"<<3", "3", false, ""},
                                         {"=3.1; =3.2", "3.2", true, ""},
                                         {"=3.1", "3.3", false, ""},
                                         {"=1.3; <1.4", "1.3", true, "1.4"},
                                         {"", "1", false, ""}}};
  for (const Case& each : kCases) {
    const Match found = match(Ordering::Dpkg, each.ranges, each.version);
    EXPECT_EQ(found.affected, each.affected) << each.ranges << " " << each.version;
    EXPECT_EQ(found.fixed, each.fixed) << each.ranges << " " << each.version;
  }
}

}  // namespace
}  // namespace advisories
