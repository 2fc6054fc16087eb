// vedette-agent: collects what processes do on this device and sends it to the hub.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/baseline/command.h"
#include "agent/check.h"
#include "agent/config.h"
#include "agent/print.h"
#include "agent/probe.h"
#include "agent/selftest_command.h"
#include "agent/snapshot/packages/sbom.h"
#include "agent/split/network_process.h"
#include "agent/split/rights.h"
#include "agent/status.h"
#include "base/json.h"
#include "base/text.h"
#include "os/config.h"
#include "os/file.h"
#include "os/process.h"
#include "os/service.h"

namespace {

constexpr const char* kUsage =
    "vedette-agent collects what processes do on this device and sends it to the hub.\n"
    "\n"
    "  vedette-agent run [FLAGS]            run until SIGTERM; prints one JSON line when it is "
    "ready\n"
    "  vedette-agent run --print [--for SECONDS] [--twin FILE] [FLAGS]\n"
    "                                       print security messages, a line each; needs no hub.\n"
    "                                       FILE: desired properties, as a module twin has them\n"
    "  vedette-agent status [-o table|json] [FLAGS]\n"
    "                                       say what the running agent is at, or what the last one "
    "left\n"
    "  vedette-agent selftest [-o table|json] [FLAGS]\n"
    "                                       imitate harmless attacks, and say what of them was "
    "seen\n"
    "  vedette-agent check-config [FLAGS]   say what is wrong with the configuration, if anything\n"
    "  vedette-agent probe [-o table|json]  say which sources of process events work here, and why "
    "not\n"
    "  vedette-agent sbom [-o cyclonedx|table|json] [--root DIR]\n"
    "                                       list the software that package managers installed\n"
    "  vedette-agent baseline [FLAGS]       judge how this system is set up; --help says more\n"
    "\n"
    "  --config FILE                  TOML; default /etc/vedette/agent.toml, and conf.d/*.toml "
    "beside it\n"
    "  --data-dir DIR                 state.dir: spool and counters\n"
    "  --connection-string-file FILE  hub.connection_string_file\n"
    "  --local-configuration FILE     hub.local_configuration: of Microsoft's agent for C\n"
    "  --ca-file FILE                 hub.ca_file\n"
    "  --tier auto|ebpf|audit|connector|proc  collect.tier\n"
    "\n"
    "Every key of the file may also be given as VEDETTE_SECTION__KEY.\n";

struct Flag {
  std::string_view name;
  std::string_view key;
};
constexpr std::array<Flag, 5> kFlags = {{{"--data-dir", "state.dir"},
                                         {"--connection-string-file", "hub.connection_string_file"},
                                         {"--local-configuration", "hub.local_configuration"},
                                         {"--ca-file", "hub.ca_file"},
                                         {"--tier", "collect.tier"}}};

constexpr std::size_t kMaxTwin = 1U << 20U;
constexpr std::int64_t kLongestPrint = 366L * 86400;

struct Arguments {
  std::string verb;
  std::optional<std::string> file;
  std::string output;
  bool print = false;
  std::string twin_file;
  std::optional<std::chrono::seconds> print_for;
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
    if (words[i] == "--print") {
      arguments.print = true;
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
    } else if (name == "--twin") {
      arguments.twin_file = *value;
    } else if (name == "--for") {
      const auto seconds = base::parse_int(*value);
      if (!seconds || *seconds < 1 || *seconds > kLongestPrint)
        return fmt::format("--for needs seconds, 1 to {}", kLongestPrint);
      arguments.print_for = std::chrono::seconds(*seconds);
    } else if (name == "-o" || name == "--output") {
      arguments.output = *value;
    } else {
      std::vector<std::string_view> names = {"--config", "--output", "--print", "--for", "--twin"};
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

bool wants_json(const std::string& output) {
  return output == "json" || (output.empty() && ::isatty(STDOUT_FILENO) == 0);
}

// What was given beside the verb and the form of the answer.
std::vector<std::string_view> flags_of(const std::vector<std::string_view>& words) {
  std::vector<std::string_view> flags;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const bool form = words[i] == "-o" || words[i] == "--output";
    if (form) {
      ++i;  // and its value
    } else if (!words[i].starts_with("--output=")) {
      flags.push_back(words[i]);
    }
  }
  return flags;
}

int probe(const std::string& output) {
  const bool json = wants_json(output);
  const auto verdicts = agent::probe_tiers();
  std::fputs((json ? agent::json_of(verdicts) : agent::table_of(verdicts)).c_str(), stdout);
  return 0;
}

// 3 as service managers answer it: nothing runs.
int status(const agent::Config& config, const std::string& output) {
  const auto found = agent::find_status(config.state.dir);
  if (!found) {
    std::fputs(("vedette-agent: " + found.error().to_string() + "\n").c_str(), stderr);
    return found.error().code == base::Code::NotFound ? 3 : 1;
  }
  const auto parsed = base::json::parse(found->json);
  if (!parsed) return failed(parsed.error());
  const bool json = wants_json(output);
  std::fputs(
      (json ? found->json + "\n" : agent::table_of_status(*parsed, base::wall_now())).c_str(),
      stdout);
  return found->running ? 0 : 3;
}

int check_config(const agent::Config& config) {
  const agent::CheckResult found = agent::check(config);
  for (const std::string& note : found.notes)
    std::fputs(("note: " + note + "\n").c_str(), stdout);
  for (const std::string& problem : found.problems)
    std::fputs(("vedette-agent: " + problem + "\n").c_str(), stderr);
  if (found.problems.empty()) std::fputs("the configuration is complete\n", stdout);
  return found.problems.empty() ? 0 : 1;
}

void harden() {
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // A core would hold keys and command lines.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

base::Result<agent::split::RightsKept> keep_rights(const agent::Config& config) {
  return agent::split::keep_collector_rights({.user = config.privileges.user,
                                              .state_dir = config.state.dir,
                                              .fanotify = config.privileges.fanotify});
}

int run(const agent::Config& config) {
  base::set_log_level(config.log_level);
  harden();
  // First of all, so that it knows nothing and has nothing open.
  namespace split = agent::split;
  split::Keeper::Options keeping;
  keeping.rights = split::network_rights(config.privileges.network_user);
  keeping.work = split::run_network_process;
  const auto keeper = split::Keeper::start(std::move(keeping));
  if (!keeper) return failed(keeper.error());
  const auto kept = keep_rights(config);
  if (!kept) return failed(kept.error());
  const auto loop = os::Loop::create();
  if (!loop) return failed(loop.error());
  std::unique_ptr<agent::Agent> agent;
  const auto signals = (*loop)->on_signals({SIGTERM, SIGINT}, [&](int) {
    os::notify_service("STOPPING=1");
    agent->stop();
  });
  if (!signals) return failed(signals.error());
  auto started = agent::Agent::start(**loop, config, {.keeper = keeper->get(), .rights = *kept});
  if (!started) return failed(started.error());
  agent = std::move(*started);
  std::puts(agent->ready_line().c_str());
  std::fflush(stdout);
  os::notify_service("READY=1");
  // From the loop: one that hangs is one that a service manager should start anew.
  if (const auto period = os::watchdog_period(); period.count() > 0)
    (*loop)->every(period, [] { os::notify_service("WATCHDOG=1"); });
  if (const auto ran = (*loop)->run(); !ran) return failed(ran.error());
  std::puts(agent->stopped_line().c_str());
  return agent->failed() ? 1 : 0;
}

// A folder that lives as long as this.
class ScratchFolder {
 public:
  ScratchFolder() {
    const char* parent = ::getenv("TMPDIR");
    path_ = std::string(parent == nullptr || *parent == '\0' ? "/tmp" : parent) + "/vedette.XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;  // empty: it could not be made
};

int print(agent::Config config, const Arguments& arguments) {
  base::set_log_level(config.log_level);
  harden();
  // What a running agent works with is its own; only a folder that was asked for is used.
  std::optional<ScratchFolder> scratch;
  if (std::none_of(arguments.settings.begin(), arguments.settings.end(),
                   [](const auto& flag) { return flag.first == "state.dir"; })) {
    config.state.dir = scratch.emplace().path();
    if (config.state.dir.empty()) return failed({base::Code::Io, "temporary folder", errno, {}});
  }
  std::string twin;
  if (!arguments.twin_file.empty()) {
    auto text = os::read_file(arguments.twin_file, kMaxTwin);
    if (!text) return failed(text.error());
    twin = std::move(*text);
  }
  if (const auto kept = keep_rights(config); !kept) return failed(kept.error());
  const auto loop = os::Loop::create();
  if (!loop) return failed(loop.error());
  std::unique_ptr<agent::Printer> printer;
  const auto signals = (*loop)->on_signals({SIGTERM, SIGINT}, [&](int) { printer->stop(); });
  if (!signals) return failed(signals.error());
  bool written = true;
  auto started = agent::Printer::start(**loop, config, twin, [&](std::string_view line) {
    // A reader that has gone ends it, as `head` does.
    written = written && std::fwrite(line.data(), 1, line.size(), stdout) == line.size() &&
              std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
    if (!written) (*loop)->stop();
  });
  if (!started) return failed(started.error());
  printer = std::move(*started);
  if (arguments.print_for) (*loop)->after(*arguments.print_for, [&] { printer->stop(); });
  if (const auto ran = (*loop)->run(); !ran) return failed(ran.error());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  os::prefer_small_memory();
  Arguments arguments;
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  // It has flags of its own.
  if (!words.empty() && words.front() == "sbom")
    return agent::snapshot::packages::command({words.begin() + 1, words.end()});
  if (!words.empty() && words.front() == "baseline")
    return agent::baseline::command({words.begin() + 1, words.end()});
  for (const std::string_view word : words) {
    if (word == "--help" || word == "-h") return std::fputs(kUsage, stdout) < 0 ? 1 : 0;
  }
  if (const std::string problem = read_arguments(words, arguments); !problem.empty())
    return usage_error(problem);
  if (arguments.verb == "probe") return probe(arguments.output);
  if (arguments.verb != "run" && arguments.verb != "check-config" && arguments.verb != "status" &&
      arguments.verb != "selftest") {
    return usage_error(arguments.verb.empty() ? "what to do?"
                                              : "unknown command '" + arguments.verb + "'");
  }
  if (arguments.print_for && !arguments.print) return usage_error("--for goes with --print");
  if (!arguments.twin_file.empty() && !arguments.print)
    return usage_error("--twin goes with --print; a running agent has its hub's");
  auto config =
      agent::load_config(arguments.file, os::Config::process_environment(), arguments.settings);
  if (!config) return failed(config.error());
  if (arguments.verb == "check-config") return check_config(*config);
  if (const auto applied = agent::apply_local_configuration(*config); !applied)
    return failed(applied.error());
  if (arguments.verb == "run" && arguments.print) return print(*config, arguments);
  if (arguments.verb == "status") return status(*config, arguments.output);
  if (arguments.verb == "selftest") {
    return agent::selftest_command(*config, flags_of(words), wants_json(arguments.output));
  }
  return run(*config);
}
