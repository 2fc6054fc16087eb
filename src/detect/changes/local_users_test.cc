#include "detect/changes/local_users.h"

#include "detect/changes/changes_testing.h"

namespace detect::changes {
namespace {

struct User {
  const char* id;
  const char* name;
  const char* groups;
  const char* ids = "";
};

schema::Event picture(std::int64_t second, const std::vector<User>& users) {
  std::vector<schema::LocalUsers> items;
  for (const User& user : users)
    items.push_back({user.ids, user.groups, user.id, user.name, {}});
  return event_of(second, std::move(items));
}

schema::Event run(std::int64_t second, std::string executable, std::string line) {
  schema::ProcessCreate item;
  item.executable = std::move(executable);
  item.command_line = std::move(line);
  item.process_id = 42;
  item.user_id = "0";
  return event_of<schema::ProcessCreate>(second, {std::move(item)});
}

using Users = std::vector<User>;
using Names = std::vector<std::string>;
constexpr const char* kAdded = "Local user added to one or more groups: ";
constexpr const char* kRemoved = "Local user deleted from one or more groups: ";
constexpr const char* kDeleted = "Local user deletion detected: ";

struct Case {
  const char* what;
  Users before;
  Users after;
  Names found;
};

TEST(LocalUserChanges, BetweenTwoPictures) {
  const std::vector<Case> cases = {
      {"nothing", {{"0", "root", "root"}}, {{"0", "root", "root"}}, {}},
      {"another order", {{"1", "a", "a;adm"}}, {{"1", "a", "adm;a"}}, {}},
      {"joined", {{"1", "a", "a"}}, {{"1", "a", "dialout;a"}}, {std::string(kAdded) + "a"}},
      {"left", {{"1", "a", "a;adm;x"}}, {{"1", "a", "x;a"}}, {std::string(kRemoved) + "a"}},
      {"both",
       {{"1", "a", "a;x"}},
       {{"1", "a", "a;y"}},
       {std::string(kAdded) + "a", std::string(kRemoved) + "a"}},
      {"a new account", {{"1", "a", "a"}}, {{"1", "a", "a"}, {"2", "b", "b;sudo"}}, {}},
      {"deleted",
       {{"1", "a", "a;sudo"}, {"2", "b", "b"}},
       {{"2", "b", "b"}},
       {std::string(kDeleted) + "a"}},
      {"renamed", {{"1", "a", "a"}}, {{"1", "b", "b"}}, {}},
      {"renamed, and joined",
       {{"1", "a", "a"}},
       {{"1", "b", "b;sudo"}},
       {std::string(kAdded) + "b"}},
      {"another number", {{"1", "a", "a"}}, {{"5", "a", "a"}}, {}},
      {"a group was renamed", {{"1", "a", "a;old", "1;50"}}, {{"1", "a", "a;new", "1;50"}}, {}},
      {"a group was made again", {{"1", "a", "a;x", "1;50"}}, {{"1", "a", "a;x", "1;51"}}, {}},
      {"numbers that do not fit the names",
       {{"1", "a", "a;x", "50"}},
       {{"1", "a", "a;y", "50"}},
       {std::string(kAdded) + "a", std::string(kRemoved) + "a"}},
      {"an empty picture", {{"1", "a", "a"}}, {}, {}},
      {"root is missing", {{"0", "root", "root"}, {"1", "a", "a"}}, {{"1", "a", "a;sudo"}}, {}},
      {"most are missing",
       {{"1", "a", "a"}, {"2", "b", "b"}, {"3", "c", "c"}, {"4", "d", "d"}},
       {{"1", "a", "a"}},
       {}},
      {"one of two with the same number",
       {{"0", "root", "root"}, {"0", "toor", "root"}},
       {{"0", "root", "root"}},
       {std::string(kDeleted) + "toor"}},
  };
  for (const Case& each : cases) {
    Bench<LocalUserChanges> bench;
    EXPECT_TRUE(bench.event(picture(0, each.before)).empty()) << "the first is a beginning";
    bench.restart();
    EXPECT_EQ(named(bench.event(picture(3600, each.after))), each.found) << each.what;
    EXPECT_TRUE(bench.event(picture(3700, each.after)).empty() || each.found.empty())
        << each.what << ", said once";
  }
}

TEST(LocalUserChanges, ADoubtfulPictureIsBelievedTheSecondTime) {
  Bench<LocalUserChanges> bench;
  bench.event(picture(0, {{"1", "a", "a"}, {"2", "b", "b"}, {"3", "c", "c"}, {"4", "d", "d"}}));
  EXPECT_TRUE(bench.event(picture(10, {{"4", "d", "d"}})).empty());
  bench.restart();
  EXPECT_EQ(named(bench.event(picture(20, {{"4", "d", "d"}}))),
            (Names{std::string(kDeleted) + "a", std::string(kDeleted) + "b",
                   std::string(kDeleted) + "c"}));
  bench.event(picture(30, {{"0", "root", "root"}, {"4", "d", "d"}}));
  EXPECT_TRUE(bench.event(picture(40, {{"4", "d", "d"}})).empty()) << "without root";
  EXPECT_TRUE(bench.event(picture(50, {{"0", "root", "root"}, {"4", "d", "d"}})).empty());
}

TEST(LocalUserChanges, WhatTheAgentCouldNotReadIsNoPicture) {
  Bench<LocalUserChanges> bench;
  bench.event(picture(0, {{"1", "a", "a"}, {"2", "b", "b"}}));
  std::vector<schema::LocalUsers> items = {{"", "b;sudo", "2", "b", {{"UnreadAccounts", "1"}}}};
  EXPECT_TRUE(bench.event(event_of(10, items)).empty());
  items[0].extra_details = {{"UnreadGroups", "0"}};
  EXPECT_EQ(bench.event(event_of(20, items)).size(), 2U);
}

TEST(LocalUserChanges, AnOlderPictureThatComesLateSaysNothing) {
  Bench<LocalUserChanges> bench;
  bench.event(picture(100, {{"1", "a", "a;sudo"}}));
  EXPECT_TRUE(bench.event(picture(50, {{"1", "a", "a"}}), "d1", 200).empty());
  EXPECT_TRUE(bench.event(picture(150, {{"1", "a", "a;sudo"}})).empty());
}

TEST(LocalUserChanges, DevicesHaveAccountsOfTheirOwn) {
  Bench<LocalUserChanges> bench;
  bench.event(picture(0, {{"1", "a", "a"}}), "d1");
  EXPECT_TRUE(bench.event(picture(10, {{"1", "a", "a;sudo"}}), "d2").empty());
  bench.operation(20, "delete", "d1");
  bench.restart();
  EXPECT_TRUE(bench.event(picture(30, {{"1", "a", "a;sudo"}}), "d1").empty())
      << "another device of the same name";
  EXPECT_EQ(bench.event(picture(40, {{"1", "a", "a"}}), "d2").size(), 1U);
}

TEST(LocalUserChanges, CommandsThatNameTheAccountComeWithIt) {
  Bench<LocalUserChanges> bench;
  bench.event(run(0, "/usr/sbin/userdel", "userdel ops"));
  bench.event(picture(10, {{"1", "pi", "pi"}, {"2", "ops", "ops"}, {"3", "x", "x"}}));
  bench.event(run(50, "/usr/sbin/userdel", "userdel -r ops"));
  bench.event(run(51, "/usr/sbin/useradd", "useradd someone"));
  bench.event(run(52, "/usr/bin/perl", "/usr/bin/perl -T /usr/sbin/deluser \"x\""));
  bench.event(run(53, "/usr/bin/perl", "perl report.pl x"));
  bench.event(run(54, "/usr/bin/ls", "ls ops x"));
  bench.restart();
  const auto found = bench.event(picture(100, {{"1", "pi", "pi"}}));
  ASSERT_EQ(named(found), (Names{std::string(kDeleted) + "ops", std::string(kDeleted) + "x"}));
  ASSERT_EQ(found[0].related.size(), 1U) << "what was before the last picture is in that picture";
  EXPECT_EQ(found[0].related[0].time, at(50));
  EXPECT_NE(found[0].related[0].details_json.find("userdel -r ops"), std::string::npos);
  ASSERT_EQ(found[1].related.size(), 1U);
  EXPECT_EQ(found[1].related[0].time, at(52));
  EXPECT_NE(found[0].evidence.details_json.find("\"UserName\":\"ops\""), std::string::npos);
}

TEST(LocalUserChanges, ANewAccountInThePlaceOfADeletedOne) {
  Bench<LocalUserChanges> bench;
  bench.event(picture(0, {{"1", "pi", "pi"}, {"2", "ops", "ops"}}));
  bench.event(run(50, "/usr/sbin/userdel", "userdel ops"));
  EXPECT_EQ(named(bench.event(picture(100, {{"1", "pi", "pi"}, {"2", "new", "new;sudo"}}))),
            Names{std::string(kDeleted) + "ops"});
}

TEST(LocalUserChanges, PrivilegedGroupsWeighMore) {
  for (const auto& [group, severity] : {std::pair{"dialout", Severity::Low},
                                        {"docker", Severity::Medium},
                                        {"sudo", Severity::Medium},
                                        {"shadow", Severity::Medium},
                                        {"sudoku", Severity::Low}}) {
    Bench<LocalUserChanges> bench;
    bench.event(picture(0, {{"1", "a", "a"}}));
    const std::string groups = std::string("a;") + group;
    const auto found = bench.event(picture(10, {{"1", "a", groups.c_str()}}));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].rule.severity, severity) << group;
    ASSERT_EQ(found[0].evidence.matched.size(), 1U);
    EXPECT_EQ(found[0].evidence.matched[0].found, group);
  }
}

TEST(LocalUserChanges, DamagedMemoryIsFound) {
  Bench<LocalUserChanges> bench;
  bench.event(picture(0, {{"1", "a", "a;x", "1;2"}}));
  bench.event(run(50, "/usr/sbin/usermod", "usermod -aG sudo a"));
  bench.expect_damage_is_found();
}

}  // namespace
}  // namespace detect::changes
