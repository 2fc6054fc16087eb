// The checks on systems made of files: testdata/*.case, written by hand. Each case is a tree and
// what some checks must say of it:
//
//   == what it is
//   expect Pass|Fail|Err|NotApplicable ID [ID...]
//   evidence ID TEXT                  a part of what it must say
//   file PATH [MODE [UID:GID]]        its lines follow, each after "| "
//   dir PATH [MODE [UID:GID]]
//   link PATH TARGET
//   sysctl KEY VALUE                  a file in /proc/sys
//   process NAME [ARGUMENT...]        one in /proc
//   kernel synchronised|unsynchronised, audit ENABLED PID, firewall ip|ip6 drop|accept|none|guarded
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "agent/baseline/catalogue.h"
#include "agent/baseline/engine.h"
#include "agent/baseline/lines.h"
#include "agent/baseline/root_testing.h"

namespace agent::baseline {
namespace {

struct Case {
  std::string name;
  std::vector<std::pair<std::string, std::string>> expected;  // id, verdict
  std::vector<std::pair<std::string, std::string>> evidence;
  std::vector<std::string> lines;
};

std::vector<Case> read_cases(const std::string& folder) {
  std::vector<Case> cases;
  std::set<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    if (file.path().extension() == ".case") files.insert(file.path());
  for (const auto& path : files) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string word;
      words >> word;
      if (line.starts_with("== ")) {
        cases.emplace_back().name = path.filename().string() + ": " + line.substr(3);
      } else if (word == "expect") {
        std::string verdict;
        words >> verdict;
        for (std::string id; words >> id;)
          cases.back().expected.emplace_back(id, verdict);
      } else if (word == "evidence") {
        std::string id;
        words >> id;
        std::string text;
        std::getline(words >> std::ws, text);
        cases.back().evidence.emplace_back(id, text);
      } else if (!line.empty() && !line.starts_with("# ") && line != "#") {
        cases.back().lines.push_back(line);
      }
    }
  }
  return cases;
}

std::string text_from(const std::vector<std::string>& lines, std::size_t& at) {
  std::string text;
  while (at + 1 < lines.size() && lines[at + 1].starts_with('|')) {
    const std::string& line = lines[++at];
    text += (line.size() > 2 ? line.substr(2) : "") + "\n";
  }
  return text;
}

void kernel(std::istringstream& words, TestRoot& root) {
  std::string what;
  words >> what;
  if (what == "synchronised") root.synchronised = true;
  if (what == "unsynchronised") root.synchronised = false;
  if (what == "audit") {
    AuditFacts facts;
    words >> facts.enabled >> facts.pid;
    root.audit_facts = facts;
  }
  if (what == "firewall") {
    std::string family;
    std::string state;
    words >> family >> state;
    FirewallFacts facts;
    if (state != "none")
      facts.chains.push_back(
          {.name = "filter input", .hook = Hook::Input, .drops = state == "drop"});
    // What other hooks do must not count for the input.
    facts.chains.push_back({.name = "filter forward", .hook = Hook::Forward, .drops = true});
    facts.loopback_guard = state == "guarded";
    root.firewalls[family == "ip6" ? IpFamily::V6 : IpFamily::V4] = facts;
  }
}

void process(std::istringstream& words, TestRoot& root, int& pid) {
  std::string name;
  words >> name;
  std::string line = name;
  line.push_back('\0');
  for (std::string argument; words >> argument;)
    line += argument + std::string(1, '\0');
  const std::string folder = "/proc/" + std::to_string(++pid);
  root.file(folder + "/comm", name.substr(0, 15) + "\n");
  root.file(folder + "/cmdline", line);
}

void build(const Case& one, TestRoot& root) {
  int pid = 100;
  root.folder("/proc");
  for (std::size_t i = 0; i < one.lines.size(); ++i) {
    std::istringstream words(one.lines[i]);
    std::string kind;
    std::string path;
    words >> kind;
    if (kind == "kernel") {
      kernel(words, root);
      continue;
    }
    if (kind == "process") {
      process(words, root, pid);
      continue;
    }
    words >> path;
    if (kind == "sysctl") {
      std::string value;
      std::getline(words >> std::ws, value);
      std::replace(path.begin(), path.end(), '.', '/');
      root.file("/proc/sys/" + path, value + "\n");
    } else if (kind == "link") {
      std::string target;
      words >> target;
      root.link(path, target);
    } else {
      ASSERT_TRUE(kind == "file" || kind == "dir") << one.name << ": " << one.lines[i];
      std::string mode = kind == "file" ? "0644" : "0755";
      std::string owner = "0:0";
      words >> mode >> owner;
      const auto uid = static_cast<unsigned>(std::stoul(owner));
      const auto gid = static_cast<unsigned>(std::stoul(owner.substr(owner.find(':') + 1)));
      const auto bits = static_cast<unsigned>(std::stoul(mode, nullptr, 8));
      if (kind == "dir") {
        root.folder(path, bits, uid, gid);
      } else {
        root.file(path, text_from(one.lines, i), bits, uid, gid);
      }
    }
  }
}

std::vector<Case> all_cases() {
  const char* const source = std::getenv("VEDETTE_SOURCE_DIR");
  return source == nullptr ? std::vector<Case>{}
                           : read_cases(std::string(source) + "/src/agent/baseline/testdata");
}

TEST(Cases, ComeOutAsWritten) {
  const std::vector<Case> cases = all_cases();
  if (cases.empty()) GTEST_SKIP() << "VEDETTE_SOURCE_DIR is not set";
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    TestRoot root;
    build(one, root);
    std::map<std::string, Outcome> outcomes;
    for (Finding& finding : run(root, {}).findings)
      outcomes[finding.id] = finding.outcome;
    for (const auto& [id, verdict] : one.expected) {
      ASSERT_TRUE(outcomes.contains(id)) << id;
      EXPECT_EQ(verdict_name(outcomes[id].verdict), verdict) << id << ": " << outcomes[id].evidence;
    }
    for (const auto& [id, text] : one.evidence)
      EXPECT_NE(outcomes[id].evidence.find(text), std::string::npos)
          << id << ": " << outcomes[id].evidence;
  }
}

TEST(Cases, ShowEveryCheckPassAndFail) {
  const std::vector<Case> cases = all_cases();
  if (cases.empty()) GTEST_SKIP() << "VEDETTE_SOURCE_DIR is not set";
  std::set<std::pair<std::string, std::string>> shown;
  for (const Case& one : cases)
    shown.insert(one.expected.begin(), one.expected.end());
  each_check(packed_catalogue(), [&](const Check& check) {
    for (const char* const verdict : {"Pass", "Fail"})
      EXPECT_TRUE(shown.contains({std::string(check.id), verdict})) << check.id << " " << verdict;
  });
}

}  // namespace
}  // namespace agent::baseline
