#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hub {

// Everything a hub can be told. Paths that are relative are relative to the data folder.
struct Config {
  struct Hub {
    std::string host_name;
  } hub;
  struct State {
    std::string dir = "/var/lib/vedette";
  } state;
  struct Tls {
    std::string certificate = "server.pem";
    std::string key = "server.key";
    std::string ca = "ca.pem";
    std::string ca_key = "ca.key";
  } tls;
  struct Mqtt {
    std::string listen = "127.0.0.1";
    std::uint16_t port = 8883;
    std::uint32_t threads = 0;  // 0: one for each processor
    std::uint32_t max_connections = 20'000;
    std::uint32_t max_pending_logins = 2'000;
    std::uint32_t login_timeout_seconds = 10;
  } mqtt;
  struct Https {
    std::string listen = "127.0.0.1";
    std::uint16_t port = 8443;
  } https;
  struct Ingest {
    std::uint64_t max_journal_bytes = 4ULL << 30U;
    std::uint64_t max_queue_bytes = 64ULL << 20U;
  } ingest;
  struct Content {
    std::string detections;  // folder of Sigma rules; empty: those built in or beside the program
  } content;
  struct Log {
    std::string level = "info";
  } log;
};

// One thing wrong with the configuration: where (a file with line and column, a variable or a
// flag), what was expected, what was found.
struct ConfigProblem {
  std::string where;  // "/etc/vedette/hub.toml:3:8", "VEDETTE_MQTT__PORT", "--mqtt-port"
  std::string message;
  std::string to_string() const { return where + ": " + message; }
};

// Where settings come from, weakest first.
struct ConfigSources {
  std::string file;  // TOML; also every *.toml in conf.d beside it, in the order of their names
  bool file_required = true;
  std::vector<std::pair<std::string, std::string>>
      environment;  // VEDETTE_SECTION__KEY and its value
  struct Flag {
    std::string flag;  // "--mqtt-port", for messages
    std::string key;   // "mqtt.port"
    std::string value;
  };
  std::vector<Flag> flags;
};

struct LoadedConfig {
  Config config;
  std::vector<ConfigProblem> problems;  // empty: usable
};
LoadedConfig load_config(const ConfigSources& sources);

// The variables of this process that name settings: VEDETTE_SECTION__KEY.
std::vector<std::pair<std::string, std::string>> config_environment();

// A path of the configuration, made absolute.
std::string resolve(const Config& config, const std::string& path);

}  // namespace hub
