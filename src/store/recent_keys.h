#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/id.h"
#include "kql/ticks.h"

namespace store {

// 128 bits of SHA-256 over who sent an event and its id; the item's position is added. Same rows
// have the same digest, in every process.
struct KeyDigest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const KeyDigest&) const = default;
};
KeyDigest event_digest(std::string_view device, std::string_view module,
                       const base::Guid& event_id);
inline KeyDigest item_digest(KeyDigest event, std::uint32_t item) {
  return {event.high, event.low + item};
}

// The identities whose time stamp is at or after horizon(), all of them: what is not in here and
// not before the horizon is new. Open addressing, 24 bytes a slot. Threads: one.
class RecentKeys {
 public:
  // False when it is there already.
  bool insert(KeyDigest key, kql::Ticks time_stamp);
  bool contains(KeyDigest key) const;
  // Forgets what is older until at most half of `limit` is left, if there is more than `limit`.
  void shrink(std::size_t limit);
  // Keys before it are not complete in here.
  kql::Ticks horizon() const { return horizon_; }
  void set_horizon(kql::Ticks horizon) { horizon_ = horizon; }
  std::size_t size() const { return size_; }

 private:
  struct Slot {
    KeyDigest key;  // high and low 0: free; a digest of that value is stored as low 1
    kql::Ticks time_stamp;
  };
  std::size_t find(KeyDigest key) const;
  void rehash(std::size_t slots);

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  kql::Ticks horizon_ = std::numeric_limits<kql::Ticks>::min();
};

}  // namespace store
