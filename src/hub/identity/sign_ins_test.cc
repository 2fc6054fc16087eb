#include "hub/identity/sign_ins.h"

#include <gtest/gtest.h>

namespace hub::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Ending = SignIns::Ending;

const base::WallTime kStart{seconds(1'800'000'000)};
constexpr const char* kIp = "192.0.2.1";

Grant grant_until(base::WallTime expires) {
  Grant grant;
  grant.name = {"d1", ""};
  grant.expires_at = expires;
  grant.auth.type = "sas";
  grant.auth.credential = "c0ffee";
  grant.client_type = "sdk/1";
  return grant;
}

class SignInsTest : public testing::Test {
 protected:
  SignInsTest() { sign_ins_.began(grant_until(kStart + hours(1)), kIp, kStart); }

  SignIns sign_ins_;
  const base::WallTime later_ = kStart + minutes(45);
  const Grant renewed_ = grant_until(later_ + hours(1));
};

TEST_F(SignInsTest, ANewerTokenOfTheSameClientIsARenewal) {
  EXPECT_TRUE(sign_ins_.is_renewal(renewed_, kIp, later_)) << "while the older one stands";
  sign_ins_.ended({"d1", ""}, Ending::Orderly, later_);
  EXPECT_TRUE(sign_ins_.is_renewal(renewed_, kIp, later_ + seconds(1)));
  EXPECT_TRUE(sign_ins_.is_renewal(renewed_, kIp, later_ + SignIns::kRenewalGap));
  EXPECT_FALSE(sign_ins_.is_renewal(renewed_, kIp, later_ + SignIns::kRenewalGap + seconds(1)));
}

TEST_F(SignInsTest, WhatDiffersIsNone) {
  EXPECT_FALSE(sign_ins_.is_renewal(renewed_, "198.51.100.7", later_)) << "from elsewhere";
  Grant other = renewed_;
  other.client_type = "curl";
  EXPECT_FALSE(sign_ins_.is_renewal(other, kIp, later_)) << "another client";
  other = renewed_;
  other.auth.credential = "beef";
  EXPECT_FALSE(sign_ins_.is_renewal(other, kIp, later_)) << "another key";
  other = renewed_;
  other.auth.type = "x509";
  EXPECT_FALSE(sign_ins_.is_renewal(other, kIp, later_)) << "no token";
  other = renewed_;
  other.name = {"d1", "m1"};
  EXPECT_FALSE(sign_ins_.is_renewal(other, kIp, later_)) << "another identity";
  EXPECT_FALSE(sign_ins_.is_renewal(grant_until(kStart + hours(1)), kIp, later_)) << "replayed";
  EXPECT_FALSE(sign_ins_.is_renewal(renewed_, kIp, kStart + minutes(29))) << "too early";
  sign_ins_.ended({"d1", ""}, Ending::Broken, later_);
  EXPECT_FALSE(sign_ins_.is_renewal(renewed_, kIp, later_)) << "the device died";
  sign_ins_.began(renewed_, kIp, later_);
  sign_ins_.forget({"d1", ""});
  EXPECT_FALSE(sign_ins_.is_renewal(grant_until(later_ + hours(9)), kIp, later_ + hours(1)));
}

TEST_F(SignInsTest, TokensTellTheClock) {
  EXPECT_EQ(sign_ins_.began(grant_until(later_ + hours(1) + seconds(90)), kIp, later_),
            later_ + seconds(90));
  EXPECT_EQ(sign_ins_.began(grant_until(later_ + minutes(50)), kIp, later_), later_ - minutes(10));
  EXPECT_FALSE(sign_ins_.began(grant_until(later_ + minutes(20)), kIp, later_)) << "too far off";
  EXPECT_FALSE(sign_ins_.began(grant_until(kStart + hours(24 * 365)), kIp, kStart));
  EXPECT_FALSE(sign_ins_.began(grant_until(base::WallTime::max()), kIp, kStart));
}

}  // namespace
}  // namespace hub::identity
