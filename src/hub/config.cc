#include "hub/config.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

namespace hub {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 5> kLevels = {"error", "warning", "notice", "info", "debug"};
constexpr std::int64_t kMaxPort = 65'535;
constexpr std::size_t kMaxHostName = 253;
constexpr std::size_t kMiB = std::size_t{1} << 20U;
constexpr std::size_t kTiB = std::size_t{1} << 40U;

std::uint16_t port(os::Config& config, std::string_view key, std::uint16_t otherwise) {
  return static_cast<std::uint16_t>(config.integer(key, otherwise, 0, kMaxPort));
}

std::size_t count(os::Config& config, std::string_view key, std::size_t otherwise) {
  constexpr std::int64_t kMost = 10'000'000;
  return static_cast<std::size_t>(
      config.integer(key, static_cast<std::int64_t>(otherwise), 1, kMost));
}

void read_mqtt(os::Config& file, Config& config) {
  constexpr std::int64_t kMaxThreads = 256;
  config.mqtt_threads =
      static_cast<unsigned>(file.integer("mqtt.threads", config.mqtt_threads, 0, kMaxThreads));
  config.max_connections = count(file, "mqtt.max_connections", config.max_connections);
  config.max_pending_logins = count(file, "mqtt.max_pending_logins", config.max_pending_logins);
  config.login_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      file.duration("mqtt.login_timeout", config.login_timeout, std::chrono::seconds(1),
                    std::chrono::minutes(10)));
}

void read_sizes(os::Config& file, Config& config) {
  config.journal_max_bytes =
      file.bytes("ingest.journal_max", config.journal_max_bytes, 16 * kMiB, kTiB);
  config.queue_bytes = file.bytes("ingest.queue_max", config.queue_bytes, kMiB, kTiB);
  config.store_memory = file.bytes("store.memory_max", config.store_memory, 64 * kMiB, kTiB);
}

void read_listen(os::Config& file, Config& config) {
  config.listen_address = file.text("listen.address", config.listen_address);
  std::array<std::uint8_t, sizeof(in6_addr)> parsed{};
  if (::inet_pton(AF_INET, config.listen_address.c_str(), parsed.data()) != 1 &&
      ::inet_pton(AF_INET6, config.listen_address.c_str(), parsed.data()) != 1) {
    file.reject("listen.address", "an IP address of this machine, 0.0.0.0 or ::",
                "\"" + config.listen_address + "\"");
  }
  config.mqtt_port = port(file, "listen.mqtt_port", config.mqtt_port);
  config.https_port = port(file, "listen.https_port", config.https_port);
}

}  // namespace

std::string Config::in_data_dir(std::string_view name) const {
  return data_dir + "/" + std::string(name);
}

bool is_host_name(std::string_view text) {
  const std::string host(text);
  std::array<std::uint8_t, sizeof(in6_addr)> parsed{};
  if (::inet_pton(AF_INET6, host.c_str(), parsed.data()) == 1) return true;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  };
  return !text.empty() && text.size() <= kMaxHostName && std::ranges::all_of(text, allowed) &&
         text.front() != '.' && text.front() != '-';
}

Result<Config> load_config(const os::Config::Sources& sources) {
  os::Config file = TRY(os::Config::load(sources));
  Config config;
  config.data_dir = file.path("state.dir", config.data_dir);
  config.host_name = file.text("hub.host_name", "");
  if (!config.host_name.empty() && !is_host_name(config.host_name)) {
    file.reject("hub.host_name", "a host name or an IP address", "\"" + config.host_name + "\"");
  }
  read_listen(file, config);
  config.certificate_file = file.path("tls.certificate_file", config.in_data_dir("server.pem"));
  config.key_file = file.path("tls.key_file", config.in_data_dir("server.key"));
  read_mqtt(file, config);
  read_sizes(file, config);
  config.detections = file.path("content.detections", "");
  config.portal_dir = file.path("portal.dir", "");
  base::parse_log_level(file.choice("log.level", "info", kLevels), config.log_level);
  TRY(file.finish());
  if (config.host_name.empty()) {
    const std::string where = sources.file.empty() ? "the configuration" : sources.file;
    return fail(Code::Invalid, "configuration", -1,
                where + ": hub.host_name is not set; `vedette-hub init` writes a file that does");
  }
  return config;
}

}  // namespace hub
