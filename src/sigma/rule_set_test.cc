#include "sigma/rule_set.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "sigma/reference_testing.h"

namespace sigma {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

schema::Event process(std::string executable, std::string command_line,
                      schema::ExtraDetails extra = {}) {
  schema::ProcessCreate item;
  item.executable = std::move(executable);
  item.command_line = std::move(command_line);
  item.process_id = 4242;
  item.parent_process_id = 1;
  item.user_id = "0";
  item.user_name = "root";
  item.extra_details = std::move(extra);
  schema::Event event;
  event.payload = schema::payload_of(std::move(item));
  return event;
}

RuleSet rules_of(const std::string& detection,
                 const std::string& source = "product: linux\n  category: process_creation") {
  RuleSet set;
  auto parsed = parse("title: Test\nlogsource:\n  " + source + "\ndetection:\n" + detection);
  EXPECT_EQ(parsed.problems.size(), 0U) << parsed.problems.front().to_string("test");
  for (Rule& rule : parsed.rules) {
    const auto added = set.add(std::move(rule));
    EXPECT_TRUE(added) << added.error().problem.to_string("test");
  }
  set.build();
  return set;
}

std::vector<Hit> hits(const RuleSet& set, const schema::Event& event) {
  RuleSet::Scratch scratch;
  std::vector<Hit> found;
  set.match(event, 0, scratch, found);
  return found;
}

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

TEST(RuleSet, RefusesWhatItCannotRun) {
  struct Case {
    const char* source;
    const char* detection;
    Refusal::Kind kind;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"{product: linux, service: auditd}", "{s: {type: EXECVE}, condition: s}",
            Refusal::Kind::NoEvents, "product=linux service=auditd"},
           {"{product: windows, category: process_creation}", "{s: {Image: x}, condition: s}",
            Refusal::Kind::NoEvents, "windows"},
           {"{product: vedette, category: Logon}", "{s: {Result: x}, condition: s}",
            Refusal::Kind::NoEvents, "category=Logon"},
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

// Compiled rules against the plain reading of the specification, on random rules and events.
TEST(RuleSet, AgreesWithTheReferenceInterpreter) {
  std::minstd_rand random(7);
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  const std::vector<std::string> texts = {
      "",           "a",        "ab",         "AB", "abc", "b",    "bc",  "a.b", "xmrig",
      "/usr/bin/a", "10.0.0.1", "10.0.0.200", "5",  "17",  "-o a", "a*b", "aXb"};
  const std::vector<std::string> keys = {"CommandLine",
                                         "CommandLine|contains",
                                         "CommandLine|startswith",
                                         "CommandLine|endswith",
                                         "CommandLine|re",
                                         "CommandLine|re|i",
                                         "CommandLine|cased",
                                         "CommandLine|contains|cased",
                                         "CommandLine|contains|all",
                                         "CommandLine|neq",
                                         "Image",
                                         "Image|endswith",
                                         "Image|contains|neq",
                                         "ParentImage|contains",
                                         "ParentImage|startswith|all",
                                         "CommandLine|windash|contains",
                                         "CommandLine|base64offset|contains"};
  const std::vector<std::string> values = {"a", "b",  "AB", "'a*'",  "'*b*'", "'a?b'", "'a\\*b'",
                                           "c", "''", "bc", "xmrig", "10",    "'-o'"};
  const auto test_text = [&] {
    const auto special = random() % 12;
    if (special == 0) return std::string("CommandLine|cidr: 10.0.0.0/25");
    if (special == 1)
      return "CommandLine|" + pick({"lt", "lte", "gt", "gte"}) + ": " + pick({"5", "10", "17"});
    if (special == 2) return "ParentImage|exists: " + pick({"true", "false"});
    if (special == 3) return "ParentImage: null" + std::string();
    if (special == 4) return std::string("CommandLine|fieldref: ParentImage");
    std::string key = pick(keys);
    const auto value = [&] {
      if (key.find("|re") != std::string::npos)
        return pick({"'^a'", "'b$'", "'a.b'", "'[ab]+c'", "'x|b'"});
      if (key.find("base64") != std::string::npos) return pick({"ab", "xmrig", "a.b"});
      return pick(values);
    };
    if (random() % 2 == 0) return key + ": " + value();
    return key + ": [" + value() + ", " + value() + "]";
  };
  const auto selection = [&] {
    if (random() % 3 != 0) return "{" + test_text() + "}";
    return "[{" + test_text() + "}, {" + test_text() + "}]";
  };
  std::size_t matched = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string yaml =
        "title: t\nlogsource: {category: process_creation}\ndetection:\n  s1: " + selection() +
        "\n  s2: " + selection() + "\n  f1: " + selection() + "\n  condition: " +
        pick({"s1", "s1 and s2", "s1 or s2", "s1 and not f1", "1 of s*", "all of s*", "2 of them",
              "not s1 and not 1 of f*", "(s1 or f1) and s2", "all of them"}) +
        "\n";
    auto parsed = parse(yaml);
    ASSERT_EQ(parsed.rules.size(), 1U) << yaml << parsed.problems.at(0).to_string("rule");
    const Rule rule = parsed.rules[0];
    RuleSet set;
    ASSERT_TRUE(set.add(rule)) << yaml;
    set.build();
    for (int i = 0; i < 10; ++i) {
      const std::string image = pick(texts);
      const std::string command = pick(texts);
      const std::string parent = pick(texts);
      const bool has_parent = random() % 2 == 0;
      const auto event = process(
          image, command,
          has_parent ? schema::ExtraDetails{{"ParentExecutable", parent}} : schema::ExtraDetails{});
      const auto lookup = [&](std::string_view field) -> std::optional<std::string> {
        if (field == "Image") return image;
        if (field == "CommandLine") return command;
        if (field == "ParentImage" && has_parent) return parent;
        return std::nullopt;
      };
      const bool expected = reference::holds(rule, lookup);
      const auto found = hits(set, event);
      ASSERT_EQ(!found.empty(), expected) << yaml << "Image=" << image << " CommandLine=" << command
                                          << " ParentImage=" << (has_parent ? parent : "-");
      matched += expected ? 1U : 0U;
    }
  }
  EXPECT_GT(matched, 3000U);
  EXPECT_LT(matched, 27'000U);
}

std::optional<std::filesystem::path> shared_folder() {
  if (const char* named = std::getenv("VEDETTE_SHARED")) return std::filesystem::path(named);
  if (const char* source = std::getenv("VEDETTE_SOURCE_DIR")) {
    auto beside = std::filesystem::path(source) / ".." / "shared";
    if (std::filesystem::exists(beside)) return beside;
  }
  return std::nullopt;
}

// The public Linux rules, where somebody has put them: none may crash, none that we have events for
// may be refused, and compiled and reference must agree on real command lines.
TEST(RuleSet, TakesThePublicLinuxRules) {
  const auto shared = shared_folder();
  const auto corpus = shared ? *shared / "corpora" / "sigma-linux" : std::filesystem::path();
  if (!std::filesystem::exists(corpus))
    GTEST_SKIP() << "no corpora/sigma-linux in VEDETTE_SHARED or ../shared";
  RuleSet set;
  std::vector<Rule> kept;
  std::map<std::string, int> without_events;
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus)) {
    if (entry.path().extension() != ".yml") continue;
    ++files;
    auto parsed = parse(read(entry.path()));
    EXPECT_EQ(parsed.problems.size(), 0U)
        << parsed.problems.front().to_string(entry.path().string());
    for (Rule& rule : parsed.rules) {
      const Rule copy = rule;
      auto added = set.add(std::move(rule));
      if (added) {
        kept.push_back(copy);
        continue;
      }
      EXPECT_EQ(added.error().kind, Refusal::Kind::NoEvents)
          << added.error().problem.to_string(entry.path().string());
      ++without_events[added.error().problem.message];
    }
  }
  set.build();
  std::cout << "public Linux rules: " << files << " files, " << set.size() << " compiled\n";
  for (const auto& [reason, count] : without_events)
    std::cout << "  " << count << ": " << reason << "\n";
  EXPECT_EQ(files, 214);
  EXPECT_GE(set.size(), 129U);

  std::ifstream commands(*shared / "corpora" / "atomics_linux.tsv");
  std::string line;
  RuleSet::Scratch scratch;
  std::size_t lines = 0;
  while (std::getline(commands, line) && lines < 400) {
    ++lines;
    const std::string text = base::to_utf8(line.substr(0, 400));
    const std::string image = "/usr/bin/" + text.substr(0, text.find(' '));
    std::vector<Hit> found;
    set.match(process(image, text), 0, scratch, found);
    std::size_t at = 0;
    for (const Rule& rule : kept) {
      if (rule.log_source.category != "process_creation") continue;
      const bool expected =
          reference::holds(rule, [&](std::string_view field) -> std::optional<std::string> {
            if (field == "Image") return image;
            if (field == "CommandLine") return text;
            if (field == "User") return "root";
            return std::nullopt;
          });
      const bool actual = at < found.size() && found[at].rule->id == rule.id;
      ASSERT_EQ(actual, expected) << rule.title << "\n" << text;
      at += actual ? 1U : 0U;
    }
    ASSERT_EQ(at, found.size());
  }
}

}  // namespace
}  // namespace sigma
