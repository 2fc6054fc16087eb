// What one run of logins on a Debian 12 wrote, read back: into the audit trail, into the system's
// log, and into both at once.
#include <cstdlib>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/logins/attempts.h"
#include "agent/logins/audit_record.h"
#include "agent/logins/readers.h"
#include "base/text.h"

namespace agent::logins {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAreArray;
using ::testing::UnorderedElementsAreArray;

std::string data(const std::string& name) {
  const char* const source = std::getenv("VEDETTE_SOURCE_DIR");
  const std::string path =
      (source != nullptr ? std::string(source) : ".") + "/src/agent/logins/testdata/" + name;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Observation> of_audit() {
  std::vector<Observation> all;
  const std::string text = data("debian12.audit");
  for (const std::string_view line : base::split(text, '\n')) {
    const auto parts = base::split(line, ' ');
    if (parts.size() < 3) continue;
    const auto type = base::parse_int(parts[0]);
    const auto time = base::split(parts[1], '.');
    const audit::Record record{static_cast<audit::RecordType>(type.value_or(0)),
                               std::string(line.substr(parts[0].size() + parts[1].size() + 2))};
    auto observation = read_audit(record);
    if (!observation) continue;
    observation->time = base::WallTime(std::chrono::seconds(*base::parse_int(time[0])) +
                                       std::chrono::milliseconds(*base::parse_int(time[1])));
    all.push_back(std::move(*observation));
  }
  return all;
}

std::vector<Observation> of_log() {
  std::vector<Observation> all;
  LineReader reader("/var/log/auth.log",
                    [&all](const Observation& observation) { all.push_back(observation); });
  const std::string text = data("debian12.log");
  const base::WallTime now = base::parse_rfc3339("2026-11-22T21:00:00Z")->utc;
  EXPECT_EQ(reader(base::as_bytes(text), {1, 2, 0}, now), text.size());
  return all;
}

std::string summary(const Verdict& verdict) {
  const Observation& facts = verdict.facts;
  const char* const words[] = {"success", "fail", "logout"};
  std::string out = words[static_cast<int>(verdict.outcome)];
  out += " " + facts.service + " ";
  out += facts.account.empty() ? facts.by : facts.account;
  if (!facts.target.empty()) out += ">" + facts.target;
  if (!facts.address.empty()) out += " " + facts.address;
  if (verdict.since) out += " since";
  return out;
}

// Feeds in order of their times, on a clock that follows them.
std::vector<std::string> verdicts(std::vector<Observation> all) {
  std::ranges::stable_sort(all, {}, &Observation::time);
  std::vector<std::string> told;
  Attempts attempts({.tell = [&told](const Verdict& one) { told.push_back(summary(one)); },
                     .alive = [](std::uint32_t) { return true; }});
  base::MonoTime now{};
  base::WallTime last = all.empty() ? base::WallTime() : all.front().time;
  for (const Observation& observation : all) {
    while (last < observation.time) {
      const auto step = std::min<std::chrono::nanoseconds>(observation.time - last, 500ms);
      last += step;
      now += step;
      attempts.settle(now);
    }
    attempts.observe(observation, now);
  }
  attempts.settle(now + 5s);
  return told;
}

// What was done, in order.
const std::vector<std::string> kDone = {
    // Wrong password twice, then the right one.
    "fail sshd joe 127.0.0.1", "fail sshd joe 127.0.0.1", "success sshd joe 127.0.0.1",
    "logout sshd joe 127.0.0.1 since",
    // With a key: a command, then a terminal.
    "success sshd joe ::1", "logout sshd joe ::1 since", "success sshd joe 127.0.0.1",
    "logout sshd joe 127.0.0.1 since",
    // With a key that is not accepted, and no other method.
    "fail sshd joe 127.0.0.1",
    // An account that does not exist, three passwords.
    "fail sshd nosuch 127.0.0.1", "fail sshd nosuch 127.0.0.1", "fail sshd nosuch 127.0.0.1",
    "fail su amy", "success su amy", "logout su amy since", "success su amy", "logout su amy since",
    // sudo: three wrong passwords, a right one, and somebody who may not.
    "fail sudo joe", "fail sudo joe", "fail sudo joe", "success sudo joe>root",
    "logout sudo joe>root since", "fail sudo amy",
    // On a terminal: a wrong password, the right one.
    "fail login joe", "success login joe", "logout login joe since"};

std::map<std::string, int> counted(const std::vector<std::string>& all) {
  std::map<std::string, int> counts;
  for (const std::string& one : all) {
    // The log names the account that sudo serves only.
    std::string key = one.substr(0, one.find('>'));
    if (key.ends_with(" since")) key.resize(key.size() - 6);
    ++counts[key];
  }
  return counts;
}

TEST(Recorded, TheAuditTrailTellsEachLoginOnce) {
  EXPECT_THAT(verdicts(of_audit()), UnorderedElementsAreArray(kDone));
}

TEST(Recorded, TheLogTellsEachLoginOnce) {
  auto expected = counted(kDone);
  // It also tells of somebody who gave a name and left, which the audit trail does not.
  ++expected["fail sshd joe 127.0.0.1"];
  EXPECT_EQ(counted(verdicts(of_log())), expected);
}

TEST(Recorded, BothTogetherTellEachLoginOnce) {
  auto all = of_audit();
  for (Observation& observation : of_log()) {
    all.push_back(std::move(observation));
  }
  auto expected = counted(kDone);
  ++expected["fail sshd joe 127.0.0.1"];
  EXPECT_EQ(counted(verdicts(std::move(all))), expected);
}

TEST(Recorded, ALogThatComesLaterChangesNothing) {
  // As when the log daemon is slow: five seconds behind.
  auto all = of_audit();
  for (Observation& observation : of_log()) {
    observation.time += 5s;
    all.push_back(std::move(observation));
  }
  auto expected = counted(kDone);
  ++expected["fail sshd joe 127.0.0.1"];
  EXPECT_EQ(counted(verdicts(std::move(all))), expected);
}

}  // namespace
}  // namespace agent::logins
