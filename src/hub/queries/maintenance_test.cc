#include "hub/queries/maintenance.h"

#include <gtest/gtest.h>

namespace hub::queries {
namespace {

TEST(Maintenance, IsWhatTheTagSays) {
  struct Case {
    const char* tags;
    bool now;
    const char* ended;
  };
  const base::WallTime now = base::parse_rfc3339("2026-03-02T12:00:00Z")->utc;
  for (const Case& each : std::initializer_list<Case>{
           {"{}", false, ""},
           {R"({"Maintenance":true})", true, ""},
           {R"({"Maintenance":false})", false, ""},
           {R"({"Maintenance":"2026-03-02T12:00:01Z"})", true, ""},
           {R"({"Maintenance":"2026-03-02T14:00:00+01:00"})", true, ""},
           {R"({"Maintenance":"2026-03-02T12:00:00Z"})", false, "2026-03-02T12:00:00Z"},
           {R"({"Maintenance":"soon"})", false, ""},
           {R"({"Maintenance":1})", false, ""},
           {R"({"maintenance":true})", false, ""},
           {R"([])", false, ""}}) {
    const auto tags = base::json::parse(each.tags);
    ASSERT_TRUE(tags);
    const Maintenance found = maintenance(*tags, now);
    EXPECT_EQ(found.now, each.now) << each.tags;
    EXPECT_EQ(found.ended == base::WallTime{} ? "" : base::format_rfc3339(found.ended, 0),
              each.ended)
        << each.tags;
  }
}

}  // namespace
}  // namespace hub::queries
