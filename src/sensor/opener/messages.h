#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "sensor/opener/packet_sockets.h"

namespace sensor::opener {

// What the sensor and its helper say to each other, one packet each: foreign bytes to either.
// Threads: pure.

inline constexpr std::size_t kMostRequest = 64;
inline constexpr std::size_t kMostAnswer = 512;

base::ByteVec encode_request(const Wanted& wanted);
// Not checked yet. Errors: Malformed, Truncated.
base::Result<Wanted> decode_request(base::ByteView bytes);

// The descriptors are with it, or why there are none.
base::ByteVec encode_answer(const base::Result<void>& outcome);
// The helper's error, with its words as text for people; or Malformed, Truncated.
base::Result<void> decode_answer(base::ByteView bytes);

}  // namespace sensor::opener
