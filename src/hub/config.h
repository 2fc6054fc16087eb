#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "os/config.h"

namespace hub {

// Everything a hub can be told, with its defaults. Paths are absolute once it is loaded, or
// relative to where the program was started.
struct Config {
  std::string data_dir = "/var/lib/vedette/hub";  // state.dir
  std::string host_name;                          // hub.host_name; what tokens must be for

  std::string listen_address = "127.0.0.1";  // listen.address
  std::uint16_t mqtt_port = 8883;            // listen.mqtt_port; 0: any free one
  std::uint16_t https_port = 8443;           // listen.https_port; 0: any free one

  std::string certificate_file;  // tls.certificate_file; in the data folder: server.pem
  std::string key_file;          // tls.key_file; in the data folder: server.key

  unsigned mqtt_threads = 0;                        // mqtt.threads; 0: one for each processor
  std::size_t max_connections = 20'000;             // mqtt.max_connections
  std::size_t max_pending_logins = 2'000;           // mqtt.max_pending_logins
  std::chrono::milliseconds login_timeout{10'000};  // mqtt.login_timeout

  std::size_t journal_max_bytes = std::size_t{4} << 30U;  // ingest.journal_max
  std::size_t queue_bytes = std::size_t{64} << 20U;       // ingest.queue_max
  std::size_t store_memory = std::size_t{512} << 20U;     // store.memory_max

  std::string detections;  // content.detections: folder of further Sigma rules; empty: none
  std::string portal_dir;  // portal.dir: serve the portal from there; empty: the built-in one
  base::LogLevel log_level = base::LogLevel::Info;  // log.level

  std::string in_data_dir(std::string_view name) const;
};

// Reads the configuration: `sources`, strongest last.
// Errors: those of os::Config; Invalid also when the host name is missing.
base::Result<Config> load_config(const os::Config::Sources& sources);

// Letters, digits, '-' and '.', or an IP address: what may stand in a certificate and in a user
// name.
bool is_host_name(std::string_view text);

}  // namespace hub
