// vedette-agent: collects what processes do on this device and sends it to the hub.
#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/config.h"
#include "agent/probe.h"
#include "base/text.h"
#include "os/config.h"
#include "os/process.h"

namespace {

constexpr const char* kUsage =
    "vedette-agent collects what processes do on this device and sends it to the hub.\n"
    "\n"
    "  vedette-agent run [FLAGS]            run until SIGTERM; prints one JSON line when it is "
    "ready\n"
    "  vedette-agent check-config [FLAGS]   say what is wrong with the configuration, if anything\n"
    "  vedette-agent probe [-o table|json]  say which sources of process events work here, and why "
    "not\n"
    "\n"
    "  --config FILE                  TOML; default /etc/vedette/agent.toml, and conf.d/*.toml "
    "beside it\n"
    "  --data-dir DIR                 state.dir: spool and counters\n"
    "  --connection-string-file FILE  hub.connection_string_file\n"
    "  --ca-file FILE                 hub.ca_file\n"
    "  --tier auto|ebpf|connector|proc  collect.tier\n"
    "\n"
    "Every key of the file may also be given as VEDETTE_SECTION__KEY.\n";

struct Flag {
  std::string_view name;
  std::string_view key;
};
constexpr std::array<Flag, 4> kFlags = {{{"--data-dir", "state.dir"},
                                         {"--connection-string-file", "hub.connection_string_file"},
                                         {"--ca-file", "hub.ca_file"},
                                         {"--tier", "collect.tier"}}};

struct Arguments {
  std::string verb;
  std::optional<std::string> file;
  std::string output;
  std::vector<std::pair<std::string, std::string>> settings;
};

int usage_error(const std::string& problem) {
  std::fputs(("vedette-agent: " + problem + "\n\n" + kUsage).c_str(), stderr);
  return 2;
}

int failed(const base::Error& error) {
  // Configuration problems come one on a line, each with its place first.
  const std::string text = error.code == base::Code::Invalid || error.code == base::Code::Malformed
                               ? (error.detail.empty() ? error.to_string() : error.detail)
                               : error.to_string();
  std::fputs(("vedette-agent: " + text + "\n").c_str(), stderr);
  return 1;
}

// Empty: all fine.
std::string read_arguments(const std::vector<std::string_view>& words, Arguments& arguments) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with('-') && arguments.verb.empty()) {
      arguments.verb = words[i];
      continue;
    }
    // --name=value or --name value
    const std::size_t equals = words[i].find('=');
    const std::string_view name = words[i].substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = words[i].substr(equals + 1);
    if (!value && i + 1 < words.size()) value = words[++i];
    if (!value) return fmt::format("{} needs a value", name);
    if (name == "--config") {
      arguments.file = *value;
    } else if (name == "-o" || name == "--output") {
      arguments.output = *value;
    } else {
      std::vector<std::string_view> names = {"--config", "--output"};
      bool known = false;
      for (const Flag& flag : kFlags) {
        names.push_back(flag.name);
        if (flag.name != name) continue;
        arguments.settings.emplace_back(flag.key, *value);
        known = true;
      }
      if (known) continue;
      const auto close = base::nearest(name, names);
      return fmt::format("unknown flag {}{}", name,
                         close ? fmt::format("; did you mean {}?", *close) : "");
    }
  }
  return {};
}

int probe(const std::string& output) {
  const bool json = output == "json" || (output.empty() && ::isatty(STDOUT_FILENO) == 0);
  const auto verdicts = agent::probe_tiers();
  std::fputs((json ? agent::json_of(verdicts) : agent::table_of(verdicts)).c_str(), stdout);
  return 0;
}

int run(const agent::Config& config) {
  base::set_log_level(config.log_level);
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // A core would hold keys and command lines.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  const auto loop = os::Loop::create();
  if (!loop) return failed(loop.error());
  std::unique_ptr<agent::Agent> agent;
  const auto signals = (*loop)->on_signals({SIGTERM, SIGINT}, [&](int) { agent->stop(); });
  if (!signals) return failed(signals.error());
  auto started = agent::Agent::start(**loop, config);
  if (!started) return failed(started.error());
  agent = std::move(*started);
  std::puts(agent->ready_line().c_str());
  std::fflush(stdout);
  if (const auto ran = (*loop)->run(); !ran) return failed(ran.error());
  std::puts(agent->stopped_line().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  os::prefer_small_memory();
  Arguments arguments;
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  for (const std::string_view word : words) {
    if (word == "--help" || word == "-h") return std::fputs(kUsage, stdout) < 0 ? 1 : 0;
  }
  if (const std::string problem = read_arguments(words, arguments); !problem.empty())
    return usage_error(problem);
  if (arguments.verb == "probe") return probe(arguments.output);
  if (arguments.verb != "run" && arguments.verb != "check-config") {
    return usage_error(arguments.verb.empty() ? "what to do?"
                                              : "unknown command '" + arguments.verb + "'");
  }
  const auto config =
      agent::load_config(arguments.file, os::Config::process_environment(), arguments.settings);
  if (!config) return failed(config.error());
  return arguments.verb == "run" ? run(*config) : 0;
}
