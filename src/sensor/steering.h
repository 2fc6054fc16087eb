#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "sensor/delivery/delivery.h"
#include "uplink/twin_settings.h"
#include "uplink/uplink.h"

namespace sensor {

// The member of the desired properties that holds a sensor's settings; the agent's is the same.
inline constexpr const char* kTwinObject =
    "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration";

// What the module twin may change while a sensor runs, over its configuration; kept in a file, so
// that a start without a hub has the same. Threads: one.
class Steering {
 public:
  // Begins with what the file holds; a damaged one is logged and not used.
  Steering(const delivery::Settings& deliver, std::chrono::nanoseconds health_every,
           std::size_t spool_bytes, std::string file);
  Steering(const Steering&) = delete;
  Steering& operator=(const Steering&) = delete;

  // Takes what the hub wants, and keeps it. What cannot be read is logged and changes nothing.
  void take(const uplink::Desired& desired);

  const delivery::Settings& deliver() const { return deliver_; }
  std::chrono::nanoseconds health_every() const { return health_every_; }
  uplink::Uplink::Delivery sending() const;
  std::string reported(std::string_view version) const { return settings_.reported(version); }

 private:
  std::vector<uplink::TwinKey> keys();

  delivery::Settings deliver_;
  std::chrono::nanoseconds health_every_;
  std::chrono::nanoseconds high_every_{0};
  std::chrono::nanoseconds low_every_{0};
  std::uint64_t message_bytes_ = 200U << 10U;
  std::uint64_t cache_bytes_;
  std::uint64_t rate_bytes_ = 256U << 10U;
  std::string file_;
  uplink::TwinSettings settings_;  // of the members above
};

}  // namespace sensor
