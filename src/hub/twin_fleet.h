#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "detect/custom/detector.h"
#include "hub/twins/twins.h"

namespace hub {

// What custom alerts have to know of devices, from their twins: the security group, and how long
// the agent keeps events together (its settings lowPriorityMessageFrequency and
// highPriorityMessageFrequency). Remembers what it has read until forget(). Threads: any.
class TwinFleet final : public detect::custom::Fleet {
 public:
  static constexpr std::size_t kMaxKnown = 500'000;

  // `twins` must outlive it.
  explicit TwinFleet(twins::Twins& twins) : twins_(twins) {}

  std::string group_of(std::string_view device) override;
  std::chrono::nanoseconds reporting_delay(std::string_view device) override;
  std::uint64_t version() const override { return version_; }

  // A twin of the device, or of one of its modules, has changed.
  void forget(std::string_view device);

 private:
  struct Known {
    std::string group;
    std::chrono::nanoseconds delay{0};
  };
  Known look_up(std::string_view device);

  twins::Twins& twins_;
  std::atomic<std::uint64_t> version_{1};
  std::mutex mutex_;  // guards known_
  std::unordered_map<std::string, Known> known_;
};

}  // namespace hub
