#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hub::limits {

// What is limited, each for itself.
enum class Kind : std::uint8_t {
  Telemetry,       // device-to-cloud messages
  Connect,         // logins of devices and modules
  TwinRead,        // by devices and by services
  TwinUpdate,      // the same
  Method,          // direct methods, by the blocks of their payloads
  CommandSend,     // cloud-to-device messages that are sent
  CommandReceive,  // asking for them over HTTPS
  Upload,          // file uploads that are begun
  Registry,        // reading and changing identities
  Query,           // queries over twins
  Job,             // creating, reading and ending jobs
  JobStep,         // devices that jobs touch
  Configuration,   // changing automatic configurations
};
inline constexpr std::size_t kKinds = 13;
std::string_view to_string(Kind kind);  // telemetry, connect, twin_read, ...
std::optional<Kind> parse_kind(std::string_view text);
// Does it count towards the day's messages?
bool is_metered(Kind kind);

// Free to S3: how large a hub one pays for elsewhere. None: no rate and no quota. Fair: no quota
// and no rate of all together, the hub does what its machine can; but each identity has a rate that
// no device in order comes near, so that one out of order takes nothing from the others.
enum class Tier : std::uint8_t { None, Fair, Free, S1, S2, S3 };
inline constexpr std::array<std::string_view, 6> kTiers = {"none", "fair", "free",
                                                           "s1",   "s2",   "s3"};
std::optional<Tier> parse_tier(std::string_view text);

// A second of each kind; 0: as many as come.
using Rates = std::array<double, kKinds>;

struct Settings {
  Rates hub{};       // of all identities together
  Rates identity{};  // of one identity
  // So many seconds' worth may come at once, after a pause.
  std::chrono::nanoseconds burst = std::chrono::seconds(5);
  // What comes faster waits up to that long, so that its sender slows down; what would have to wait
  // longer is refused.
  std::chrono::nanoseconds max_delay = std::chrono::seconds(5);
  std::size_t meter_block = 4096;  // bytes of a message that count as one
  std::uint64_t daily_units = 0;   // blocks in a UTC day; 0: as many as come
};

// From Free on what Azure IoT Hub grants to a hub of so many units: the rates of all identities
// together, the quota and the meter's block. Source: IoT Hub quotas and throttling.
Settings settings_of(Tier tier, unsigned units);

}  // namespace hub::limits
