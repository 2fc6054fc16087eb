// Sigma rules over events: those of content/ and, with VEDETTE_SHARED set to a folder with
// corpora/sigma-linux, the public ones for Linux; decoded and from JSON, and as rules grow.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "detect/stream.h"
#include "schema/decode.h"
#include "sigma/rule_set.h"

namespace {

// What devices start all day; {} is a number, so that no two lines are the same.
struct Line {
  const char* executable;
  const char* command_line;
  const char* parent;
};
constexpr std::array<Line, 24> kLines = {{
    {"/usr/bin/dash",
     "sh -c test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily/{} )",
     "/usr/sbin/cron"},
    {"/usr/bin/python3.11", "/usr/bin/python3 /opt/app/main.py --config /etc/app/{}.toml --verbose",
     "/usr/lib/systemd/systemd"},
    {"/usr/bin/systemctl", "systemctl is-active telegraf-{}.service", "/usr/bin/bash"},
    {"/usr/sbin/ip", "ip -j addr show dev eth{}", "/usr/bin/python3.11"},
    {"/usr/bin/grep", "grep -q Raspberry{} /proc/cpuinfo", "/usr/bin/dash"},
    {"/usr/bin/curl", "curl -fsS --max-time 10 https://updates.example.com/manifest-{}.json",
     "/opt/app/updater"},
    {"/usr/bin/cat", "cat /sys/class/thermal/thermal_zone{}/temp", "/usr/bin/dash"},
    {"/usr/bin/apt-get", "apt-get -qq update -o Acquire::Retries={}",
     "/usr/lib/apt/apt.systemd.daily"},
    {"/usr/bin/date", "date -d @{} +%Y-%m-%dT%H:%M:%S", "/usr/bin/bash"},
    {"/usr/bin/sed", "sed -n {}p /etc/os-release", "/usr/bin/dash"},
    {"/usr/bin/mosquitto_pub", "mosquitto_pub -h broker.lan -t plant/line{}/state -m running",
     "/opt/line/agent"},
    {"/usr/bin/modbus-poll",
     "modbus-poll --host 192.168.10.{} --unit 1 --count 16 --register 40001", "/opt/line/agent"},
    {"/usr/sbin/logrotate",
     "/usr/sbin/logrotate -s /var/lib/logrotate/status.{} /etc/logrotate.conf", "/usr/bin/dash"},
    {"/usr/bin/run-parts", "run-parts --lsbsysinit /etc/update-motd.d/{}", "/usr/sbin/sshd"},
    {"/usr/lib/openssh/sftp-server", "/usr/lib/openssh/sftp-server -l INFO -u {}",
     "/usr/sbin/sshd"},
    {"/usr/bin/docker", "docker ps --format json --filter label=unit{}", "/opt/edge/supervisor"},
    {"/usr/bin/find", "find /var/spool/app -name *.{}.part -mmin +60 -delete", "/usr/sbin/cron"},
    {"/usr/bin/df", "df --output=pcent /mnt/data{}", "/usr/bin/telegraf"},
    {"/usr/bin/ping", "ping -c 1 -W 2 192.168.10.{}", "/usr/bin/bash"},
    {"/usr/bin/journalctl", "journalctl --since -{}min -o json -u app.service",
     "/opt/app/collector"},
    {"/usr/bin/gpiodetect", "gpioget gpiochip0 {}", "/opt/line/agent"},
    {"/usr/bin/ffmpeg", "ffmpeg -i rtsp://cam{}.lan/stream1 -c copy -f segment /srv/video/%03d.ts",
     "/usr/lib/systemd/systemd"},
    {"/usr/bin/rsync", "rsync -a --delete /srv/video/ backup@nas.lan:/volume{}/video/",
     "/usr/sbin/cron"},
    {"/usr/bin/tail", "tail -n {} /var/log/app/app.log", "/usr/bin/bash"},
}};
constexpr std::size_t kEvents = 24 * 64;

std::vector<schema::Event> events() {
  std::vector<schema::Event> out;
  for (std::size_t i = 0; i < kEvents; ++i) {
    const Line& line = kLines[i % kLines.size()];
    schema::ProcessCreate item;
    item.executable = line.executable;
    item.process_id = static_cast<std::int64_t>(4242 + i);
    item.parent_process_id = 1;
    item.user_id = "1000";
    item.user_name = "operator";
    item.command_line = fmt::format(fmt::runtime(line.command_line), i * 7);
    item.extra_details = {{"ParentExecutable", line.parent}, {"Cwd", "/"}, {"AuditUid", "1000"}};
    schema::Event event;
    event.id = base::Guid::random();
    event.time = {base::wall_now(), std::chrono::minutes(0)};
    event.payload = schema::payload_of(std::move(item));
    out.push_back(std::move(event));
  }
  return out;
}

void add(sigma::RuleSet& rules, std::string_view text, const sigma::Placeholders& lists = {}) {
  for (sigma::Rule& rule : sigma::parse(text, lists).rules)
    static_cast<void>(rules.add(std::move(rule)));
}

std::optional<std::filesystem::path> public_rules() {
  const char* shared = std::getenv("VEDETTE_SHARED");
  if (shared == nullptr) return std::nullopt;
  auto corpus = std::filesystem::path(shared) / "corpora" / "sigma-linux";
  if (!std::filesystem::exists(corpus)) return std::nullopt;
  return corpus;
}

void add_public(sigma::RuleSet& rules, const std::filesystem::path& corpus) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus)) {
    if (entry.path().extension() != ".yml") continue;
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    add(rules, text.str());
  }
}

