#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "schema/message.h"
#include "sensor/inventory/inventory.h"

namespace sensor::delivery {

// Which devices are to be told of: those that are new, those of which something else is known than
// was told, those that were seen again after a while, and those that are no devices of their own
// any more. Remembers a few bytes of each. Threads: one.
class Assets {
 public:
  // When nothing but the time of a device has changed.
  static constexpr std::chrono::hours kAgain{1};

  // Of all `devices` those that are to be told now. They count as told then.
  std::vector<schema::NetworkAsset> changed(const std::vector<inventory::Device>& devices);
  std::size_t known() const { return told_.size(); }

 private:
  struct Told {
    std::uint64_t content = 0;  // hash of all but times
    base::WallTime last;
    bool met = false;  // in the devices at hand
  };
  std::map<std::string, Told, std::less<>> told_;
};

}  // namespace sensor::delivery
