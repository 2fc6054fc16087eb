#include "agent/snapshot/users/accounts.h"

#include <gtest/gtest.h>

#include "agent/snapshot/users/sudoers.h"

namespace agent::snapshot::users {
namespace {

TEST(ReadPassword, KnowsTheStates) {
  EXPECT_EQ(read_password(""), Password::Empty);
  EXPECT_EQ(read_password("x"), Password::Elsewhere);
  EXPECT_EQ(read_password("$y$j9T$abc$def"), Password::Set);
  EXPECT_EQ(read_password("!$y$j9T$abc$def"), Password::Locked);
  for (const std::string_view none : {"!", "!!", "*", "!*", "*LK*"})
    EXPECT_EQ(read_password(none), Password::None) << none;
  EXPECT_EQ(password_scheme("!$6$salt$hash"), "sha512");
  EXPECT_EQ(password_scheme("ab0123456789."), "des");
}

TEST(ReadPasswd, CountsWhatItCannotRead) {
  const auto table = read_passwd(
      "root:x:0:0:root:/root:/bin/bash\n"
      "# comment\n\n"
      "bad:x:zero:0::/:/bin/sh\n"
      "short:x:1\n"
      "+@nis::::::\n"
      "toor::0:0:::\n");
  ASSERT_EQ(table.entries.size(), 2U);
  EXPECT_EQ(table.malformed, 2U);
  EXPECT_TRUE(table.foreign);
  EXPECT_EQ(table.entries[1].name, "toor");
  EXPECT_EQ(table.entries[1].password, Password::Empty);
}

TEST(ReadShadow, ReadsDates) {
  const auto table = read_shadow("a:$6$x$y:19000:0:90:7:14:20000:\nb:*\nc:!:0:::::: \nd:x:q\n");
  ASSERT_EQ(table.entries.size(), 3U);
  EXPECT_EQ(table.entries[0].changed, 19000);
  EXPECT_EQ(table.entries[0].max_days, 90);
  EXPECT_EQ(table.entries[0].inactive_days, 14);
  EXPECT_EQ(table.entries[0].expires, 20000);
  EXPECT_EQ(table.entries[1].password, Password::None);
  EXPECT_EQ(table.entries[2].changed, 0);
  EXPECT_EQ(table.malformed, 1U);
  EXPECT_EQ(date_of_days(19782), "2024-02-29");
  EXPECT_EQ(date_of_days(-1), "");
}

TEST(ReadGroups, MembersAndAdministrators) {
  const auto groups = read_group("sudo:x:27:alice, bob\nx:y\n");
  ASSERT_EQ(groups.entries.size(), 1U);
  EXPECT_EQ(groups.entries[0].members, (std::vector<std::string>{"alice", "bob"}));
  EXPECT_EQ(groups.malformed, 1U);
  const auto shadows = read_gshadow("sudo:*:carol:alice\nopen::x:\n");
  ASSERT_EQ(shadows.entries.size(), 2U);
  EXPECT_EQ(shadows.entries[0].administrators, (std::vector<std::string>{"carol"}));
  EXPECT_EQ(shadows.entries[1].password, Password::None);
}

TEST(OtherServices, LeavesLocalOnesOut) {
  EXPECT_EQ(other_services("# passwd: nis\npasswd: files systemd [NOTFOUND=return extra] sss ldap\n"
                           "group: nis\n",
                           "passwd"),
            (std::vector<std::string>{"sss", "ldap"}));
  EXPECT_TRUE(other_services("passwd: files systemd", "passwd").empty());
}

TEST(CountKeys, IgnoresComments) {
  EXPECT_EQ(count_keys("# a\n\nssh-ed25519 AAAA me\n  from=\"x\" ssh-rsa BBB\n"), 2U);
}

class SudoersTest : public ::testing::Test {
 protected:
  SudoGrant grant(std::string_view user, std::uint32_t uid, std::vector<Group> groups) {
    const SudoersFiles files{[this](const std::string& path) -> base::Result<std::string> {
                               const auto found = texts_.find(path);
                               if (found == texts_.end())
                                 return base::fail(base::Code::Denied, "read");
                               return found->second;
                             },
                             [](const std::string&) -> base::Result<std::vector<std::string>> {
                               return std::vector<std::string>{"10-a", "README.dpkg-new", "old~"};
                             },
                             "pump7"};
    sudoers_ = read_sudoers("/etc/sudoers", files);
    Account account;
    account.name = user;
    account.uid = uid;
    std::vector<const Group*> pointers;
    for (const Group& group : groups)
      pointers.push_back(&group);
    return grant_of(sudoers_, account, pointers);
  }
  std::map<std::string, std::string> texts_;
  Sudoers sudoers_;
};

TEST_F(SudoersTest, GroupsTagsAndIncludes) {
  texts_["/etc/sudoers"] =
      "Defaults env_reset\n"
      "# %staff ALL=ALL\n"
      "%sudo\tALL=(ALL:ALL) ALL\n"
      "@includedir /etc/sudoers.d\n"
      "#include /etc/sudoers.%h\n";
  texts_["/etc/sudoers.d/10-a"] = "alice ALL=(root) NOPASSWD: /bin/ls, \\\n  /bin/cat\n";
  texts_["/etc/sudoers.pump7"] = "#1007 ALL = NOEXEC: PASSWD: /bin/true\n";
  const Group sudo{"sudo", 27, {}};
  const SudoGrant member = grant("bob", 1001, {sudo});
  EXPECT_TRUE(member.allowed && member.everything);
  EXPECT_FALSE(member.no_password);
  EXPECT_EQ(member.sources, (std::vector<std::string>{"%sudo /etc/sudoers:3"}));
  const SudoGrant alice = grant("alice", 1000, {});
  EXPECT_TRUE(alice.allowed && alice.no_password);
  EXPECT_FALSE(alice.everything);
  EXPECT_EQ(alice.commands, (std::vector<std::string>{"(root) /bin/ls", "(root) /bin/cat"}));
  EXPECT_TRUE(grant("carol", 1007, {}).allowed);
  EXPECT_FALSE(grant("dave", 1008, {{"staff", 50, {}}}).allowed);
  EXPECT_TRUE(sudoers_.unread.empty());
  EXPECT_EQ(sudoers_.malformed, 0U);
}

TEST_F(SudoersTest, AliasesNegationAndSeveralHosts) {
  texts_["/etc/sudoers"] =
      "User_Alias ADMINS = alice, %#27 : GUESTS = bob\n"
      "Cmnd_Alias SHELLS = /bin/sh\n"
      "ADMINS, !GUESTS ALL = ALL : pump8 = (www) NOPASSWD: /bin/id\n"
      "ALL, !carol ALL = /usr/bin/w\n"
      "nonsense\n";
  EXPECT_TRUE(grant("alice", 1000, {}).everything);
  EXPECT_TRUE(grant("alice", 1000, {}).no_password);
  EXPECT_FALSE(grant("bob", 1001, {{"x", 27, {}}}).everything);
  EXPECT_TRUE(grant("bob", 1001, {}).allowed);
  EXPECT_FALSE(grant("carol", 1002, {}).allowed);
  EXPECT_EQ(sudoers_.malformed, 1U);
}

TEST_F(SudoersTest, SaysWhatItCouldNotRead) {
  texts_["/etc/sudoers"] = "@include missing\n@include /etc/sudoers\n";
  EXPECT_FALSE(grant("bob", 1001, {}).allowed);
  EXPECT_FALSE(sudoers_.unread.empty());
}

}  // namespace
}  // namespace agent::snapshot::users
