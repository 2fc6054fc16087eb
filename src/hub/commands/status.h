#pragma once

#include <cstdint>

#include "base/result.h"

namespace hub::commands {

// An error of Messages or Methods as IoT Hub numbers it.
struct Status {
  int code = 500;
  std::uint32_t sub_code = 0;
};
// 404001 no such device, 403004 its queue is full, 413001 too large, 400004 not acceptable, 412002
// the lock was lost, 404103 not online, 504101 no answer in time, 429001 too many at once.
// `Of::Method`: Full means too many calls, and not a full queue. Threads: pure.
enum class Of : std::uint8_t { Message, Method };
Status status_of(const base::Error& error, Of of);

}  // namespace hub::commands