void add_builtin(sigma::RuleSet& rules) {
  sigma::Placeholders lists;
  for (const auto& rule : detect::builtin_rules())
    add(rules, rule.text, lists);
}

// Rules in the shapes and sizes that the public ones have: most a single selection, some with
// several and exceptions, a tenth with expressions. Many look at the same few programs.
void add_many(sigma::RuleSet& rules, std::size_t count) {
  constexpr std::array<const char*, 6> kPrograms = {"curl", "python3.11", "systemctl",
                                                    "ip",   "docker",     "find"};
  for (std::size_t i = 0; i < count; ++i) {
    const std::string head = fmt::format(
        "title: Rule {}\nlogsource: {{product: linux, category: process_creation}}\ndetection:\n",
        i);
    const std::string program =
        i % 4 == 0 ? kPrograms[i / 4 % kPrograms.size()] : fmt::format("tool{}", i);
    switch (i % 10) {
      case 0:
      case 1:
      case 2:
        add(rules, head + fmt::format("  s: {{Image|endswith: [/{0}, /{0}-cli], "
                                      "CommandLine|contains: [' --opt{1}', ' -o{1} ', 'x{1}=']}}\n"
                                      "  condition: s\n",
                                      program, i));
        break;
      case 3:
      case 4:
      case 5:
        add(rules, head + fmt::format("  s: {{CommandLine|contains: ['/run/{0}/', 'job{1}.sh']}}\n"
                                      "  condition: s\n",
                                      program, i));
        break;
      case 6:
      case 7:
      case 8:
        add(rules, head + fmt::format("  selection_img: {{Image|endswith: /{0}}}\n"
                                      "  selection_cli: {{CommandLine|contains|all: [' --key{1}', "
                                      "secret]}}\n"
                                      "  filter: {{ParentImage|endswith: /manager{1}}}\n"
                                      "  condition: all of selection_* and not filter\n",
                                      program, i));
        break;
      default:
        add(rules,
            head + fmt::format("  s: {{CommandLine|re: '(^|\\s)--(get|put){0}(=|\\s+)\\S+'}}\n"
                               "  condition: s\n",
                               i));
    }
  }
}

// `sets` of rules together: "builtin", "public", or so many.
struct Rules {
  bool builtin = true;
  bool shared = true;
  std::size_t more = 0;
  sigma::Engine engine = sigma::Engine::Fastest;
};

