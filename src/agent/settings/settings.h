#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/watch/watch.h"
#include "base/log.h"
#include "schema/events.h"

namespace agent::settings {

// Off: neither collected nor counted.
enum class Level : std::uint8_t { Off, Low, High };

inline constexpr std::size_t kEvents = std::variant_size_v<schema::Payload>;

// What detections wait for, and what somebody asked for: High unless the twin says otherwise.
inline constexpr std::array<std::string_view, 6> kHighByDefault = {
    "ProcessCreate", "Login", "ListeningPorts", "LocalUsers", "FileEvent", "Heartbeat"};

struct Aggregation {
  bool enabled = false;
  std::chrono::nanoseconds interval = std::chrono::hours(1);
  bool operator==(const Aggregation&) const = default;
};

// Everything that the module twin may say, as it is in effect.
// docs/reference/agent-configuration.md lists the keys.
struct Settings {
  std::array<Level, kEvents> priority;         // by EventName
  std::chrono::nanoseconds high_frequency{0};  // 0: at once
  std::chrono::nanoseconds low_frequency{0};   // 0: within a moment
  std::chrono::nanoseconds snapshot_frequency = std::chrono::hours(13);
  std::chrono::nanoseconds heartbeat_frequency = std::chrono::minutes(1);
  std::uint64_t max_cache_bytes = 64U << 20U;
  std::uint64_t max_message_bytes = 200U << 10U;
  std::uint64_t send_rate_bytes = 256U << 10U;  // a second, while a backlog is sent
  Aggregation process_create;
  Aggregation process_terminate;
  Aggregation connection_create;
  base::LogLevel diagnostic_level = base::LogLevel::Warning;
  bool connection_loopback = false;
  bool connection_dns_names = true;
  bool process_hash = true;
  std::vector<std::string> file_event_paths = default_file_paths();
  std::vector<std::string> audit_record_types;
  bool baseline_custom_checks = false;
  std::string baseline_custom_file;
  std::string baseline_custom_hash;  // SHA-256 in hex
  std::vector<std::string> baseline_disabled_groups;
  std::vector<std::string> baseline_disabled_checks;

  Settings();
  Level priority_of(schema::EventName event) const {
    return priority[static_cast<std::size_t>(event)];
  }
  // Those with priority Off.
  std::set<schema::EventName> off() const;
  bool operator==(const Settings&) const = default;
};

// The part that whoever collects must know.
WatchSettings watch_settings(const Settings& settings);

}  // namespace agent::settings
