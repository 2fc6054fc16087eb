#include "sigma/correlator.h"

#include <gtest/gtest.h>

#include "sigma/correlator_testing.h"

namespace sigma {
namespace {

using tests::correlation;
using tests::Course;
using tests::kStart;
using tests::Memo;
using tests::seconds;

TEST(Correlator, CountsEventsOfAGroupWithinItsTime) {
  Course course(correlation("many",
                            "{type: event_count, rules: a, group-by: [User, DeviceId], "
                            "timespan: 1m, condition: {gte: 3}}"));
  const Course::Fields root = {{"User", "root"}, {"DeviceId", "d"}};
  const Course::Fields other = {{"User", "other"}, {"DeviceId", "d"}};
  EXPECT_TRUE(course.hit("a", 0, root).empty());
  EXPECT_TRUE(course.hit("a", 10, other).empty());
  EXPECT_TRUE(course.hit("a", 20, root).empty());
  EXPECT_TRUE(course.hit("a", 30, {{"User", "root"}}).empty()) << "of no device: of no group";
  // The first is out of the window by a second.
  EXPECT_TRUE(course.hit("a", 61, root).empty());
  const auto fired = course.hit("a", 80, root);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].correlation->title, "many");
  EXPECT_EQ(fired[0].first, kStart + seconds(20));
  EXPECT_EQ(fired[0].last, kStart + seconds(80));
  EXPECT_EQ(fired[0].events, 3);
  EXPECT_EQ(fired[0].value, 3);
  EXPECT_EQ(fired[0].group, (std::vector<std::pair<std::string, std::string>>{{"User", "root"},
                                                                              {"DeviceId", "d"}}));
  ASSERT_EQ(fired[0].keepsakes.size(), 3U);
  EXPECT_EQ(dynamic_cast<const Memo&>(*fired[0].keepsakes[0]).number(), 20);
  // What it stood on is used up.
  EXPECT_TRUE(course.hit("a", 81, root).empty());
  EXPECT_TRUE(course.hit("a", 82, root).empty());
  EXPECT_EQ(course.hit("a", 83, root).size(), 1U);
}

TEST(Correlator, AggregatedEventsCountAsManyAsTheyStandFor) {
  Course course(
      correlation("many", "{type: event_count, rules: [a, b], timespan: 1m, condition: {gt: 5}}"));
  EXPECT_TRUE(course.hit("a", 0, {}, 0, 4).empty());
  const auto fired = course.hit("b", 1, {}, 1, 2);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].events, 6);
}

