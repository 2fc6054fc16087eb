// Correlations against the plain reading of their documentation.
#include <random>

#include <gtest/gtest.h>

#include "sigma/correlator_reference_testing.h"
#include "sigma/correlator_testing.h"

namespace sigma {
namespace {

using tests::correlation;
using tests::Course;
using tests::kStart;
using tests::parsed;
using tests::seconds;

std::string random_correlation(std::minstd_rand& random, const std::string& name,
                               const std::string& rules, bool grouped) {
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  const std::string bound = pick({"gte: 2", "gte: 3", "gt: 3", "gt: 1, gte: 2", "lte: 2", "lt: 3",
                                  "eq: 2", "neq: 1", "gt: 1, lt: 4"});
  const std::string tail = ", timespan: " + pick({"5s", "10s", "20s"}) + ", group-by: " +
                           (grouped ? "[who]" : pick({"[who]", "[who, DeviceId]"})) +
                           ", aliases: {who: {a: User, b: ParentUser" +
                           (rules.find('c') != std::string::npos ? ", c: User}}" : "}}");
  // Two rules at least, the aliases' own.
  const std::string head = "rules: " + rules + tail;
  switch (random() % 9) {
    case 0:
    case 1:
      return correlation(name, "{type: event_count, " + head + ", condition: {" + bound + "}}");
    case 2:
      return correlation(name, "{type: value_count, " + head + ", condition: {field: " +
                                   pick({"Image", "[Image, ProcessId]"}) + ", " + bound + "}}");
    case 3:
      return correlation(name, "{type: temporal, " + head +
                                   pick({"}", ", condition: {gte: 2}}", ", condition: {lt: 2}}"}));
    case 4:
    case 5:
      return correlation(name, "{type: temporal_ordered, " + head +
                                   pick({"}", ", condition: {gte: 2}}", ", condition: {lt: 2}}"}));
    case 6:
      return correlation(name, "{type: value_sum, " + head + ", condition: {field: ProcessId, " +
                                   pick({"gte: 10", "gt: 30", "lte: 10"}) + "}}");
    case 7:
      return correlation(
          name, "{type: value_avg, " + head + ", condition: {field: ProcessId, " + bound + "}}");
    default:
      return correlation(name, "{type: value_percentile, " + head + ", condition: {" +
                                   pick({"field: ProcessId, percentile: 50, ",
                                         "field: ProcessId, percentile: 90, ", "field: Image, "}) +
                                   pick({"lte: 30", "gte: 4"}) + "}}");
  }
}

// The streaming engine against the plain reading, on random correlations and courses of events,
// some of them late; in every other round it is interrupted and goes on with what it kept.
TEST(Correlator, AgreesWithTheReference) {
  std::minstd_rand random(5);
  constexpr int kLateness = 6;
  std::size_t fired = 0;
  std::size_t chained = 0;
  for (int round = 0; round < 700; ++round) {
    const std::string yaml =
        random_correlation(random, "one", random() % 2 == 0 ? "[a, b]" : "[a, b, c]", false) +
        random_correlation(random, "two", "[b, a]", true) +
        correlation("chain", random() % 2 == 0 ? "{type: temporal, rules: [two, c], group-by: "
                                                 "[who], timespan: 15s, aliases: {who: {c: User}}}"
                                               : "{type: event_count, rules: two, group-by: [who], "
                                                 "timespan: 30s, condition: {gte: 2}}");
    Correlator::Options options;
    options.lateness = seconds(kLateness);
    Course course(yaml, options);
    ASSERT_TRUE(course.unlinked().empty()) << course.unlinked()[0].problem.message << yaml;
    reference::Correlations plain(parsed(yaml), kLateness);
    std::string history;
    int now = 0;
    for (int step = 0; step < 60; ++step) {
      if (round % 2 == 1 && step % 8 == 5) course.restart();
      now += static_cast<int>(random() % 4 == 0 ? random() % 12 : random() % 3);
      int at = now;
      if (random() % 4 == 0) at -= static_cast<int>(random() % 10);
      if (random() % 40 == 0) at += 100;
      const std::string rule(1, static_cast<char>('a' + random() % 3));
      std::map<std::string, std::string> fields = {
          {"User", random() % 3 == 0 ? "u" : "v"},
          {"ParentUser", random() % 3 == 0 ? "u" : "v"},
          {"who", "v"},
          {"DeviceId", random() % 4 == 0 ? "1" : "2"},
          {"ProcessId", std::to_string(random() % 7)},
          {"Image", std::string(1, static_cast<char>('x' + random() % 3))}};
      if (random() % 12 == 0) fields.erase("Image");
      if (random() % 12 == 0) fields["ProcessId"] = "none";
      const std::int64_t count = random() % 6 == 0 ? 3 : 1;
      history += rule + "@" + std::to_string(at) + "(" + std::to_string(now) + ")x" +
                 std::to_string(count) + " User=" + fields["User"] +
                 " ParentUser=" + fields["ParentUser"] + " DeviceId=" + fields["DeviceId"] +
                 " ProcessId=" + fields["ProcessId"] + "\n";
      std::vector<reference::Found> expected;
      reference::Happening happening{at, now, count, {fields.begin(), fields.end()}};
      plain.observe(rule, happening, expected);
      std::vector<reference::Found> actual;
      for (const Firing& firing : course.hit(rule, at, fields, now, count)) {
        reference::Found found{firing.correlation->name,
                               std::chrono::duration_cast<seconds>(firing.first - kStart).count(),
                               std::chrono::duration_cast<seconds>(firing.last - kStart).count(),
                               firing.events,
                               firing.value,
                               {}};
        for (const auto& [field, value] : firing.group)
          found.group.push_back(value);
        chained += found.correlation == "chain" ? 1U : 0U;
        actual.push_back(std::move(found));
      }
      std::ranges::sort(expected);
      std::ranges::sort(actual);
      const auto shown = [](const std::vector<reference::Found>& all) {
        std::string text;
        for (const reference::Found& one : all)
          text += " " + one.correlation + "[" + std::to_string(one.first) + ".." +
                  std::to_string(one.last) + "]=" + std::to_string(one.value);
        return text;
      };
      ASSERT_EQ(actual.size(), expected.size())
          << yaml << history << "found " << shown(actual) << "\nexpected " << shown(expected);
      for (std::size_t i = 0; i < actual.size(); ++i) {
        EXPECT_NEAR(actual[i].value, expected[i].value, 1e-9) << yaml << history;
        actual[i].value = expected[i].value;
        ASSERT_EQ(actual[i], expected[i])
            << yaml << history << actual[i].correlation << " " << actual[i].first << ".."
            << actual[i].last << " " << actual[i].events << " instead of "
            << expected[i].correlation << " " << expected[i].first << ".." << expected[i].last
            << " " << expected[i].events;
      }
      fired += actual.size();
    }
  }
  EXPECT_GT(fired, 10'000U);
  EXPECT_GT(chained, 300U);
}

}  // namespace
}  // namespace sigma
