#include "hub/config.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "hub/config_retention.h"
#include "os/memory.h"

namespace hub {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 5> kLevels = {"error", "warning", "notice", "info", "debug"};
constexpr std::int64_t kMaxPort = 65'535;
constexpr std::size_t kMaxHostName = 253;
constexpr std::size_t kKiB = 1024;
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

std::chrono::seconds seconds(os::Config& file, std::string_view key, std::chrono::seconds otherwise,
                             std::chrono::seconds most) {
  return std::chrono::duration_cast<std::chrono::seconds>(
      file.duration(key, otherwise, std::chrono::seconds(1), most));
}

void read_alerts(os::Config& file, Config& config) {
  const auto age = [&file](std::string_view key, std::chrono::hours otherwise) {
    return std::chrono::duration_cast<std::chrono::hours>(
        file.duration(key, otherwise, std::chrono::days(1), std::chrono::days(3660)));
  };
  config.alerts_quiet = age("alerts.quiet", config.alerts_quiet);
  config.alerts_keep_closed = age("alerts.keep_closed", config.alerts_keep_closed);
}

void read_commands(os::Config& file, commands::Options& options) {
  constexpr std::int64_t kMost = 100'000;
  options.max_message_bytes =
      file.bytes("commands.max_message", options.max_message_bytes, kKiB, kMiB);
  options.max_per_device = static_cast<std::size_t>(file.integer(
      "commands.max_waiting", static_cast<std::int64_t>(options.max_per_device), 1, kMost));
  options.max_delivery_count = static_cast<unsigned>(
      file.integer("commands.max_delivery_count", options.max_delivery_count, 1, 100));
  options.max_ttl = seconds(file, "commands.max_ttl", options.max_ttl, std::chrono::days(365));
  options.default_ttl = seconds(file, "commands.default_ttl",
                                std::min(options.default_ttl, options.max_ttl), options.max_ttl);
  options.lock = seconds(file, "commands.lock", options.lock, std::chrono::hours(1));
  options.feedback_ttl =
      seconds(file, "commands.feedback_ttl", options.feedback_ttl, std::chrono::days(365));
  options.feedback_lock =
      seconds(file, "commands.feedback_lock", options.feedback_lock, std::chrono::hours(1));
  options.feedback_delay =
      seconds(file, "commands.feedback_delay", options.feedback_delay, std::chrono::hours(1));
  options.feedback_batch = static_cast<std::size_t>(file.integer(
      "commands.feedback_batch", static_cast<std::int64_t>(options.feedback_batch), 1, 1'000));
}

void read_jobs(os::Config& file, jobs::Options& options) {
  constexpr std::int64_t kMost = 1'000;
  const auto small = [&](std::string_view key, std::size_t otherwise) {
    return static_cast<std::size_t>(
        file.integer(key, static_cast<std::int64_t>(otherwise), 1, kMost));
  };
  options.max_running = small("jobs.max_running", options.max_running);
  options.concurrency = small("jobs.concurrency", options.concurrency);
  options.max_unfinished = count(file, "jobs.max_unfinished", options.max_unfinished);
  options.keep = seconds(file, "jobs.keep", options.keep, std::chrono::days(3650));
}

void read_transfers(os::Config& file, Config& config) {
  config.transfers.keep = config.jobs.keep;
  config.transfers.max_unfinished =
      count(file, "jobs.max_transfers", config.transfers.max_unfinished);
  jobs::ContainerOptions& options = config.containers;
  options.life = seconds(file, "jobs.container_life", options.life, std::chrono::days(30));
  options.max_containers = count(file, "jobs.max_containers", options.max_containers);
  options.max_file_bytes =
      file.bytes("jobs.container_max_file", options.max_file_bytes, kKiB, kTiB);
  options.max_total_bytes =
      file.bytes("jobs.container_max_total", options.max_total_bytes, kKiB, kTiB);
}

void read_methods(os::Config& file, commands::MethodOptions& options) {
  options.max_payload_bytes =
      file.bytes("methods.max_payload", options.max_payload_bytes, kKiB, kMiB);
  options.max_waiting = count(file, "methods.max_waiting", options.max_waiting);
  options.max_waiting_per_device =
      count(file, "methods.max_waiting_per_device", options.max_waiting_per_device);
}

void read_uploads(os::Config& file, uploads::Options& options) {
  options.max_open_per_device = static_cast<std::size_t>(file.integer(
      "uploads.max_open", static_cast<std::int64_t>(options.max_open_per_device), 1, 10'000));
  options.link_life = seconds(file, "uploads.link_life", options.link_life, std::chrono::days(1));
  options.max_file_bytes = file.bytes("uploads.max_file", options.max_file_bytes, kKiB, kTiB);
  options.max_total_bytes = file.bytes("uploads.max_total", options.max_total_bytes, kKiB, kTiB);
  options.notification_ttl =
      seconds(file, "uploads.notification_ttl", options.notification_ttl, std::chrono::days(2));
}

void read_amqp(os::Config& file, Config& config) {
  constexpr std::size_t kMostFrame = 1U << 20U;
  constexpr std::int64_t kMostSessions = 256;
  amqp::Options& options = config.amqp_options;
  options.engine.max_frame_bytes = static_cast<std::uint32_t>(
      file.bytes("amqp.max_frame", options.engine.max_frame_bytes, kKiB, kMostFrame));
  options.engine.max_sessions = static_cast<std::uint16_t>(
      file.integer("amqp.max_sessions", options.engine.max_sessions, 1, kMostSessions));
  options.engine.idle_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      file.duration("amqp.idle_timeout", options.engine.idle_timeout, std::chrono::seconds(1),
                    std::chrono::hours(1)));
  options.max_links = count(file, "amqp.max_links", options.max_links);
  options.max_identities = count(file, "amqp.max_identities", options.max_identities);
  options.max_failed_logins = count(file, "amqp.max_failed_logins", options.max_failed_logins);
}

void read_queries(os::Config& file, queries::Options& options) {
  using std::chrono::milliseconds;
  const auto duration = [&](std::string_view key, milliseconds otherwise) {
    return std::chrono::duration_cast<milliseconds>(
        file.duration(key, otherwise, milliseconds(100), std::chrono::minutes(10)));
  };
  options.page_time = duration("queries.page_time", options.page_time);
  options.query_time = duration("queries.query_time", options.query_time);
}

void read_kql(os::Config& file, Config& config) {
  using std::chrono::milliseconds;
  constexpr std::int64_t kMostThreads = 64;
  const auto duration = [&](std::string_view key, milliseconds otherwise) {
    return std::chrono::duration_cast<milliseconds>(
        file.duration(key, otherwise, milliseconds(100), std::chrono::hours(24)));
  };
  api::QueryLimits& limits = config.query;
  limits.max_timeout = duration("query.max_timeout", limits.max_timeout);
  limits.timeout = duration("query.timeout", std::min(limits.timeout, limits.max_timeout));
  limits.max_rows = count(file, "query.max_rows", limits.max_rows);
  limits.rows = count(file, "query.rows", std::min(limits.rows, limits.max_rows));
  limits.max_bytes = file.bytes("query.max_size", limits.max_bytes, kMiB, 1024 * kMiB);
  limits.spill_bytes = file.bytes("query.spill_max", limits.spill_bytes, kMiB, kTiB);
  config.query_threads =
      static_cast<unsigned>(file.integer("query.threads", config.query_threads, 1, kMostThreads));
  config.max_queued_queries = count(file, "query.max_waiting", config.max_queued_queries);
  if (limits.timeout > limits.max_timeout)
    file.reject("query.timeout", "at most query.max_timeout", "more");
  if (limits.rows > limits.max_rows) file.reject("query.rows", "at most query.max_rows", "more");
}

void read_configurations(os::Config& file, configurations::Options& options) {
  constexpr std::int64_t kMost = 10'000;
  options.max_configurations = count(file, "configurations.max", options.max_configurations);
  options.updates_per_second = static_cast<unsigned>(
      file.integer("configurations.updates_per_second", options.updates_per_second, 1, kMost));
  options.pass_interval = std::chrono::duration_cast<std::chrono::seconds>(
      file.duration("configurations.pass_interval", options.pass_interval, std::chrono::seconds(10),
                    std::chrono::hours(24)));
  options.metrics_interval = std::chrono::duration_cast<std::chrono::milliseconds>(
      file.duration("configurations.metrics_interval", options.metrics_interval,
                    std::chrono::seconds(1), std::chrono::hours(24)));
}

}  // namespace

std::size_t default_store_memory() {
  return std::clamp<std::uint64_t>(os::usable_memory() / 4, 512 * kMiB, 4096 * kMiB);
}

namespace {

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
  config.amqp = file.boolean("listen.amqp", config.amqp);
  config.amqp_port = port(file, "listen.amqp_port", config.amqp_port);
  config.https_port = port(file, "listen.https_port", config.https_port);
}

void read_limits(os::Config& file, Config& config) {
  constexpr std::int64_t kMostUnits = 200;
  constexpr double kFastest = 1e9;
  const auto tier = limits::parse_tier(file.choice("limits.tier", "fair", limits::kTiers));
  const auto units = file.integer("limits.units", 1, 1, kMostUnits);
  limits::Settings& settings = config.limits;
  settings = limits::settings_of(tier.value_or(limits::Tier::Fair), static_cast<unsigned>(units));
  settings.burst = file.duration("limits.burst", settings.burst, std::chrono::nanoseconds(0),
                                 std::chrono::hours(1));
  settings.max_delay = file.duration("limits.max_delay", settings.max_delay,
                                     std::chrono::nanoseconds(0), std::chrono::minutes(1));
  settings.meter_block = file.bytes("limits.meter_block", settings.meter_block, 1, kMiB);
  settings.daily_units = static_cast<std::uint64_t>(
      file.integer("limits.daily_messages", static_cast<std::int64_t>(settings.daily_units), 0,
                   std::int64_t{1'000'000'000'000}));
  for (std::size_t i = 0; i < limits::kKinds; ++i) {
    const std::string kind(limits::to_string(static_cast<limits::Kind>(i)));
    settings.hub[i] = file.real("limits.hub." + kind, settings.hub[i], 0, kFastest);
    settings.identity[i] = file.real("limits.identity." + kind, settings.identity[i], 0, kFastest);
  }
}

void read_provisioning(os::Config& file, Config& config) {
  provisioning::Options& options = config.provisioning;
  options.max_enrollments = count(file, "provisioning.max_enrollments", options.max_enrollments);
  options.max_groups = count(file, "provisioning.max_groups", options.max_groups);
  options.registrations.count =
      count(file, "provisioning.registrations_per_minute", options.registrations.count);
  options.polls.count = count(file, "provisioning.polls_per_10_seconds", options.polls.count);
  options.retry_after = std::chrono::duration_cast<std::chrono::seconds>(
      file.duration("provisioning.retry_after", options.retry_after, std::chrono::seconds(1),
                    std::chrono::minutes(10)));
}

void read_egress(os::Config& file, Config& config) {
  quarantine::Options& held = config.quarantine;
  held.max_bytes = file.bytes("quarantine.max_size", held.max_bytes, kMiB, kTiB);
  held.max_messages = count(file, "quarantine.max_messages", held.max_messages);
  held.max_age = seconds(file, "quarantine.max_age", held.max_age, std::chrono::days(3650));
  config.stream_keep_bytes = file.bytes("stream.keep", config.stream_keep_bytes, 0, kTiB);
  config.max_event_streams = count(file, "stream.max_readers", config.max_event_streams);
  config.exports.max_bytes =
      file.bytes("export.max_size", static_cast<std::size_t>(config.exports.max_bytes), kMiB, kTiB);
  config.exports.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(file.duration(
      "export.timeout", config.exports.timeout, std::chrono::seconds(1), std::chrono::hours(24)));
  config.store_telemetry = file.boolean("telemetry.store", config.store_telemetry);
}

std::chrono::milliseconds milliseconds(os::Config& file, const std::string& key,
                                       std::chrono::milliseconds otherwise) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      file.duration(key, otherwise, std::chrono::milliseconds(1), std::chrono::hours(1)));
}

void read_webhook(os::Config& file, const std::string& key, egress::ForwardSettings& settings) {
  const std::string text = file.text(key + "url", "");
  const auto url = egress::parse_https_url(text);
  if (url) {
    settings.url = *url;
  } else {
    file.reject(key + "url", "an address like https://siem.example/path", "\"" + text + "\"");
  }
  settings.ca_file = file.path(key + "ca_file", "");
  settings.secret_file = file.path(key + "secret_file", "");
  settings.timeout = milliseconds(file, key + "timeout", settings.timeout);
}

void read_file(os::Config& file, const std::string& key, egress::ForwardSettings& settings) {
  constexpr std::int64_t kMostFiles = 10'000;
  settings.path = file.path(key + "path", "");
  if (settings.path.empty()) file.reject(key + "path", "the path of a file", "nothing");
  settings.rotate_bytes = file.bytes(key + "rotate", settings.rotate_bytes, kKiB, kTiB);
  settings.keep_files =
      static_cast<unsigned>(file.integer(key + "keep_files", settings.keep_files, 0, kMostFiles));
}

egress::ForwardSettings read_forward(os::Config& file, const std::string& name) {
  constexpr std::array<std::string_view, 2> kTypes = {"webhook", "file"};
  constexpr std::array<std::string_view, 2> kStarts = {"now", "earliest"};
  const std::string key = "forward." + name + ".";
  egress::ForwardSettings settings;
  settings.name = name;
  const bool webhook = file.choice(key + "type", "file", kTypes) == "webhook";
  settings.type = webhook ? egress::ForwardType::Webhook : egress::ForwardType::File;
  for (const std::string& what : file.texts(key + "what", {"events", "alerts", "telemetry"})) {
    const auto kind = egress::parse_kind(what);
    if (kind) {
      settings.filter.kinds[static_cast<std::size_t>(*kind)] = true;
    } else {
      file.reject(key + "what", "events, telemetry, alerts or operations", "\"" + what + "\"");
    }
  }
  settings.filter.devices = file.texts(key + "devices", {});
  settings.from_start = file.choice(key + "start", "now", kStarts) == "earliest";
  settings.batch_lines = count(file, key + "batch_lines", settings.batch_lines);
  settings.batch_bytes = file.bytes(key + "batch_size", settings.batch_bytes, kKiB, 64 * kMiB);
  settings.batch_delay = milliseconds(file, key + "batch_delay", settings.batch_delay);
  settings.retry_min = milliseconds(file, key + "retry_min", settings.retry_min);
  settings.retry_max =
      std::max(settings.retry_min, milliseconds(file, key + "retry_max", settings.retry_max));
  if (webhook) {
    read_webhook(file, key, settings);
  } else {
    read_file(file, key, settings);
  }
  return settings;
}

void read_forwards(os::Config& file, Config& config) {
  constexpr std::size_t kMost = 16;
  const std::vector<std::string> names = file.names("forward");
  for (const std::string& name : names)
    config.forwards.push_back(read_forward(file, name));
  if (names.size() > kMost) {
    file.reject("forward." + names.back() + ".type", "at most 16 forwards",
                std::to_string(names.size()));
  }
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
  read_amqp(file, config);
  read_commands(file, config.commands);
  read_methods(file, config.methods);
  read_uploads(file, config.uploads);
  read_jobs(file, config.jobs);
  read_transfers(file, config);
  read_queries(file, config.twin_queries);
  read_kql(file, config);
  read_configurations(file, config.configurations);
  read_sizes(file, config);
  read_provisioning(file, config);
  read_egress(file, config);
  read_retention(file, config.retention);
  config.backup_dir = file.path("backup.dir", config.in_data_dir("backups"));
  read_forwards(file, config);
  read_limits(file, config);
  constexpr std::array<std::string_view, 2> kVersions = {"1.2", "1.3"};
  config.tls_min_version = file.choice("tls.min_version", config.tls_min_version, kVersions);
  config.tls_ciphers = file.text("tls.ciphers", config.tls_ciphers);
  config.tls_cipher_suites = file.text("tls.cipher_suites", config.tls_cipher_suites);
  read_alerts(file, config);
  config.detections = file.path("content.detections", "");
  config.silent_after = file.duration("detections.silent_after", config.silent_after,
                                      std::chrono::seconds(1), std::chrono::days(365));
  constexpr std::array<std::string_view, 2> kProfiles = {"classic", "micro_agent"};
  config.profile = detect::parse_profile(file.choice("content.profile", "classic", kProfiles))
                       .value_or(detect::Profile::Classic);
  config.custom_alerts = file.path("content.custom_alerts", "");
  config.portal_dir = file.path("portal.dir", "");
  base::parse_log_level(file.choice("log.level", "info", kLevels), config.log_level);
  TRY(file.finish());
  config.settings = file.settings();
  if (config.host_name.empty()) {
    const std::string where = sources.file.empty() ? "the configuration" : sources.file;
    return fail(Code::Invalid, "configuration", -1,
                where + ": hub.host_name is not set; `vedette-hub init` writes a file that does");
  }
  return config;
}

}  // namespace hub
