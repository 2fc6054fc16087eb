#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "schema/message.h"

namespace uplink {

// Gives `take` the event, encoded, in pieces of at most `max_bytes`: as it is, or by its payload
// items, each piece an event with the same time and an id of its own, which follows from the
// event's. A single item that is still too large has its longest texts cut; its ExtraDetails then
// say Truncated (which, by name) and TruncatedBytes (how much is missing).
// What cannot be made to fit (max_bytes is below some hundred bytes) is given as it is.
// Returns the number of pieces given. Threads: pure.
struct Pieces {
  std::size_t count = 0;
  std::size_t truncated = 0;  // of these
};
Pieces encode_in_parts(const schema::Event& event, std::size_t max_bytes,
                       const std::function<void(std::string)>& take);
// The same for an event that was encoded before. What is no event is given as it is.
Pieces divide(std::string encoded, std::size_t max_bytes,
              const std::function<void(std::string)>& take);

}  // namespace uplink
