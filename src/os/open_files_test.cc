#include "os/open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace os {
namespace {

class OpenFiles : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0); }
  void TearDown() override { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  void set_soft(rlim_t soft) {
    const rlimit limit{soft, before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }

  rlimit before_{};
};

TEST_F(OpenFiles, AreAllowedUpToTheHardLimit) {
  ASSERT_GE(before_.rlim_max, 200U);
  set_soft(100);
  EXPECT_EQ(allow_open_files(150), 150U);
  EXPECT_EQ(allow_open_files(120), 150U);
  const auto most = static_cast<std::size_t>(before_.rlim_max);
  EXPECT_EQ(allow_open_files(static_cast<std::size_t>(-1)), most);
  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, before_.rlim_max);
  EXPECT_EQ(now.rlim_max, before_.rlim_max);
}

}  // namespace
}  // namespace os
