#include "hub/api/limiter.h"

#include <gtest/gtest.h>

namespace hub::api {
namespace {

using namespace std::chrono_literals;

class LimiterTest : public ::testing::Test {
 protected:
  std::chrono::seconds attempt(std::string_view address = "192.0.2.1",
                               std::string_view name = "admin") {
    return limiter_.attempt(address, name, now_);
  }

  LoginLimiter limiter_;
  base::MonoTime now_{1h};
};

TEST_F(LimiterTest, WaitsDoubleAfterFiveFailures) {
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(attempt(), 0s) << i;
  for (const auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 300s, 300s}) {
    EXPECT_EQ(attempt(), wait);
    now_ += wait - 1ms;
    EXPECT_EQ(attempt(), 1s) << "a little too early after " << wait.count();
    now_ += 1ms;
    EXPECT_EQ(attempt(), 0s) << "after " << wait.count();
  }
}

TEST_F(LimiterTest, RefusedAttemptsDoNotCount) {
  for (int i = 0; i < 5; ++i)
    attempt();
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(attempt(), 1s);
  now_ += 1s;
  EXPECT_EQ(attempt(), 0s);
}

TEST_F(LimiterTest, SuccessForgetsTheName) {
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(attempt(), 0s) << round;
    EXPECT_EQ(attempt(), 0s);
    limiter_.succeeded("192.0.2.1", "admin");
    now_ += 10min;
  }
}

TEST_F(LimiterTest, NobodyLocksOutAnother) {
  for (int i = 0; i < 50; ++i) {
    now_ += 1s;
    attempt("192.0.2.1", "admin");
  }
  EXPECT_GT(attempt("192.0.2.1", "admin"), 0s);
  EXPECT_EQ(attempt("192.0.2.2", "admin"), 0s);
}

TEST_F(LimiterTest, ManyNamesFromOneAddressAreLimited) {
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(attempt("192.0.2.1", "user" + std::to_string(i)), 0s);
  EXPECT_GT(attempt("192.0.2.1", "user20"), 0s);
  EXPECT_EQ(attempt("192.0.2.2", "user20"), 0s);
}

TEST_F(LimiterTest, AnIpv6SubscriberIsOneAddress) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(attempt("2001:db8::" + std::to_string(i + 1), "user" + std::to_string(i)), 0s);
  }
  EXPECT_GT(attempt("2001:db8::ffff", "another"), 0s);
  EXPECT_EQ(attempt("2001:db8:0:1::1", "another"), 0s);
}

TEST_F(LimiterTest, CaseOfTheNameDoesNotMatter) {
  for (const char* name : {"admin", "Admin", "ADMIN", "aDmin", "admIn"}) {
    EXPECT_EQ(attempt("192.0.2.1", name), 0s);
  }
  EXPECT_EQ(attempt("192.0.2.1", "adMin"), 1s);
}

TEST_F(LimiterTest, TenQuietMinutesForget) {
  for (int i = 0; i < 5; ++i)
    attempt();
  EXPECT_EQ(attempt(), 1s);
  now_ += 10min;
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(attempt(), 0s);
}

TEST_F(LimiterTest, IsBounded) {
  for (int i = 0; i < 20'000; ++i) {
    now_ += 1ms;
    attempt("10." + std::to_string(i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
                std::to_string(i % 256),
            "admin");
  }
  EXPECT_LE(limiter_.entries(), LoginLimiter::kMaxEntries);
}

}  // namespace
}  // namespace hub::api