// What each type says of a short course of events: who hits when, and with which value.
TEST(Correlator, EveryTypeAndCondition) {
  struct Hit {
    const char* rule;
    int at;
    const char* value;
  };
  struct Case {
    const char* correlation;
    std::vector<Hit> hits;
    int fires_at;  // number of the hit that makes it speak; -1: when its time is over; -2: never
    double value;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"{type: event_count, rules: a, timespan: 10s, condition: {gte: 2}}",
            {{"a", 0, ""}, {"a", 10, ""}},
            1,
            2},
           {"{type: event_count, rules: a, timespan: 10s, condition: {gte: 2}}",
            {{"a", 0, ""}, {"a", 11, ""}},
            -2,
            0},
           {"{type: event_count, rules: a, timespan: 10s, condition: {gt: 1, lte: 3}}",
            {{"a", 0, ""}, {"a", 1, ""}},
            -1,
            2},
           {"{type: event_count, rules: a, timespan: 10s, condition: {gt: 1, lte: 3}}",
            {{"a", 0, ""}, {"a", 1, ""}, {"a", 2, ""}, {"a", 3, ""}},
            -2,
            0},
           {"{type: event_count, rules: a, timespan: 10s, condition: {eq: 2}}",
            {{"a", 0, ""}, {"a", 1, ""}},
            -1,
            2},
           {"{type: event_count, rules: a, timespan: 10s, condition: {neq: 2}}",
            {{"a", 0, ""}, {"a", 1, ""}},
            -2,
            0},
           {"{type: event_count, rules: a, timespan: 10s, condition: {lt: 2}}",
            {{"a", 0, ""}},
            -1,
            1},
           {"{type: value_count, rules: a, timespan: 10s, condition: {field: Image, gte: 2}}",
            {{"a", 0, "x"}, {"a", 1, "x"}, {"a", 2, "y"}},
            2,
            2},
           {"{type: value_count, rules: a, timespan: 10s, condition: {field: [Image, User], gte: "
            "2}}",
            {{"a", 0, "x"}, {"a", 1, "x"}, {"a", 2, "x"}},
            -2,
            0},
           {"{type: temporal, rules: [a, b], timespan: 10s}",
            {{"b", 0, ""}, {"b", 1, ""}, {"a", 10, ""}},
            2,
            2},
           {"{type: temporal, rules: [a, b], timespan: 10s}", {{"b", 0, ""}, {"a", 11, ""}}, -2, 0},
           {"{type: temporal, rules: [a, b, c], timespan: 10s, condition: {gte: 2}}",
            {{"b", 0, ""}, {"b", 1, ""}, {"c", 2, ""}},
            2,
            2},
           {"{type: temporal_ordered, rules: [a, b, c], timespan: 10s}",
            {{"a", 0, ""}, {"c", 1, ""}, {"b", 2, ""}, {"a", 3, ""}, {"c", 4, ""}},
            4,
            3},
           {"{type: temporal_ordered, rules: [a, b], timespan: 10s}",
            {{"b", 0, ""}, {"a", 1, ""}},
            -2,
            0},
           {"{type: temporal_ordered, rules: [a, b], timespan: 10s}",
            {{"a", 0, ""}, {"a", 5, ""}, {"b", 12, ""}},
            2,
            2},
           {"{type: value_sum, rules: a, timespan: 10s, condition: {field: ProcessId, gt: 9.5}}",
            {{"a", 0, "5"}, {"a", 1, "4.5"}, {"a", 2, "x"}, {"a", 3, "1"}},
            3,
            10.5},
           {"{type: value_avg, rules: a, timespan: 10s, condition: {field: ProcessId, gte: 3}}",
            {{"a", 0, "1"}, {"a", 1, "2"}, {"a", 2, "6"}},
            -1,
            3},
           {"{type: value_avg, rules: a, timespan: 10s, condition: {field: ProcessId, gt: 3}}",
            {{"a", 0, "9"}, {"a", 1, "-9"}},
            -2,
            0},
           {"{type: value_percentile, rules: a, timespan: 10s, "
            "condition: {field: ProcessId, percentile: 50, gte: 5}}",
            {{"a", 0, "1"}, {"a", 1, "5"}, {"a", 2, "100"}},
            -1,
            5},
           {"{type: value_percentile, rules: a, timespan: 10s, condition: {field: Image, lte: 25}}",
            {{"a", 0, "x"}, {"a", 1, "x"}, {"a", 2, "x"}, {"a", 3, "y"}},
            3,
            25}}) {
    Course course(correlation("it", test.correlation));
    ASSERT_TRUE(course.unlinked().empty())
        << test.correlation << course.unlinked()[0].problem.message;
    int fired_at = -2;
    std::vector<Firing> fired;
    int at = 0;
    for (const Hit& hit : test.hits) {
      auto now = course.hit(hit.rule, hit.at,
                            {{"Image", hit.value}, {"ProcessId", hit.value}, {"User", "u"}});
      if (!now.empty()) fired_at = at;
      fired.insert(fired.end(), now.begin(), now.end());
      ++at;
    }
    auto later = course.pass(10'000);
    if (!later.empty()) fired_at = -1;
    fired.insert(fired.end(), later.begin(), later.end());
    EXPECT_EQ(fired_at, test.fires_at) << test.correlation;
    if (test.fires_at == -2) continue;
    ASSERT_EQ(fired.size(), 1U) << test.correlation;
    EXPECT_DOUBLE_EQ(fired[0].value, test.value) << test.correlation;
  }
}

TEST(Correlator, EventsMayComeLate) {
  Course course(
      correlation("many", "{type: event_count, rules: a, timespan: 1m, condition: {gte: 3}}"));
  EXPECT_TRUE(course.hit("a", 100, {}).empty());
  EXPECT_TRUE(course.hit("a", 130, {}).empty());
  const auto fired = course.hit("a", 80, {}, 131);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].first, kStart + seconds(80));
  EXPECT_EQ(fired[0].last, kStart + seconds(130));
  EXPECT_TRUE(course.hit("a", 1000, {}).empty());
  EXPECT_TRUE(course.hit("a", 1, {}, 1001).empty());
  EXPECT_EQ(course.correlator().counters().late, 1U);
}

TEST(Correlator, AClockThatIsAheadDoesNotSpoilAGroup) {
  Course course(
      correlation("many", "{type: event_count, rules: a, timespan: 1m, condition: {gte: 3}}"));
  EXPECT_TRUE(course.hit("a", 300'000'000, {}, 0).empty());
  EXPECT_TRUE(course.hit("a", 290, {}).empty());
  EXPECT_EQ(course.hit("a", 291, {}).size(), 1U) << "taken as five minutes after its receipt";
}

