#include "agent/local/selftest.h"

#include <array>

#include <gtest/gtest.h>
#include <unistd.h>

namespace agent::local {
namespace {

using namespace std::chrono_literals;

const Expected kExpected{"ProcessCreate", {{"CommandLine", "token"}, {"ProcessId", "7"}}};

TEST(TellsOf, FindsAnEventByItselfOrInAMessage) {
  const std::string event =
      R"({"Name":"ProcessCreate","Payload":[{"CommandLine":"a"},{"CommandLine":"x token","ProcessId":17}]})";
  EXPECT_TRUE(tells_of(event, kExpected));
  EXPECT_TRUE(tells_of(R"({"AgentId":"a","Events":[{"Name":"Login","Payload":[]},)" + event + "]}",
                       kExpected));
}

TEST(TellsOf, IsNotTakenInByWhatIsLike) {
  // Members of two different items, another type, no payload, no JSON.
  EXPECT_FALSE(
      tells_of(R"({"Name":"ProcessCreate","Payload":[{"CommandLine":"token"},{"ProcessId":7}]})",
               kExpected));
  EXPECT_FALSE(tells_of(
      R"({"Name":"ProcessTerminate","Was":"ProcessCreate","Payload":[{"CommandLine":"token","ProcessId":7}]})",
      kExpected));
  EXPECT_FALSE(tells_of(R"({"Name":"ProcessCreate"})", kExpected));
  EXPECT_FALSE(tells_of(R"({"Events":"ProcessCreate"})", kExpected));
  EXPECT_FALSE(tells_of("ProcessCreate token 7", kExpected));
}

TEST(Selftest, WhatNobodyTellsOfIsMissed) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const os::Fd writer(pipe[1]);
  SelftestOptions options;
  options.events = os::Fd(pipe[0]);
  options.patience = 50ms;
  const std::vector<Trial> trials = selftest(std::move(options)).value();
  EXPECT_FALSE(passed(trials));
  ASSERT_FALSE(trials.empty());
  for (const Trial& trial : trials)
    EXPECT_NE(trial.outcome, Trial::Outcome::Seen) << trial.name;
  EXPECT_NE(table_of(trials).find("MISSED     ProcessCreate"), std::string::npos);
  EXPECT_NE(json_of(trials, false).find(R"("passed":false)"), std::string::npos);
}

TEST(Selftest, NothingTriedIsNotPassed) {
  Trial trial;
  trial.outcome = Trial::Outcome::NotTried;
  EXPECT_FALSE(passed({}));
  EXPECT_FALSE(passed({trial}));
  Trial seen;
  seen.outcome = Trial::Outcome::Seen;
  EXPECT_TRUE(passed({trial, seen}));
}

}  // namespace
}  // namespace agent::local
