// The hub: flags -> configuration -> run.
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "hub/config.h"
#include "hub/data_dir.h"
#include "hub/hub.h"
#include "hub/offline.h"
#include "os/file.h"
#include "os/loop.h"

namespace {

constexpr const char* kSystemConfig = "/etc/vedette/hub.toml";
constexpr std::chrono::seconds kMaintenance{5};
constexpr int kFailure = 1;
constexpr int kUsage = 2;

struct Flags {
  std::string data_dir;
  std::string config_file;
  std::string host_name;
  std::optional<std::string> listen;
  std::optional<std::string> mqtt_port;
  std::optional<std::string> amqp_port;
  std::optional<std::string> https_port;
};

int failed(const base::Error& error) {
  // Several problems come one on a line, each complete in itself.
  std::cerr << "vedette-hub: " << (error.detail.empty() ? error.to_string() : error.detail) << "\n";
  return kFailure;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

// --config, else hub.toml of --data-dir, else the system's; conf.d beside it.
os::Config::Sources sources(const Flags& flags) {
  os::Config::Sources from;
  const bool named = !flags.config_file.empty() || !flags.data_dir.empty();
  from.file = !flags.config_file.empty() ? flags.config_file
              : !flags.data_dir.empty()  ? flags.data_dir + "/" + hub::kConfigFile
                                         : kSystemConfig;
  from.file_required = named;
  from.folder = folder_of(from.file) + "/conf.d";
  from.environment = os::Config::process_environment();
  if (!flags.data_dir.empty()) from.flags.emplace_back("state.dir", flags.data_dir);
  if (flags.listen) from.flags.emplace_back("listen.address", *flags.listen);
  if (flags.mqtt_port) from.flags.emplace_back("listen.mqtt_port", *flags.mqtt_port);
  if (flags.amqp_port) from.flags.emplace_back("listen.amqp_port", *flags.amqp_port);
  if (flags.https_port) from.flags.emplace_back("listen.https_port", *flags.https_port);
  return from;
}

int init(const Flags& flags) {
  const auto made = hub::init(flags.data_dir, flags.host_name, base::wall_now());
  if (!made) return failed(made.error());
  std::cout << made->to_json() << '\n' << std::flush;
  return std::cout ? EXIT_SUCCESS : kFailure;
}

int check_config(const Flags& flags) {
  const auto config = hub::load_config(sources(flags));
  if (!config) return failed(config.error());
  std::cout << "the configuration is good\n";
  return EXIT_SUCCESS;
}

int login_link(const Flags& flags) {
  const auto config = hub::load_config(sources(flags));
  if (!config) return failed(config.error());
  const auto link = hub::login_link(*config, base::wall_now());
  if (!link) return failed(link.error());
  std::cout << *link << '\n' << std::flush;
  return EXIT_SUCCESS;
}

int run(const Flags& flags) {
  auto config = hub::load_config(sources(flags));
  if (!config) return failed(config.error());
  base::set_log_level(config->log_level);
  std::signal(SIGPIPE, SIG_IGN);
  auto loop = os::Loop::create();
  if (!loop) return failed(loop.error());
  // Before any thread starts, so that all inherit it.
  const auto watched = (*loop)->on_signals({SIGTERM, SIGINT}, [&loop](int) { (*loop)->stop(); });
  if (!watched) return failed(watched.error());
  auto hub = hub::Hub::start(std::move(*config));
  if (!hub) return failed(hub.error());
  std::cout << (*hub)->ready_json() << '\n' << std::flush;
  (*loop)->every(kMaintenance, [&hub] { (*hub)->maintain(); });
  const auto ended = (*loop)->run();
  (*hub)->stop();
  return ended ? EXIT_SUCCESS : failed(ended.error());
}

void add_sources(CLI::App& verb, Flags& flags) {
  verb.add_option("--config", flags.config_file,
                  "Configuration file; default: hub.toml of the data folder");
  verb.add_option("--data-dir", flags.data_dir, "Data folder, as made by init");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  // It has flags of its own.
  if (!words.empty() && words.front() == "store")
    return hub::store_command(std::span(words).subspan(1));
  CLI::App app("Vedette hub: takes what devices report, detects, alerts, answers.");
  app.require_subcommand(1);
  app.set_version_flag("--version", "vedette-hub " + std::string(hub::version()));
  Flags flags;
  CLI::App* const init_verb =
      app.add_subcommand("init", "Make a data folder; prints its secrets, once, as JSON");
  init_verb->add_option("--data-dir", flags.data_dir, "Folder to make")->required();
  init_verb->add_option("--host-name", flags.host_name, "Name that devices will connect to")
      ->required();
  CLI::App* const run_verb =
      app.add_subcommand("run", "Serve until SIGTERM; prints a line of JSON when ready");
  add_sources(*run_verb, flags);
  run_verb->add_option("--listen", flags.listen, "IP address to listen on; default: loopback");
  run_verb->add_option("--mqtt-port", flags.mqtt_port, "Port for MQTT over TLS; 0: any free one");
  run_verb->add_option("--amqp-port", flags.amqp_port, "Port for AMQP over TLS; 0: any free one");
  run_verb->add_option("--https-port", flags.https_port,
                       "Port for portal and API; 0: any free one");
  CLI::App* const check_verb =
      app.add_subcommand("check-config", "Say what is wrong with the configuration");
  add_sources(*check_verb, flags);
  app.add_subcommand("store", "Check, copy and move the stores; see vedette-hub store --help");
  CLI::App* const link_verb =
      app.add_subcommand("login-link", "Print a link that logs the administrator in once");
  add_sources(*link_verb, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : kUsage;
  }
  if (init_verb->parsed()) return init(flags);
  if (check_verb->parsed()) return check_config(flags);
  if (link_verb->parsed()) return login_link(flags);
  return run(flags);
}
