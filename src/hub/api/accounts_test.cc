#include "hub/api/accounts.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/password.h"
#include "store/sqlite.h"

namespace hub::api {
namespace {

using base::Code;
using namespace std::chrono_literals;

constexpr const char* kPassword = "correct horse battery";

class AccountsTest : public ::testing::Test {
 protected:
  AccountsTest() {
    std::string pattern = ::testing::TempDir() + "accounts.XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    accounts_ = open();
    EXPECT_TRUE(accounts_->create_user("admin", kPassword, Role::Admin, now_));
  }
  ~AccountsTest() override {
    accounts_.reset();
    std::filesystem::remove_all(dir_);
  }

  std::unique_ptr<Accounts> open() {
    auto opened = Accounts::open(dir_ + "/state.db");
    EXPECT_TRUE(opened) << opened.error().to_string();
    return std::move(*opened);
  }
  std::string session() { return accounts_->create_session({"admin", Role::Admin}, now_)->secret; }

  std::string dir_;
  base::WallTime now_{std::chrono::sys_days{2026y / 3 / 1}};
  std::unique_ptr<Accounts> accounts_;
};

TEST(Password, VerifiesOnlyItself) {
  const std::string hash = hash_password("a password");
  EXPECT_THAT(hash, ::testing::StartsWith("$argon2id$v=19$m=19456,t=2,p=1$"));
  EXPECT_TRUE(verify_password(hash, "a password"));
  EXPECT_FALSE(verify_password(hash, "a passwore"));
  EXPECT_FALSE(verify_password(hash, ""));
  EXPECT_FALSE(verify_password("", "a password"));
  EXPECT_FALSE(verify_password("$argon2id$garbage", "a password"));
  EXPECT_FALSE(verify_nobody("a password"));
  EXPECT_NE(hash, hash_password("a password")) << "the salt is random";
}

TEST_F(AccountsTest, RefusesBadUsers) {
  const auto code = [&](std::string_view name, std::string_view password) {
    const auto made = accounts_->create_user(name, password, Role::Reader, now_);
    return made ? Code::Io : made.error().code;
  };
  EXPECT_EQ(code("admin", kPassword), Code::Exists);
  EXPECT_EQ(code("Admin", kPassword), Code::Exists) << "names are the same in either case";
  EXPECT_EQ(code("", kPassword), Code::Invalid);
  EXPECT_EQ(code("a b", kPassword), Code::Invalid);
  EXPECT_EQ(code(std::string(129, 'a'), kPassword), Code::Invalid);
  EXPECT_EQ(code("short", "elevenchars"), Code::Invalid);
  EXPECT_EQ(code("long", std::string(1025, 'a')), Code::Invalid);
}

TEST_F(AccountsTest, ChecksPasswords) {
  const auto user = accounts_->verify_password("admin", kPassword);
  ASSERT_TRUE(user);
  EXPECT_EQ(user->name, "admin");
  EXPECT_EQ(user->role, Role::Admin);
  EXPECT_EQ(accounts_->verify_password("admin", "wrong").error().code, Code::Denied);
  EXPECT_EQ(accounts_->verify_password("nobody", kPassword).error().code, Code::Denied);
  EXPECT_EQ(accounts_->verify_password("admin", std::string(5000, 'x')).error().code, Code::Denied);
}

TEST_F(AccountsTest, StoresNoSecretInClear) {
  const std::string secret = session();
  const std::string login = accounts_->issue_login_token("admin", now_)->secret;
  const std::string token =
      accounts_->create_token("t", Role::Reader, std::chrono::days(1), "admin", now_)
          ->second.secret;
  accounts_.reset();
  for (const auto& file : std::filesystem::directory_iterator(dir_)) {
    std::ifstream stream(file.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(stream), {}};
    for (const std::string_view clear :
         {std::string_view(kPassword), std::string_view(secret).substr(4),
          std::string_view(login).substr(4), std::string_view(token).substr(4)}) {
      EXPECT_EQ(content.find(clear), std::string::npos) << file.path();
    }
  }
}

TEST_F(AccountsTest, SessionsEndWhenIdle) {
  const std::string secret = session();
  EXPECT_TRUE(accounts_->use_session(secret, now_ + 29min));
  EXPECT_TRUE(accounts_->use_session(secret, now_ + 58min)) << "the use before extended it";
  EXPECT_EQ(accounts_->use_session(secret, now_ + 89min).error().code, Code::Denied);
}

TEST_F(AccountsTest, LookingDoesNotExtendASession) {
  const std::string secret = session();
  EXPECT_TRUE(accounts_->use_session(secret, now_ + 29min, Accounts::Touch::No));
  EXPECT_EQ(accounts_->use_session(secret, now_ + 31min).error().code, Code::Denied);
}

TEST_F(AccountsTest, SessionsEndAfterTwelveHours) {
  const std::string secret = session();
  for (auto passed = 0min; passed < 12h; passed += 20min) {
    const auto used = accounts_->use_session(secret, now_ + passed);
    ASSERT_TRUE(used) << passed.count();
    EXPECT_LE(used->expires, now_ + 12h);
  }
  EXPECT_EQ(accounts_->use_session(secret, now_ + 12h).error().code, Code::Denied);
}

TEST_F(AccountsTest, SessionsSurviveAClockThatStepsBack) {
  const std::string secret = session();
  EXPECT_TRUE(accounts_->use_session(secret, now_ - 2h));
  EXPECT_TRUE(accounts_->use_session(secret, now_ + 5min));
}

TEST_F(AccountsTest, EndedAndUnknownSessionsAreDenied) {
  const std::string secret = session();
  ASSERT_TRUE(accounts_->end_session(secret));
  EXPECT_EQ(accounts_->use_session(secret, now_).error().code, Code::Denied);
  EXPECT_EQ(accounts_->use_session("vds_", now_).error().code, Code::Denied);
  EXPECT_EQ(accounts_->use_session("", now_).error().code, Code::Denied);
}

TEST_F(AccountsTest, ANewPasswordEndsOtherSessions) {
  const std::string mine = session();
  const std::string other = session();
  const std::string link = accounts_->issue_login_token("admin", now_)->secret;
  ASSERT_TRUE(accounts_->set_password("admin", "another good one", mine));
  EXPECT_TRUE(accounts_->use_session(mine, now_));
  EXPECT_FALSE(accounts_->use_session(other, now_));
  EXPECT_FALSE(accounts_->redeem_login_token(link, now_));
  EXPECT_FALSE(accounts_->verify_password("admin", kPassword));
  EXPECT_TRUE(accounts_->verify_password("admin", "another good one"));
  EXPECT_EQ(accounts_->set_password("nobody", "another good one").error().code, Code::NotFound);
}

TEST_F(AccountsTest, LoginTokensWorkOnceAndForTenMinutes) {
  const auto issued = accounts_->issue_login_token("admin", now_);
  ASSERT_TRUE(issued);
  EXPECT_EQ(issued->expires, now_ + 10min);
  EXPECT_EQ(accounts_->redeem_login_token(issued->secret, now_ + 9min)->name, "admin");
  EXPECT_EQ(accounts_->redeem_login_token(issued->secret, now_ + 9min).error().code, Code::Denied);

  const auto late = accounts_->issue_login_token("admin", now_);
  EXPECT_EQ(accounts_->redeem_login_token(late->secret, now_ + 10min).error().code, Code::Denied);
  EXPECT_EQ(accounts_->issue_login_token("nobody", now_).error().code, Code::NotFound);
}

TEST_F(AccountsTest, LoginTokensOfAnotherProcessWork) {
  auto other = open();
  const auto issued = other->issue_login_token("admin", now_);
  ASSERT_TRUE(issued);
  EXPECT_TRUE(accounts_->redeem_login_token(issued->secret, now_));
  EXPECT_FALSE(other->redeem_login_token(issued->secret, now_));
}

TEST_F(AccountsTest, OnlyOneOfManyRedeemsALoginToken) {
  const std::string secret = accounts_->issue_login_token("admin", now_)->secret;
  std::atomic<int> redeemed = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        auto own = open();
        if (own->redeem_login_token(secret, now_)) ++redeemed;
      });
    }
  }
  EXPECT_EQ(redeemed, 1);
}

