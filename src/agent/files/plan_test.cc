#include "agent/files/plan.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/scratch_testing.h"

namespace agent::files {
namespace {

using testing::ElementsAre;
using testing::Key;
using testing::UnorderedElementsAre;

class PlanTest : public ::testing::Test {
 protected:
  std::string at(const std::string& name) const { return dir_ / name; }
  void make(const std::string& name) const {
    std::filesystem::create_directories(std::filesystem::path(at(name)).parent_path());
    std::ofstream(at(name)) << "x";
  }
  os::ScratchDir dir_;
};

TEST(ReadEntry, Table) {
  EXPECT_EQ(read_entry("/etc/passwd"), (Entry{"/etc/passwd", false}));
  EXPECT_EQ(read_entry("/opt/bin/:execute"), (Entry{"/opt/bin", true}));
  EXPECT_EQ(read_entry("/etc//"), (Entry{"/etc", false}));
  EXPECT_EQ(read_entry("/"), (Entry{"/", false}));
}

TEST_F(PlanTest, AFileIsWatchedInItsFolder) {
  make("etc/passwd");
  const Plan plan = make_plan({{at("etc/passwd"), false}});
  ASSERT_THAT(plan.folders, ElementsAre(Key(at("etc"))));
  const Interest& interest = plan.folders.at(at("etc"));
  EXPECT_TRUE(interest.wants("passwd"));
  EXPECT_FALSE(interest.wants("passwd-"));
  EXPECT_FALSE(interest.wants_execution("passwd"));
}

TEST_F(PlanTest, AFolderWithAllBelow) {
  make("ssh/a/b/file");
  make("ssh/c/file");
  std::filesystem::create_directory_symlink(at(""), at("ssh/loop"));
  const Plan plan = make_plan({{at("ssh"), true}});
  EXPECT_THAT(plan.folders, UnorderedElementsAre(Key(dir_.path()), Key(at("ssh")), Key(at("ssh/a")),
                                                 Key(at("ssh/a/b")), Key(at("ssh/c"))));
  EXPECT_TRUE(plan.folders.at(at("ssh/a/b")).wants("anything"));
  EXPECT_TRUE(plan.folders.at(at("ssh/a/b")).wants_execution("anything"));
  EXPECT_FALSE(plan.folders.at(dir_.path()).wants("other"));
}

TEST_F(PlanTest, APattern) {
  make("cron.d/job");
  make("crontab");
  make("other/job");
  const Plan plan = make_plan({{at("cron*"), false}});
  EXPECT_THAT(plan.folders, UnorderedElementsAre(Key(dir_.path()), Key(at("cron.d"))));
  EXPECT_TRUE(plan.folders.at(dir_.path()).wants("crontab"));
  EXPECT_TRUE(plan.folders.at(dir_.path()).wants("cron.daily"));
  EXPECT_FALSE(plan.folders.at(dir_.path()).wants("other"));
}

TEST_F(PlanTest, WhatIsMissingIsWaitedFor) {
  const Plan plan = make_plan({{at("root/.ssh/keys/one"), false}});
  ASSERT_THAT(plan.folders, ElementsAre(Key(dir_.path())));
  EXPECT_TRUE(plan.folders.at(dir_.path()).leads("root"));
  EXPECT_FALSE(plan.folders.at(dir_.path()).wants("root"));
  EXPECT_FALSE(plan.folders.at(dir_.path()).leads("home"));
}

TEST_F(PlanTest, ALinkWithWhatItLeadsTo) {
  make("run/resolv.conf");
  std::filesystem::create_directories(at("etc"));
  std::filesystem::create_symlink(at("run/resolv.conf"), at("etc/resolv.conf"));
  const Plan plan = make_plan({{at("etc/resolv.conf"), false}});
  EXPECT_THAT(plan.folders, UnorderedElementsAre(Key(at("etc")), Key(at("run"))));
}

TEST_F(PlanTest, IsBounded) {
  for (int i = 0; i < 20; ++i)
    make("top/" + std::to_string(i) + "/x");
  const Plan plan = make_plan({{at("top"), false}}, 10);
  EXPECT_EQ(plan.folders.size(), 10U);
  EXPECT_GT(plan.left_out, 0U);
}

TEST_F(PlanTest, NonsenseIsPassedOver) {
  EXPECT_TRUE(make_plan({{"", false}, {"relative", false}, {"/", false}}).folders.empty());
}

}  // namespace
}  // namespace agent::files
