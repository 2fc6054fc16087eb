// Sigma rules over events: the rules of content/ alone, and beside many of the usual shape.
//
// With VEDETTE_SHARED set to a folder with corpora/sigma-linux, the public Linux rules as well.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <benchmark/benchmark.h>

#include "detect/stream.h"
#include "sigma/rule_set.h"

namespace {

std::vector<schema::Event> events() {
  const std::vector<std::pair<const char*, const char*>> commands = {
      {"/usr/bin/dash",
       "sh -c test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )"},
      {"/usr/bin/python3.11",
       "/usr/bin/python3 /opt/app/main.py --config /etc/app/config.toml --verbose"},
      {"/usr/bin/systemctl", "systemctl is-active telegraf.service"},
      {"/usr/sbin/ip", "ip -j addr show dev eth0"},
      {"/usr/bin/grep", "grep -q Raspberry /proc/cpuinfo"},
      {"/usr/bin/curl", "curl -fsS --max-time 10 https://updates.example.com/manifest.json"},
      {"/usr/bin/cat", "cat /sys/class/thermal/thermal_zone0/temp"},
      {"/usr/bin/apt-get", "apt-get -qq update"}};
  std::vector<schema::Event> out;
  for (const auto& [executable, command_line] : commands) {
    schema::Event event;
    event.payload = schema::payload_of(schema::ProcessCreate{
        .executable = executable,
        .process_id = 4242,
        .parent_process_id = 1,
        .user_id = "0",
        .user_name = "root",
        .command_line = command_line,
        .extra_details = {{"ParentExecutable", "/usr/lib/systemd/systemd"}, {"Cwd", "/"}}});
    out.push_back(std::move(event));
  }
  return out;
}

void add(sigma::RuleSet& rules, std::string_view text) {
  for (sigma::Rule& rule : sigma::parse(text).rules)
    static_cast<void>(rules.add(std::move(rule)));
}

sigma::RuleSet builtin() {
  sigma::RuleSet rules;
  for (const auto& rule : detect::builtin_rules())
    add(rules, rule.text);
  return rules;
}

void match(benchmark::State& state, sigma::RuleSet rules) {
  rules.build();
  state.counters["rules"] = static_cast<double>(rules.size());
  const auto all = events();
  sigma::RuleSet::Scratch scratch;
  std::vector<sigma::Hit> hits;
  std::size_t next = 0;
  for (auto _ : state) {
    hits.clear();
    rules.match(all[next++ % all.size()], 0, scratch, hits);
    benchmark::DoNotOptimize(hits.data());
  }
  state.SetItemsProcessed(state.iterations());
}

void builtin_rules(benchmark::State& state) {
  match(state, builtin());
}
BENCHMARK(builtin_rules);

void many_rules(benchmark::State& state) {
  sigma::RuleSet rules = builtin();
  for (int i = 0; i < 128; ++i) {
    const std::string n = std::to_string(i);
    add(rules, "title: Rule " + n +
                   "\nlogsource: {product: linux, category: process_creation}\ndetection:\n"
                   "  selection_img: {Image|endswith: [/tool" +
                   n + ", /helper" + n +
                   "]}\n"
                   "  selection_cli: {CommandLine|contains|all: [' --option" +
                   n +
                   "', secret]}\n"
                   "  filter: {ParentImage|endswith: /manager" +
                   n +
                   "}\n"
                   "  condition: all of selection_* and not filter\n");
  }
  match(state, std::move(rules));
}
BENCHMARK(many_rules);

void public_linux_rules(benchmark::State& state) {
  const char* shared = std::getenv("VEDETTE_SHARED");
  const auto corpus =
      std::filesystem::path(shared != nullptr ? shared : "") / "corpora" / "sigma-linux";
  if (shared == nullptr || !std::filesystem::exists(corpus)) {
    state.SkipWithError("no corpora/sigma-linux in VEDETTE_SHARED");
    return;
  }
  sigma::RuleSet rules;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus)) {
    if (entry.path().extension() != ".yml") continue;
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    add(rules, text.str());
  }
  match(state, std::move(rules));
}
BENCHMARK(public_linux_rules);

}  // namespace
