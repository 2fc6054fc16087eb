#include "agent/collect/users.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "os/file.h"

namespace agent::collect {
namespace {

using namespace std::chrono_literals;

TEST(Users, FollowsTheFile) {
  std::string folder = ::testing::TempDir() + "users-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string file = folder + "/passwd";
  ASSERT_TRUE(os::write_file_atomic(
      file, "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbroken\nop:x:1000:1000::/:\n"));
  Users users(file);
  const base::MonoTime start{1h};
  EXPECT_EQ(users.name(0, start), "root");
  EXPECT_EQ(users.name(1000, start), "op");
  EXPECT_EQ(users.name(7, start), std::nullopt);
  ASSERT_TRUE(os::write_file_atomic(file, "new:x:7:7::/:/bin/sh\n"));
  // Not looked at again within the second.
  EXPECT_EQ(users.name(7, start + 500ms), std::nullopt);
  EXPECT_EQ(users.name(7, start + 2s), "new");
  EXPECT_EQ(users.name(0, start + 2s), std::nullopt);
}

TEST(Users, AbsentFile) {
  Users users("/nowhere/passwd");
  EXPECT_EQ(users.name(0, base::MonoTime{}), std::nullopt);
}

}  // namespace
}  // namespace agent::collect
