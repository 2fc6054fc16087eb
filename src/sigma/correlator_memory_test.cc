// What correlations remember: how long, how much, through new rules and restarts.
#include <gtest/gtest.h>

#include "sigma/correlator_testing.h"

namespace sigma {
namespace {

using tests::correlation;
using tests::Course;
using tests::Memo;

TEST(Correlator, ForgetsWhatNothingCanBeAddedTo) {
  Course course(correlation(
      "many", "{type: event_count, rules: a, group-by: User, timespan: 1m, condition: {gte: 3}}"));
  for (int i = 0; i < 100; ++i)
    course.hit("a", i, {{"User", std::to_string(i)}});
  EXPECT_EQ(course.correlator().counters().groups, 100U);
  course.pass(400);
  EXPECT_LT(course.correlator().counters().groups, 100U);
  course.pass(10'000);
  EXPECT_EQ(course.correlator().counters().groups, 0U);
  EXPECT_EQ(course.correlator().counters().bytes, 0U);
  EXPECT_EQ(course.correlator().counters().evicted_groups, 0U);
}

TEST(Correlator, MemoryIsBounded) {
  Correlator::Options options;
  options.max_bytes = 100'000;
  Course course(
      correlation(
          "many",
          "{type: event_count, rules: a, group-by: User, timespan: 1h, condition: {gte: 3}}"),
      options);
  course.hit("a", 0, {{"User", "kept"}});
  for (int i = 0; i < 10'000; ++i) {
    course.hit("a", i / 10, {{"User", std::to_string(i)}});
    if (i == 50) course.hit("a", i / 10, {{"User", "kept"}});
    ASSERT_LE(course.correlator().counters().bytes, options.max_bytes);
  }
  const CorrelatorCounters counters = course.correlator().counters();
  EXPECT_GT(counters.groups, 50U);
  EXPECT_EQ(counters.groups + counters.evicted_groups, 10'001U);
  EXPECT_EQ(counters.evicted_entries, counters.evicted_groups + 1);
}

TEST(Correlator, AWindowIsBounded) {
  for (const char* condition :
       {"{type: event_count, rules: a, timespan: 1h, condition: {gte: 100000}}",
        "{type: value_count, rules: a, timespan: 1h, condition: {field: User, gte: 100000}}",
        "{type: temporal_ordered, rules: [a, b], timespan: 1h}"}) {
    Correlator::Options options;
    options.max_entries = 1000;
    Course course(correlation("it", condition), options);
    for (int i = 0; i < 20'000; ++i)
      course.hit("a", i / 10, {{"User", std::to_string(i)}});
    EXPECT_LT(course.correlator().counters().bytes, 500'000U) << condition;
  }
  // Events are counted all the same.
  Correlator::Options options;
  options.max_entries = 100;
  Course course(
      correlation("it", "{type: event_count, rules: a, timespan: 1h, condition: {gte: 5000}}"),
      options);
  std::size_t fired = 0;
  for (int i = 0; i < 5000; ++i)
    fired += course.hit("a", i / 10, {}).size();
  EXPECT_EQ(fired, 1U);
}

TEST(Correlator, AdoptsWhatMeansTheSame) {
  const std::string many =
      "{type: event_count, rules: a, group-by: User, timespan: 1m, condition: {gte: 3}}";
  const std::string pair = "{type: temporal, rules: [a, b], group-by: User, timespan: 1m}";
  Course before(correlation("many", many) + correlation("pair", pair));
  before.hit("a", 0, {{"User", "u"}});
  before.hit("a", 1, {{"User", "u"}});
  // Another description, another order, and another meaning of one.
  Course after(
      correlation("pair", "{type: temporal, rules: [a, b], group-by: User, timespan: 2m}") +
      correlation("many", many) + "level: high\n");
  after.correlator().adopt(std::move(before.correlator()));
  EXPECT_EQ(after.correlator().counters().groups, 1U);
  const auto fired = after.hit("a", 2, {{"User", "u"}});
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].correlation->name, "many");
  EXPECT_EQ(fired[0].correlation->level, Level::High);
  EXPECT_EQ(after.hit("b", 3, {{"User", "u"}}).size(), 1U) << "of the new hit alone";
  after.pass(10'000);
  EXPECT_EQ(after.correlator().counters().groups, 0U);
  EXPECT_EQ(after.correlator().counters().bytes, 0U);
}

TEST(Correlator, RemembersThroughARestart) {
  const std::string yaml =
      correlation("many",
                  "{type: event_count, rules: a, group-by: [User], timespan: 1m, "
                  "condition: {gte: 3}}") +
      correlation("few",
                  "{type: event_count, rules: b, group-by: [User], timespan: 1m, "
                  "condition: {lt: 3}}");
  Course course(yaml);
  const Course::Fields root = {{"User", "root"}};
  EXPECT_TRUE(course.hit("a", 0, root).empty());
  EXPECT_TRUE(course.hit("b", 5, root).empty());
  EXPECT_EQ(course.restart(), 2U);
  EXPECT_TRUE(course.hit("a", 20, root).empty());
  course.restart();
  const auto fired = course.hit("a", 30, root);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].events, 3);
  ASSERT_EQ(fired[0].keepsakes.size(), 3U);
  EXPECT_EQ(dynamic_cast<const Memo&>(*fired[0].keepsakes[0]).number(), 0);
  course.restart();
  EXPECT_EQ(course.pass(1000).size(), 1U) << "of the window that was judged at its end";
  course.save();
  EXPECT_TRUE(course.disk().empty()) << "what is over is forgotten there, too";
}

TEST(Correlator, TakesBackOnlyWhatItCanUse) {
  const std::string one =
      correlation("many", "{type: event_count, rules: a, timespan: 1m, condition: {gte: 3}}");
  Course course(one);
  EXPECT_TRUE(course.hit("a", 0, {}).empty());
  course.save();
  ASSERT_EQ(course.disk().size(), 1U);
  const auto& [key, value] = *course.disk().begin();
  Course other(
      correlation("many", "{type: event_count, rules: a, timespan: 1m, condition: {gte: 4}}"));
  EXPECT_FALSE(other.restore(key, value)) << "it counts to another number now";
  Course without(
      correlation("other", "{type: event_count, rules: a, timespan: 1m, condition: {gte: 3}}"));
  EXPECT_FALSE(without.restore(key, value));
  Course same(one);
  EXPECT_FALSE(same.restore("nothing", value));
  for (std::size_t size = 0; size < value.size(); ++size)
    EXPECT_FALSE(same.restore(key, value.substr(0, size))) << size;
  EXPECT_FALSE(same.restore(key, value + "x"));
  EXPECT_EQ(same.correlator().counters().groups, 0U);
  EXPECT_TRUE(same.restore(key, value));
  EXPECT_FALSE(same.restore(key, value)) << "once";
}

}  // namespace
}  // namespace sigma
