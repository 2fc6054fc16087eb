#include "agent/snapshot/users/local_users.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "os/scratch_testing.h"

namespace agent::snapshot::users {
namespace {

class LocalUsersTest : public ::testing::Test {
 protected:
  void write(const std::string& path, std::string_view text) {
    const std::filesystem::path file = dir_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  schema::LocalUsers user(const std::string& name) {
    const auto payload = make(dir_.path())->take();
    EXPECT_TRUE(payload) << payload.error().to_string();
    for (const auto& item : std::get<std::vector<schema::LocalUsers>>(*payload)) {
      if (item.user_name == name) return item;
    }
    ADD_FAILURE() << "no " << name;
    return {};
  }
  static std::string extra(const schema::LocalUsers& item, std::string_view name) {
    const std::string* value = schema::find(item.extra_details, name);
    return value != nullptr ? *value : "(none)";
  }
  void SetUp() override {
    write("etc/passwd",
          "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice:/home/alice:/bin/zsh\n"
          "toor:x:0:0::/root:/bin/sh\nold:ab0123456789.:7:7::/:/usr/sbin/nologin\n"
          "ghost:x:9:4242::/gone:\n");
    write("etc/group", "root:x:0:\nalice:x:1000:\nsudo:x:27:alice\nold:x:7:\n");
    write("etc/shadow",
          "root:*:19000:0:99999:7:::\nalice:!$y$j9T$a$b:19782:0:90:7::20000:\n"
          "toor::19000::::::\n");
    write("etc/gshadow", "sudo:*:alice:alice\n");
    write("etc/sudoers", "%sudo ALL=(ALL:ALL) NOPASSWD: ALL\n");
    write("etc/nsswitch.conf", "passwd: files sss\n");
    write("home/alice/.ssh/authorized_keys", "ssh-ed25519 AAAA a\nssh-rsa BBBB b\n");
  }
  os::ScratchDir dir_;
};

TEST_F(LocalUsersTest, TellsAllOfAnAccount) {
  const auto alice = user("alice");
  EXPECT_EQ(alice.user_id, "1000");
  EXPECT_EQ(alice.group_ids, "1000;27");
  EXPECT_EQ(alice.group_names, "alice;sudo");
  EXPECT_EQ(extra(alice, "Password"), "locked");
  EXPECT_EQ(extra(alice, "Locked"), "true");
  EXPECT_EQ(extra(alice, "PasswordScheme"), "yescrypt");
  EXPECT_EQ(extra(alice, "PasswordChanged"), "2024-02-29");
  EXPECT_EQ(extra(alice, "PasswordExpires"), "2024-05-29");
  EXPECT_EQ(extra(alice, "AccountExpires"), "2024-10-04");
  EXPECT_EQ(extra(alice, "Sudo"), "true");
  EXPECT_EQ(extra(alice, "SudoSource"), "%sudo /etc/sudoers:1");
  EXPECT_EQ(extra(alice, "SudoNoPassword"), "true");
  EXPECT_EQ(extra(alice, "AuthorizedKeys"), "2");
  EXPECT_EQ(extra(alice, "AdministersGroups"), "sudo");
  EXPECT_EQ(extra(alice, "Shell"), "/bin/zsh");
}

TEST_F(LocalUsersTest, MarksWhatIsOdd) {
  const auto toor = user("toor");
  EXPECT_EQ(extra(toor, "SecondRoot"), "true");
  EXPECT_EQ(extra(toor, "SharedUserId"), "true");
  EXPECT_EQ(extra(toor, "Password"), "empty");
  EXPECT_EQ(extra(toor, "Sudo"), "false");
  const auto old = user("old");
  EXPECT_EQ(extra(old, "PasswordInPasswd"), "true");
  EXPECT_EQ(extra(old, "PasswordScheme"), "des");
  EXPECT_EQ(extra(old, "LoginShell"), "false");
  const auto ghost = user("ghost");
  EXPECT_EQ(ghost.group_ids, "4242");
  EXPECT_EQ(extra(ghost, "ShadowMissing"), "true");
  EXPECT_EQ(extra(ghost, "HomeMissing"), "true");
  EXPECT_EQ(extra(user("root"), "OtherServices"), "sss");
}

TEST_F(LocalUsersTest, NeverTellsAHash) {
  const auto payload = make(dir_.path())->take();
  ASSERT_TRUE(payload);
  for (const auto& item : std::get<std::vector<schema::LocalUsers>>(*payload)) {
    for (const auto& [name, value] : item.extra_details) {
      EXPECT_EQ(value.find("j9T"), std::string::npos) << name;
      EXPECT_EQ(value.find("0123456789"), std::string::npos) << name;
    }
  }
}

TEST_F(LocalUsersTest, WhatCannotBeReadIsUnknown) {
  // A folder where the file should be: unreadable for root as well.
  std::filesystem::remove(dir_ / "etc/shadow");
  std::filesystem::create_directory(dir_ / "etc/shadow");
  write("etc/sudoers", "@include /etc/sudoers.d/none\n");
  const auto alice = user("alice");
  EXPECT_EQ(extra(alice, "Password"), "unknown");
  EXPECT_EQ(extra(alice, "Locked"), "unknown");
  EXPECT_EQ(extra(alice, "Sudo"), "unknown");
  std::filesystem::remove(dir_ / "home/alice/.ssh/authorized_keys");
  ASSERT_EQ(::mkfifo((dir_ / "home/alice/.ssh/authorized_keys").c_str(), 0600), 0);
  EXPECT_EQ(extra(user("alice"), "AuthorizedKeys"), "unknown");
}

TEST_F(LocalUsersTest, NoAccountsIsAnError) {
  std::filesystem::remove(dir_ / "etc/passwd");
  const auto snapshot = make(dir_.path());
  EXPECT_FALSE(snapshot->take());
  EXPECT_EQ(snapshot->source().tier, "none");
}

}  // namespace
}  // namespace agent::snapshot::users
