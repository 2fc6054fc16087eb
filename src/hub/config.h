#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "detect/rule_settings.h"
#include "hub/amqp/options.h"
#include "hub/api/server.h"
#include "hub/commands/messages.h"
#include "hub/commands/methods.h"
#include "hub/configurations/configurations.h"
#include "hub/egress/exporter.h"
#include "hub/egress/settings.h"
#include "hub/jobs/containers.h"
#include "hub/jobs/jobs.h"
#include "hub/jobs/transfers.h"
#include "hub/limits/settings.h"
#include "hub/provisioning/provisioning.h"
#include "hub/quarantine/quarantine.h"
#include "hub/queries/twin_queries.h"
#include "hub/retention/settings.h"
#include "hub/uploads/uploads.h"
#include "os/config.h"

namespace hub {

// A quarter of what this machine gives, 512 MiB to 4 GiB.
std::size_t default_store_memory();

// Everything a hub can be told, with its defaults. Paths are absolute once it is loaded, or
// relative to where the program was started.
struct Config {
  std::string data_dir = "/var/lib/vedette/hub";  // state.dir
  std::string host_name;                          // hub.host_name; what tokens must be for

  std::string listen_address = "127.0.0.1";  // listen.address
  std::uint16_t mqtt_port = 8883;            // listen.mqtt_port; 0: any free one
  bool amqp = true;                          // listen.amqp; false: neither port nor web socket
  std::uint16_t amqp_port = 5671;            // listen.amqp_port; 0: any free one
  std::uint16_t https_port = 8443;           // listen.https_port; 0: any free one

  std::string certificate_file;  // tls.certificate_file; in the data folder: server.pem
  std::string key_file;          // tls.key_file; in the data folder: server.key

  unsigned mqtt_threads = 0;                        // mqtt.threads; 0: one for each processor
  std::size_t max_connections = 20'000;             // mqtt.max_connections
  std::size_t max_pending_logins = 2'000;           // mqtt.max_pending_logins
  std::chrono::milliseconds login_timeout{10'000};  // mqtt.login_timeout

  amqp::Options amqp_options;  // amqp.*

  commands::Options commands;       // commands.*; the path is not part of it
  commands::MethodOptions methods;  // methods.*
  jobs::Options jobs;               // jobs.*, as well without a path

  jobs::ContainerOptions containers;       // jobs.container_*; the paths are not part of it
  jobs::TransferOptions transfers;         // jobs.*
  uploads::Options uploads;                // uploads.*; the paths are not part of it
  api::QueryLimits query;                  // query.*: of KQL
  unsigned query_threads = 2;              // query.threads
  std::size_t max_queued_queries = 16;     // query.max_waiting
  queries::Options twin_queries;           // queries.*; the path is not part of it
  configurations::Options configurations;  // configurations.*, as well

  quarantine::Options quarantine;  // quarantine.*; the path is not part of it
  // What stored messages the journal keeps for those who follow it.
  std::size_t stream_keep_bytes = std::size_t{256} << 20U;        // stream.keep
  std::size_t max_event_streams = 16;                             // stream.max_readers
  egress::Exporter::Options exports;                              // export.*
  std::vector<egress::ForwardSettings> forwards;                  // forward.NAME.*
  bool store_telemetry = false;                                   // telemetry.store
  retention::Settings retention = retention::default_settings();  // retention.*
  std::string backup_dir;  // backup.dir; in the data folder: backups

  std::size_t journal_max_bytes = std::size_t{4} << 30U;  // ingest.journal_max
  std::size_t queue_bytes = std::size_t{64} << 20U;       // ingest.queue_max
  std::size_t store_memory = default_store_memory();      // store.memory_max

  limits::Settings limits;              // limits.*: rates and the day's quota
  std::string tls_min_version = "1.2";  // tls.min_version: 1.2 or 1.3
  std::string tls_ciphers;              // tls.ciphers: of TLS 1.2, in OpenSSL's words
  std::string tls_cipher_suites;        // tls.cipher_suites: of TLS 1.3

  provisioning::Options provisioning;  // provisioning.*: its limits

  std::chrono::hours alerts_quiet = std::chrono::days(90);         // alerts.quiet
  std::chrono::hours alerts_keep_closed = std::chrono::days(400);  // alerts.keep_closed

  detect::Profile profile = detect::Profile::Classic;  // content.profile
  std::string detections;  // content.detections: folder of further Sigma rules; empty: none
  // detections.silent_after: a device that sends no security message for so long is told.
  std::chrono::nanoseconds silent_after = std::chrono::hours{72};
  std::string custom_alerts;  // content.custom_alerts: folder of files of them; empty: none
  std::string portal_dir;     // portal.dir: serve the portal from there; empty: the built-in one
  base::LogLevel log_level = base::LogLevel::Info;  // log.level

  // What was set, by whatever means: os::Config::settings().
  std::vector<std::pair<std::string, std::string>> settings;

  std::string in_data_dir(std::string_view name) const;
};

// Reads the configuration: `sources`, strongest last.
// Errors: those of os::Config; Invalid also when the host name is missing.
base::Result<Config> load_config(const os::Config::Sources& sources);

// Letters, digits, '-' and '.', or an IP address: what may stand in a certificate and in a user
// name.
bool is_host_name(std::string_view text);

}  // namespace hub