std::optional<sigma::RuleSet> make(benchmark::State& state, const Rules& wanted) {
  sigma::RuleSet rules;
  if (wanted.builtin) add_builtin(rules);
  if (wanted.shared) {
    const auto corpus = public_rules();
    if (!corpus) {
      state.SkipWithError("no corpora/sigma-linux in VEDETTE_SHARED");
      return std::nullopt;
    }
    add_public(rules, *corpus);
  }
  add_many(rules, wanted.more);
  const auto begin = std::chrono::steady_clock::now();
  rules.build(wanted.engine);
  const auto built = std::chrono::steady_clock::now() - begin;
  state.counters["rules"] = static_cast<double>(rules.size());
  state.counters["build_ms"] = std::chrono::duration<double, std::milli>(built).count();
  state.counters["KiB"] = static_cast<double>(rules.bytes()) / 1024;
  return rules;
}

void match(benchmark::State& state, const Rules& wanted) {
  const auto rules = make(state, wanted);
  if (!rules) return;
  const auto all = events();
  sigma::RuleSet::Scratch scratch;
  std::vector<sigma::Hit> hits;
  std::size_t next = 0;
  std::size_t found = 0;
  for (auto _ : state) {
    hits.clear();
    rules->match(all[next], 0, scratch, hits);
    found += hits.size();
    next = next + 1 == all.size() ? 0 : next + 1;
  }
  state.counters["hits"] = static_cast<double>(found) / static_cast<double>(state.iterations());
  state.SetItemsProcessed(state.iterations());
}

void decoded(benchmark::State& state) {
  match(state, {});
}
BENCHMARK(decoded);

void decoded_builtin_rules(benchmark::State& state) {
  match(state, {.shared = false});
}
BENCHMARK(decoded_builtin_rules);

void decoded_without_vectorscan(benchmark::State& state) {
  match(state, {.engine = sigma::Engine::Index});
}
BENCHMARK(decoded_without_vectorscan);

void rules_grow(benchmark::State& state) {
  match(state,
        {.builtin = false, .shared = false, .more = static_cast<std::size_t>(state.range(0))});
}
BENCHMARK(rules_grow)->Arg(100)->Arg(1000)->Arg(10'000);

void rules_grow_without_vectorscan(benchmark::State& state) {
  match(state, {.builtin = false,
                .shared = false,
                .more = static_cast<std::size_t>(state.range(0)),
                .engine = sigma::Engine::Index});
}
BENCHMARK(rules_grow_without_vectorscan)->Arg(100)->Arg(1000)->Arg(10'000);

// Messages of so many events, as they come in.
std::vector<std::string> messages(std::size_t each) {
  const auto all = events();
  std::vector<std::string> out;
  for (std::size_t i = 0; i + each <= all.size(); i += each) {
    schema::Message message{"0.1.0", base::Guid::random(), {}};
    for (std::size_t j = 0; j < each; ++j)
      message.events.push_back(all[i + j]);
    out.push_back(schema::encode_message(message));
  }
  return out;
}

void from_json(benchmark::State& state) {
  const auto rules = make(state, {});
  if (!rules) return;
  const auto all = messages(64);
  schema::Decoder decoder;
  sigma::RuleSet::Scratch scratch;
  std::vector<sigma::Hit> hits;
  std::size_t next = 0;
  for (auto _ : state) {
    hits.clear();
    const auto message = decoder.decode(all[next], schema::Mode::Lenient);
    for (const schema::DecodedEvent& decoded_event : message.events)
      rules->match(decoded_event.event, 0, scratch, hits);
    next = next + 1 == all.size() ? 0 : next + 1;
  }
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(from_json);

// All that the hub's rules do with an event: commands taken apart, correlations, findings. A
// thousand devices, each of which starts something every two seconds.
void stream(benchmark::State& state) {
  auto loaded = detect::Stream::load(std::string());
  auto all = events();
  std::vector<detect::Finding> findings;
  std::vector<std::string> devices;
  for (int i = 0; i < 1000; ++i)
    devices.push_back(fmt::format("device-{}", i));
  base::WallTime now = base::wall_now();
  std::size_t next = 0;
  std::size_t found = 0;
  for (auto _ : state) {
    schema::Event& event = all[next % all.size()];
    event.time.utc = now;
    findings.clear();
    (*loaded)->match(event, 0, {devices[next % devices.size()], "module", now, next}, findings);
    found += findings.size();
    ++next;
    now += std::chrono::milliseconds(2);
  }
  state.counters["findings"] = static_cast<double>(found) / static_cast<double>(state.iterations());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(stream);

}  // namespace
