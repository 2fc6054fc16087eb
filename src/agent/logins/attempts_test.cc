#include "agent/logins/attempts.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent::logins {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Records : public ::testing::Test {
 protected:
  Observation record(Kind kind, Outcome outcome, std::uint32_t pid = 100) {
    Observation one;
    one.kind = kind;
    one.outcome = outcome;
    one.pid = pid;
    one.service = "sshd";
    one.account = "joe";
    one.address = "192.0.2.7";
    one.time = wall_;
    return one;
  }
  void see(const Observation& one) { attempts_.observe(one, now_); }
  void see(Kind kind, Outcome outcome, std::uint32_t pid = 100) { see(record(kind, outcome, pid)); }
  void pass(std::chrono::milliseconds time) {
    now_ += time;
    wall_ += time;
    attempts_.settle(now_);
  }
  std::vector<Verdict> told() { return std::exchange(told_, {}); }
  std::vector<std::string> outcomes() {
    std::vector<std::string> out;
    for (const Verdict& one : told()) {
      const char* const words[] = {"success", "fail", "logout"};
      out.emplace_back(words[static_cast<int>(one.outcome)]);
    }
    return out;
  }

  base::MonoTime now_{};
  base::WallTime wall_{std::chrono::seconds(1'800'000'000)};
  std::set<std::uint32_t> gone_;
  std::vector<Verdict> told_;
  Attempts attempts_{{.tell = [this](const Verdict& one) { told_.push_back(one); },
                      .alive = [this](std::uint32_t pid) { return !gone_.contains(pid); }}};
};

TEST_F(Records, OfOneLoginMakeOneEvent) {
  see(Kind::AuditAuth, Outcome::Success);
  see(Kind::AuditAccount, Outcome::Hint);
  see(Kind::AuditSession, Outcome::Success);
  see(Kind::AuditLogin, Outcome::Success);
  see(Kind::LogProgram, Outcome::Success);
  see(Kind::LogPam, Outcome::Success);
  see(Kind::Utmp, Outcome::Success, 101);
  pass(900ms);
  EXPECT_THAT(told(), IsEmpty());
  pass(100ms);
  EXPECT_THAT(outcomes(), ElementsAre("success"));
  pass(5min);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(Records, AreOfOneLoginAlsoWhenTheyAreLate) {
  see(Kind::AuditAuth, Outcome::Success);
  pass(3s);
  EXPECT_THAT(outcomes(), ElementsAre("success"));
  see(Kind::LogProgram, Outcome::Success);
  see(Kind::AuditSession, Outcome::Success);
  pass(3s);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(Records, OfABurstCountEach) {
  for (int i = 0; i < 200; ++i) {
    const auto pid = static_cast<std::uint32_t>(1000 + i / 6);
    see(Kind::AuditAuth, Outcome::Fail, pid);
    see(Kind::AuditLogin, Outcome::Hint, pid);
    see(Kind::LogProgram, Outcome::Fail, pid);
  }
  pass(5s);
  EXPECT_THAT(told(), SizeIs(200));
}

TEST_F(Records, OfSeveralProcessesOfOneConversationAreOneFailure) {
  // keyboard-interactive: PAM runs in a child of sshd.
  see(Kind::AuditAuth, Outcome::Fail, 201);
  see(Kind::AuditLogin, Outcome::Hint, 200);
  see(Kind::LogMethod, Outcome::Fail, 200);
  see(Kind::AuditSession, Outcome::Ended, 200);
  gone_ = {200, 201};
  pass(10s);
  EXPECT_THAT(outcomes(), ElementsAre("fail"));
}

TEST_F(Records, OfOtherPeopleStayApart) {
  see(Kind::AuditAuth, Outcome::Fail, 300);
  Observation other = record(Kind::LogProgram, Outcome::Fail, 0);
  other.account = "amy";
  see(other);
  Observation elsewhere = record(Kind::LogProgram, Outcome::Fail, 0);
  elsewhere.address = "192.0.2.8";
  see(elsewhere);
  Observation later = record(Kind::LogProgram, Outcome::Fail, 0);
  later.time += 10min;
  see(later);
  pass(5s);
  EXPECT_THAT(told(), SizeIs(4));
}

TEST_F(Records, HintsAloneAreAFailureWhenTheConversationIsOver) {
  see(Kind::AuditLogin, Outcome::Hint);
  see(Kind::AuditLogin, Outcome::Hint);
  pass(1min);
  EXPECT_THAT(told(), IsEmpty());
  gone_ = {100};
  pass(5s);
  pass(1s);
  const auto verdicts = told();
  ASSERT_THAT(verdicts, SizeIs(1));
  EXPECT_EQ(verdicts[0].outcome, Outcome::Fail);
  EXPECT_EQ(verdicts[0].tries, 2U);
}

TEST_F(Records, HintsBeforeASuccessAreNothing) {
  see(Kind::AuditLogin, Outcome::Hint);
  see(Kind::AuditSession, Outcome::Success);
  see(Kind::AuditSession, Outcome::Ended);
  gone_ = {100};
  pass(10min);
  EXPECT_THAT(outcomes(), ElementsAre("success"));
}

TEST_F(Records, HintsAddWhatTheyKnow) {
  Observation hint = record(Kind::LogMethod, Outcome::Hint);
  hint.invalid_user = true;
  hint.port = "5555";
  see(hint);
  see(Kind::AuditAuth, Outcome::Fail);
  pass(1s);
  const auto verdicts = told();
  ASSERT_THAT(verdicts, SizeIs(1));
  EXPECT_EQ(verdicts[0].facts.port, "5555");
  EXPECT_EQ(verdicts[0].facts.invalid_user, true);
}

TEST_F(Records, ARefusalOverrulesAGoodPassword) {
  see(Kind::AuditAuth, Outcome::Success);
  Observation refused = record(Kind::AuditAccount, Outcome::Fail);
  refused.reason = "account refused";
  see(refused);
  pass(5s);
  const auto verdicts = told();
  ASSERT_THAT(verdicts, SizeIs(1));
  EXPECT_EQ(verdicts[0].outcome, Outcome::Fail);
  EXPECT_EQ(verdicts[0].facts.reason, "account refused");
}

TEST_F(Records, ALogoutKnowsItsLogin) {
  Observation login = record(Kind::AuditSession, Outcome::Success);
  login.port = "5555";
  see(login);
  pass(90s);
  Observation logout = record(Kind::AuditSession, Outcome::Logout);
  logout.address.clear();
  see(logout);
  see(Kind::LogPam, Outcome::Logout);
  pass(2s);
  const auto verdicts = told();
  ASSERT_THAT(verdicts, SizeIs(2));
  EXPECT_EQ(verdicts[1].outcome, Outcome::Logout);
  EXPECT_EQ(verdicts[1].facts.port, "5555");
  EXPECT_EQ(verdicts[1].facts.address, "192.0.2.7");
  ASSERT_TRUE(verdicts[1].since);
  EXPECT_EQ(verdicts[1].facts.time - *verdicts[1].since, 90s);
  EXPECT_EQ(attempts_.sessions(), 0U);
}

TEST_F(Records, ANumberThatIsUsedAgainIsAnotherLogin) {
  see(Kind::AuditAuth, Outcome::Success);
  see(Kind::AuditSession, Outcome::Success);
  pass(1h);
  // The logout was never seen.
  see(Kind::AuditAuth, Outcome::Success);
  see(Kind::AuditSession, Outcome::Success);
  pass(5s);
  EXPECT_THAT(outcomes(), ElementsAre("success", "success"));
}

TEST_F(Records, AnotherTerminalOfASessionIsNoLogin) {
  see(Kind::AuditSession, Outcome::Success);
  pass(1h);
  see(Kind::AuditLogin, Outcome::Success);
  pass(5s);
  EXPECT_THAT(outcomes(), ElementsAre("success"));
}

TEST_F(Records, ASummaryCountsWhatItSaysAndNoMore) {
  // sudo without pids: PAM tells of the first of three.
  Observation pam = record(Kind::LogPam, Outcome::Fail, 0);
  pam.service = "sudo";
  see(pam);
  Observation summary = record(Kind::LogProgram, Outcome::Fail, 0);
  summary.service = "sudo";
  summary.count = 3;
  summary.origin = "x";
  see(summary);
  pass(5s);
  const auto verdicts = told();
  ASSERT_THAT(verdicts, SizeIs(3));
  EXPECT_EQ(verdicts[1].facts.origin, "x#1");
  EXPECT_EQ(verdicts[2].facts.origin, "x#2");
}

TEST_F(Records, AreBounded) {
  Attempts small({.tell = [this](const Verdict& one) { told_.push_back(one); },
                  .alive = [](std::uint32_t) { return true; },
                  .capacity = 10,
                  .sessions = 5});
  for (std::uint32_t pid = 1; pid <= 100; ++pid) {
    Observation one = record(Kind::AuditAuth, Outcome::Success, pid);
    one.account = "u" + std::to_string(pid);
    small.observe(one, now_);
  }
  // Told early, but told.
  EXPECT_THAT(told_, SizeIs(90));
  EXPECT_LE(small.sessions(), 5U);
  small.flush();
  EXPECT_THAT(told_, SizeIs(100));
}

TEST_F(Records, FlushTellsWhatWaits) {
  see(Kind::AuditAuth, Outcome::Fail);
  attempts_.flush();
  EXPECT_THAT(outcomes(), ElementsAre("fail"));
}

}  // namespace
}  // namespace agent::logins
