#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "os/fd.h"

namespace os {

// Open descriptors that go from one process to another, with a message, over a connected Unix
// socket of packets (AF_UNIX, SOCK_SEQPACKET). Neither end need trust the other.
struct Parcel {
  base::ByteVec message;
  std::vector<Fd> descriptors;  // close-on-exec
};

// The kernel's own limit for one packet (SCM_MAX_FD).
inline constexpr std::size_t kMostDescriptors = 253;

// The message is not empty; the descriptors stay the caller's as well. Does not wait for room.
// Errors: Io. Threads: any.
base::Result<void> send_parcel(int socket, base::ByteView message,
                               std::span<const int> descriptors);

struct ParcelLimits {
  std::size_t bytes = 0;  // of the message
  std::size_t descriptors = 0;
};
// The next packet, waited for no longer than that. What came with one that is refused is closed.
// Errors: Closed (the other end is gone, or an empty message), Unavailable (nothing came in time),
// TooLarge (a longer message, or more descriptors), Malformed (a message of another kind beside
// it), Io. Threads: any.
base::Result<Parcel> receive_parcel(int socket, const ParcelLimits& limits,
                                    std::chrono::milliseconds patience);

}  // namespace os
