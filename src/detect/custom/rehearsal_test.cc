#include "detect/custom/rehearsal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace detect::custom {
namespace {

using std::chrono::seconds;
using testing::IsEmpty;
using testing::SizeIs;

base::WallTime at(int second) {
  return base::WallTime(seconds(1'800'000'000 + second));
}

struct Play {
  Rehearsal rehearsal;
  std::vector<Finding> findings;

  void rule(std::string_view json, int when = 0) {
    const auto added = rehearsal.add_rule(*base::json::parse(json), at(when));
    ASSERT_TRUE(added) << added.error().to_string();
  }
  void metric(std::string_view json, int when = 0) {
    const auto added =
        rehearsal.add_metric(*base::json::parse(json), {"d", "m", at(when)}, findings);
    ASSERT_TRUE(added) << added.error().to_string();
  }
  void clock(int when) { rehearsal.meet({"d", "m", at(when)}, findings); }
  std::vector<Finding> end() {
    rehearsal.finish(findings);
    return std::move(findings);
  }
};

TEST(Rehearsal, JudgesWhatAHubWouldHaveCounted) {
  struct Case {
    const char* metric;
    std::size_t raised;
  };
  for (const Case& each : {
           Case{R"({"metric":"C2D","protocol":"HTTP","count":0})", 1},
           Case{R"({"metric":"C2D","protocol":"HTTP","count":1})", 0},
           Case{R"({"metric":"C2D","protocol":"HTTP","count":5})", 0},
           Case{R"({"metric":"C2D","protocol":"HTTP","count":6})", 1},
           Case{R"({"type":"HttpC2DMessagesNotInAllowedRange","count":6})", 1},
           Case{R"({"metric":"C2D","protocol":"AMQP","count":0})", 0},
           Case{R"({"metric":"C2D","protocol":"AMQP","count":60})", 0},
           Case{R"({"metric":"D2C","protocol":"HTTP","count":60})", 0},
       }) {
    Play play;
    play.rule(R"({"metric":"C2D","protocol":"HTTP","min":1,"max":5,"window":"PT5M"})");
    play.metric(each.metric);
    EXPECT_THAT(play.end(), SizeIs(each.raised)) << each.metric;
  }
}

TEST(Rehearsal, SpreadsCountsOverTheirWindow) {
  Play play;
  play.rule(R"({"metric":"FileUploads","max":2,"window":"PT5M"})");
  play.metric(R"({"metric":"FileUploads","count":3,"window":"PT1H"})");
  EXPECT_THAT(play.end(), IsEmpty());
  Play many;
  many.rule(R"({"metric":"FileUploads","max":2,"window":"PT5M"})");
  many.metric(R"({"metric":"FileUploads","count":36,"window":"PT1H"})");
  EXPECT_THAT(many.end(), SizeIs(12)) << "three in each window";
}

TEST(Rehearsal, WaitsForWindowsAsLongAsTheInputGoes) {
  Play play;
  play.rule(R"({"type":"ActiveConnectionsNotInAllowedRange","min":1,"window":"PT5M"})");
  play.clock(0);
  play.clock(86'400);
  EXPECT_THAT(play.end(), SizeIs(288));
  Play partial;
  partial.rule(R"({"type":"ActiveConnectionsNotInAllowedRange","min":1,"window":"PT5M"})");
  partial.clock(0);
  partial.clock(299);
  EXPECT_THAT(partial.end(), IsEmpty());
  Play late;
  late.rule(R"({"type":"ActiveConnectionsNotInAllowedRange","min":1,"window":"PT5M"})");
  late.clock(200);
  late.clock(400);
  EXPECT_THAT(late.end(), IsEmpty()) << "neither window was whole";
}

TEST(Rehearsal, SaysWhatIsWrong) {
  Play play;
  for (const char* json : {R"({"metric":"X","count":1})", R"({"metric":"FileUploads"})",
                           R"({"metric":"FileUploads","count":-1})",
                           R"({"type":"ActiveConnectionsNotInAllowedRange","count":1})",
                           R"({"metric":"FileUploads","count":1,"window":"x"})"}) {
    EXPECT_FALSE(
        play.rehearsal.add_metric(*base::json::parse(json), {"d", "m", at(0)}, play.findings))
        << json;
  }
  EXPECT_FALSE(play.rehearsal.add_rule(*base::json::parse("{}"), at(0)));
}

}  // namespace
}  // namespace detect::custom
