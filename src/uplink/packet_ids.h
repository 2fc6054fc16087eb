#pragma once

#include <cstdint>

namespace uplink {

// Gives packets their ids in turn: 1 to 65,535, without those still in use.
class PacketIds {
 public:
  // `in_use(id)` says which are; fewer than all of them.
  template <class InUse>
  std::uint16_t next(InUse&& in_use) {
    do {
      ++last_;
    } while (last_ == 0 || in_use(last_));
    return last_;
  }

 private:
  std::uint16_t last_ = 0;
};

}  // namespace uplink
