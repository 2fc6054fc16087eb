#include "os/memory.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace os {
namespace {

class MemoryTest : public ::testing::Test {
 protected:
  MemoryTest() : dir_(::testing::TempDir() + "memoryXXXXXX") {
    EXPECT_NE(::mkdtemp(dir_.data()), nullptr);
  }
  ~MemoryTest() override { std::filesystem::remove_all(dir_); }
  MemoryTest(const MemoryTest&) = delete;
  MemoryTest& operator=(const MemoryTest&) = delete;

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(dir_ + path).parent_path());
    std::ofstream(dir_ + path) << text;
  }
  std::uint64_t usable() { return usable_memory(1000, dir_ + "/cgroup", dir_ + "/root"); }

  std::string dir_;
};

TEST_F(MemoryTest, IsTheMachinesWhereNoGroupLimitsIt) {
  EXPECT_EQ(usable(), 1000U);
  write("/cgroup", "1:name=systemd:/\n0::/a/b\n");
  EXPECT_EQ(usable(), 1000U);
  write("/root/a/b/memory.max", "max\n");
  EXPECT_EQ(usable(), 1000U);
}

TEST_F(MemoryTest, IsTheLeastOfTheGroupsAround) {
  write("/cgroup", "0::/a/b\n");
  write("/root/a/memory.max", "300\n");
  EXPECT_EQ(usable(), 300U);
  write("/root/a/b/memory.max", "200\n");
  EXPECT_EQ(usable(), 200U);
  write("/root/a/b/memory.max", "5000\n");
  EXPECT_EQ(usable(), 300U);
}

TEST_F(MemoryTest, OfTheRootGroupIsTheMachines) {
  write("/cgroup", "0::/\n");
  EXPECT_EQ(usable(), 1000U);
}

TEST(Memory, OfThisMachineIsSome) {
  EXPECT_GT(usable_memory(), std::uint64_t{64} << 20U);
}

}  // namespace
}  // namespace os
