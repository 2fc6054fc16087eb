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
// any more. No two tellings of one device have the same time, so that whoever has both knows which
// is the newer. Remembers a few bytes of each. Threads: one.
class Assets {
 public:
  // When nothing but the time of a device has changed.
  static constexpr std::chrono::hours kAgain{1};

  // By the time they are told at.
  using Tellings = std::map<base::WallTime, std::vector<schema::NetworkAsset>>;
  // What times of events tell apart.
  static constexpr std::chrono::milliseconds kTick{1};

  // Of all `devices` those that are to be told now: at `now`, or a tick after the last time where
  // that is not over. They count as told then.
  Tellings changed(const std::vector<inventory::Device>& devices, base::WallTime now);
  std::size_t known() const { return told_.size(); }
  // When each was told, by its id; and that these were told by who ran before: those that are there
  // are told anew, those that are not are gone.
  std::map<std::string, base::WallTime, std::less<>> told() const;
  void remember(const std::map<std::string, base::WallTime, std::less<>>& told);

 private:
  struct Told {
    std::uint64_t content = 0;  // hash of all but times
    base::WallTime last;
    base::WallTime at;  // when it was told
    bool kept = false;  // told by who ran before, and not since
    bool met = false;   // in the devices at hand
  };
  // When to tell of it now.
  static base::WallTime next(const Told& told, base::WallTime now);

  std::map<std::string, Told, std::less<>> told_;
  base::WallTime gone_;  // the last time at which one was told to be gone: it may come back
};

}  // namespace sensor::delivery
