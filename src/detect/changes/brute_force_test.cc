#include "detect/changes/brute_force.h"

#include <algorithm>

#include "detect/changes/address.h"
#include "detect/changes/changes_testing.h"

namespace detect::changes {
namespace {

using Names = std::vector<std::string>;
const std::string kSuccess = "Successful Bruteforce attempt: ";
const std::string kFailed = "Failed Bruteforce attempt: ";

schema::Event login(std::int64_t second, const std::string& user, const std::string& address,
                    bool success, std::int64_t hits = 1) {
  schema::Login item;
  item.user_name = user;
  item.operation = "PAM:authentication";
  item.executable = "/usr/sbin/sshd";
  if (!address.empty()) item.remote_address = address;
  item.result = success ? schema::LoginResult::Success : schema::LoginResult::Fail;
  if (hits != 1) item.extra_details = {{"HitCount", std::to_string(hits)}};
  return event_of<schema::Login>(second, {std::move(item)});
}

struct Attempts {
  int count;
  int begin;
  int every;
  const char* user;
  const char* address;  // a star stands for 1, 2, 3...
};
struct Entry {
  int second;
  const char* user;
  const char* address;
};
struct Case {
  const char* what;
  std::vector<Attempts> attempts;
  std::vector<Entry> entries;
  Names at_once;     // with the last of the above
  Names afterwards;  // when time has passed
};

std::string address_of(const Attempts& attempts, int number) {
  std::string address = attempts.address;
  if (const auto star = address.find('*'); star != std::string::npos)
    address.replace(star, 1, std::to_string(number + 1));
  return address;
}

// All that happens, in its order.
std::vector<schema::Event> course_of(const Case& each) {
  std::vector<schema::Event> events;
  for (const Attempts& attempts : each.attempts) {
    for (int i = 0; i < attempts.count; ++i) {
      events.push_back(login(attempts.begin + i * attempts.every, attempts.user,
                             address_of(attempts, i), false));
    }
  }
  for (const Entry& entry : each.entries)
    events.push_back(login(entry.second, entry.user, entry.address, true));
  std::ranges::stable_sort(events, {}, [](const schema::Event& event) { return event.time.utc; });
  return events;
}

TEST(BruteForce, WhatIsAnAttemptAndWhatBecameOfIt) {
  const std::vector<Case> cases = {
      {"ten, then in",
       {{10, 0, 20, "pi", "198.51.100.7"}},
       {{250, "pi", "198.51.100.7"}},
       {kSuccess + "198.51.100.7"},
       {}},
      {"another address of the network gets in",
       {{10, 0, 20, "pi", "198.51.100.*"}},
       {{250, "pi", "198.51.100.200"}},
       {kSuccess + "198.51.100.200"},
       {}},
      {"five of one account, then that account",
       {{5, 0, 10, "pi", "198.51.100.7"}},
       {{60, "pi", "198.51.100.7"}},
       {kSuccess + "198.51.100.7"},
       {}},
      {"five of one account, then another",
       {{5, 0, 10, "pi", "198.51.100.7"}},
       {{60, "root", "198.51.100.7"}},
       {},
       {}},
      {"four, then in: a bad memory",
       {{4, 0, 10, "pi", "198.51.100.7"}},
       {{60, "pi", "198.51.100.7"}},
       {},
       {}},
      {"from elsewhere somebody else logs in",
       {{14, 0, 8, "root", "203.0.113.9"}},
       {{140, "admin", "192.168.1.50"}},
       {},
       {kFailed + "203.0.113.9"}},
      {"too late", {{10, 0, 10, "pi", "198.51.100.7"}}, {{700, "pi", "198.51.100.7"}}, {}, {}},
      {"ten in twenty minutes", {{10, 0, 130, "pi", "198.51.100.7"}}, {}, {}, {}},
      {"nine", {{9, 0, 10, "pi", "198.51.100.7"}}, {}, {}, {}},
      {"ten, nobody got in",
       {{10, 0, 10, "pi", "198.51.100.7"}},
       {},
       {},
       {kFailed + "198.51.100.7"}},
      {"a network", {{12, 0, 15, "admin", "198.51.100.*"}}, {}, {}, {kFailed + "198.51.100.0/24"}},
      {"one account from everywhere",
       {{12, 0, 15, "admin", "198.*.100.1"}},
       {},
       {},
       {kFailed + "admin"}},
      {"one account from two places",
       {{6, 0, 15, "admin", "198.51.100.1"}, {6, 5, 15, "admin", "203.0.113.1"}},
       {},
       {},
       {}},
      {"from everywhere, and one gets in",
       {{12, 0, 15, "admin", "198.*.100.1"}},
       {{200, "admin", "198.5.100.1"}},
       {kSuccess + "198.5.100.1"},
       {}},
      {"from everywhere, and the owner logs in",
       {{12, 0, 15, "admin", "198.*.100.1"}},
       {{200, "admin", "192.0.2.1"}},
       {},
       {kFailed + "admin"}},
      {"slowly", {{12, 0, 3600, "svc", "10.0.0.1"}}, {}, {}, {}},
      {"it goes on a little after",
       {{12, 0, 5, "pi", "198.51.100.7"}, {1, 720, 1, "pi", "198.51.100.7"}},
       {},
       {},
       {kFailed + "198.51.100.7"}},
      {"IPv6",
       {{10, 0, 5, "pi", "2001:db8:1:2::*"}},
       {{60, "pi", "2001:db8:1:2:9::1"}},
       {kSuccess + "2001:db8:1:2:9::1"},
       {}},
      {"IPv4 in IPv6",
       {{10, 0, 5, "pi", "::ffff:198.51.100.7"}},
       {{60, "pi", "198.51.100.7"}},
       {kSuccess + "198.51.100.7"},
       {}},
      {"at the device", {{20, 0, 5, "pi", ""}}, {{110, "pi", ""}}, {}, {}},
      {"from the device", {{20, 0, 5, "pi", "127.0.0.1"}}, {{110, "pi", "127.0.0.1"}}, {}, {}},
  };
  for (const bool interrupted : {false, true}) {
    for (const Case& each : cases) {
      Bench<BruteForce> bench;
      Names at_once;
      for (const schema::Event& event : course_of(each)) {
        bench.time((event.time.utc - kStart) / std::chrono::seconds(1));
        for (std::string& name : named(bench.event(event)))
          at_once.push_back(std::move(name));
        if (interrupted) bench.restart();
      }
      EXPECT_EQ(at_once, each.at_once) << each.what;
      EXPECT_EQ(named(bench.time(100'000)), each.afterwards) << each.what;
      EXPECT_TRUE(bench.time(400'000).empty());
      bench.save();
      EXPECT_TRUE(bench.disk().empty()) << each.what << ": it is over, and forgotten";
    }
  }
}

TEST(BruteForce, RepeatsCountAsOftenAsTheyStandFor) {
  Bench<BruteForce> bench;
  bench.event(login(0, "pi", "198.51.100.7", false));
  bench.event(login(60, "pi", "198.51.100.7", false, 9));
  const auto found = bench.event(login(70, "root", "198.51.100.7", true));
  ASSERT_EQ(named(found), Names{kSuccess + "198.51.100.7"});
  EXPECT_EQ(found[0].related.size(), 2U);
  EXPECT_EQ(found[0].rule.severity, Severity::High);
  EXPECT_NE(found[0].why.find("10 logins failed"), std::string::npos) << found[0].why;
  EXPECT_TRUE(bench.event(login(80, "root", "198.51.100.7", true)).empty()) << "said once";
}

TEST(BruteForce, ALogoutIsNoLogin) {
  Bench<BruteForce> bench;
  for (int i = 0; i < 12; ++i)
    bench.event(login(i, "pi", "198.51.100.7", false));
  schema::Event logout = login(20, "pi", "198.51.100.7", true);
  std::get<std::vector<schema::Login>>(logout.payload)[0].extra_details = {{"Action", "Logout"}};
  EXPECT_TRUE(bench.event(logout).empty());
}

TEST(BruteForce, ASourceIsToldOnceADay) {
  Bench<BruteForce> bench;
  int told = 0;
  for (int minute = 0; minute < 23 * 60; ++minute) {
    told += static_cast<int>(bench.time(minute * 60).size());
    bench.event(login(minute * 60, "pi", "198.51.100.7", false, 5));
    if (minute % 50 == 0) bench.restart();
  }
  EXPECT_EQ(told, 1);
  const int tomorrow = 30 * 3600;
  bench.time(tomorrow);
  for (int i = 0; i < 10; ++i)
    bench.event(login(tomorrow + i, "pi", "198.51.100.7", false));
  EXPECT_EQ(bench.time(tomorrow + 1210).size(), 1U);
}

// The device was cut off: what happened hours ago comes now.
TEST(BruteForce, WhatComesLateIsJudgedByTheDevicesClock) {
  Bench<BruteForce> bench;
  for (int i = 0; i < 12; ++i)
    bench.event(login(i, "pi", "198.51.100.7", false), "d1", 10'000);
  EXPECT_TRUE(bench.time(10'001).empty()) << "the rest may be on its way";
  EXPECT_EQ(named(bench.event(login(30, "pi", "198.51.100.7", true), "d1", 10'002)),
            Names{kSuccess + "198.51.100.7"});
}

TEST(BruteForce, DevicesAreAttackedOneByOne) {
  Bench<BruteForce> bench;
  for (int i = 0; i < 12; ++i)
    bench.event(login(i, "pi", "198.51.100.7", false), i % 2 == 0 ? "d1" : "d2");
  EXPECT_TRUE(bench.event(login(20, "root", "198.51.100.7", true), "d1").empty());
}

TEST(BruteForce, MemoryIsBounded) {
  BruteForce::Limits limits;
  limits.attempts = 16;
  limits.sources = 20;
  Bench<BruteForce> bench(limits);
  for (int i = 0; i < 500; ++i) {
    const std::string address =
        "10." + std::to_string(i % 250) + "." + std::to_string(i / 250) + ".1";
    bench.event(login(i, "user" + std::to_string(i), address, false));
  }
  EXPECT_EQ(bench.detector().evicted(), 1000U - 20U);
  bench.save();
  EXPECT_EQ(bench.disk().size(), 20U);
  // Many attempts of one source are put together, and none is lost.
  for (int i = 0; i < 200; ++i)
    bench.event(login(1000 + i, "user" + std::to_string(i), "192.0.2.1", false));
  const auto found = bench.event(login(1201, "pi", "192.0.2.1", true));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].why.find("200 logins failed"), std::string::npos) << found[0].why;
  EXPECT_LE(found[0].related.size(), 10U);
}

TEST(BruteForce, DamagedMemoryIsFound) {
  Bench<BruteForce> bench;
  for (int i = 0; i < 12; ++i)
    bench.event(login(i, "pi", "198.51.100.7", false));
  bench.expect_damage_is_found();
}

TEST(Source, OfAnAddress) {
  struct Expected {
    const char* text;
    const char* address;
    const char* network;
  };
  for (const Expected& each : std::initializer_list<Expected>{
           {"198.51.100.7", "198.51.100.7", "198.51.100.0/24"},
           {"::ffff:198.51.100.7", "198.51.100.7", "198.51.100.0/24"},
           {"2001:DB8:1:2:3::4", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"},
           {"fe80::1%eth0", "fe80::1", "fe80::/64"},
           {"127.0.0.1", "", ""},
           {"::1", "", ""},
           {"::", "", ""},
           {"0.0.0.0", "", ""},
           {"::ffff:127.0.0.1", "", ""},
           {"?", "", ""},
           {"", "", ""},
           {"host.example", "", ""}}) {
    const auto source = source_of(each.text);
    EXPECT_EQ(source ? source->address : "", each.address) << each.text;
    EXPECT_EQ(source ? source->network : "", each.network) << each.text;
  }
}

}  // namespace
}  // namespace detect::changes