TEST_F(AccountsTest, ApiTokensExpireAndCanBeRevoked) {
  const auto made =
      accounts_->create_token("nightly", Role::Analyst, std::chrono::days(30), "admin", now_);
  ASSERT_TRUE(made);
  const auto& [token, issued] = *made;
  EXPECT_THAT(issued.secret, ::testing::StartsWith("vdt_"));
  const auto used = accounts_->use_token(issued.secret, now_ + 1h);
  ASSERT_TRUE(used);
  EXPECT_EQ(used->role, Role::Analyst);
  EXPECT_EQ(used->id, token.id);
  EXPECT_EQ(accounts_->tokens()->at(0).last_used, now_ + 1h);
  EXPECT_EQ(accounts_->use_token(issued.secret, now_ + std::chrono::days(30)).error().code,
            Code::Denied);
  ASSERT_TRUE(accounts_->delete_token(token.id));
  EXPECT_EQ(accounts_->use_token(issued.secret, now_).error().code, Code::Denied);
  EXPECT_EQ(accounts_->delete_token(token.id).error().code, Code::NotFound);
  EXPECT_EQ(accounts_->use_token("", now_).error().code, Code::Denied);
}

TEST_F(AccountsTest, PurgeForgetsOnlyWhatHasEnded) {
  const std::string old = session();
  now_ += 20min;
  const std::string recent = session();
  ASSERT_TRUE(accounts_->purge(now_ + 15min));
  EXPECT_FALSE(accounts_->use_session(old, now_)) << "even at a time when it would still be good";
  EXPECT_TRUE(accounts_->use_session(recent, now_ + 15min));
}

TEST(LoginLink, KeepsTheTokenOutOfRequests) {
  EXPECT_EQ(login_link("https://hub:8443", "vdo_1"), "https://hub:8443/login#token=vdo_1");
}

}  // namespace
}  // namespace hub::api
