#pragma once

#include <cstddef>
#include <functional>

#include "schema/message.h"

namespace uplink {

// Gives `take` the event, encoded, or, where that is more than `max_bytes` and it has several
// payload items, parts of it that fit: each an event with the same time and an id of its own.
// A single item is never divided, whatever its size. Returns the number of events given.
std::size_t encode_in_parts(const schema::Event& event, std::size_t max_bytes,
                            const std::function<void(std::string)>& take);

}  // namespace uplink