TEST(Correlator, CorrelationsOfCorrelations) {
  // Many failures of one kind, then a success by the same user from anywhere.
  Course course(
      correlation("broke_in",
                  "{type: temporal_ordered, rules: [guessing, b], group-by: User, timespan: 1h}") +
      correlation("guessing",
                  "{type: event_count, rules: a, group-by: [DeviceId, who], timespan: 5m, "
                  "aliases: {who: {a: ParentUser}}, condition: {gte: 3}}"));
  ASSERT_TRUE(course.unlinked().empty()) << course.unlinked()[0].problem.message;
  const Course::Fields bad = {{"User", "root"}, {"ParentUser", "x"}, {"DeviceId", "d"}};
  EXPECT_TRUE(course.hit("b", 0, {{"User", "root"}}).empty());
  EXPECT_TRUE(course.hit("a", 1, bad).empty());
  EXPECT_TRUE(course.hit("a", 2, bad).empty());
  const auto guessing = course.hit("a", 3, bad);
  ASSERT_EQ(guessing.size(), 1U);
  EXPECT_EQ(guessing[0].group[1], (std::pair<std::string, std::string>{"who", "x"}));
  EXPECT_TRUE(course.hit("b", 10, {{"User", "other"}}).empty());
  const auto broke_in = course.hit("b", 20, {{"User", "root"}});
  ASSERT_EQ(broke_in.size(), 1U);
  EXPECT_EQ(broke_in[0].correlation->name, "broke_in");
  EXPECT_EQ(broke_in[0].first, kStart + seconds(3));
  EXPECT_EQ(broke_in[0].keepsakes.size(), 2U);
}

TEST(Correlator, WhatIsJudgedLaterPassesOnItsLastEvent) {
  Course course(
      correlation(
          "few",
          "{type: event_count, rules: a, group-by: DeviceId, timespan: 10s, condition: {lte: 2}}") +
      correlation(
          "users",
          "{type: value_count, rules: few, timespan: 1h, condition: {field: User, gte: 2}}"));
  ASSERT_TRUE(course.unlinked().empty()) << course.unlinked()[0].problem.message;
  course.hit("a", 0, {{"DeviceId", "1"}, {"User", "u"}});
  course.hit("a", 1, {{"DeviceId", "2"}, {"User", "v"}});
  const auto fired = course.pass(1000);
  ASSERT_EQ(fired.size(), 3U);
  EXPECT_EQ(fired[2].correlation->name, "users");
}

TEST(Correlator, SaysWhichCorrelationsCannotBe) {
  struct Case {
    const char* under;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"{type: event_count, rules: aa, timespan: 1m, condition: {gte: 3}}",
            "expected the id or the name of a rule that is in force, found 'aa'"},
           {"{type: event_count, rules: it, timespan: 1m, condition: {gte: 3}}",
            "'it' is a correlation that is not in force"},
           {"{type: event_count, rules: a, group-by: Usr, timespan: 1m, condition: {gte: 3}}",
            "of rule 'a': expected a field of ProcessCreate or ExtraDetails.<name>, found 'Usr' "
            "(did "
            "you mean 'User'?)"},
           {"{type: value_count, rules: a, timespan: 1m, condition: {field: Imag, gte: 3}}",
            "found 'Imag' (did you mean 'Image'?)"},
           {"{type: event_count, rules: [a, b], group-by: w, aliases: {w: {a: User}}, timespan: "
            "1m, "
            "condition: {gte: 3}}",
            "of rule 'b': expected a field of ProcessCreate"}}) {
    Course course(correlation("it", test.under));
    ASSERT_EQ(course.unlinked().size(), 1U) << test.under;
    const Problem& problem = course.unlinked()[0].problem;
    EXPECT_NE(problem.message.find(test.message), std::string::npos) << problem.message;
    EXPECT_EQ(problem.line, 4) << problem.message;
    EXPECT_TRUE(course.correlator().correlations().empty());
  }
  Course course(
      correlation("it", "{type: event_count, rules: a, timespan: 1m, condition: {gte: 3}}") +
      "vedette: {entity: [User]}\n");
  ASSERT_EQ(course.unlinked().size(), 1U);
  EXPECT_NE(course.unlinked()[0].problem.message.find("fields of 'group-by' in 'vedette.entity'"),
            std::string::npos);
}

}  // namespace
}  // namespace sigma
