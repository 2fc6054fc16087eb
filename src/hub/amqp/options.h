#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/counter.h"

namespace hub::amqp {

struct EngineLimits {
  // The engine's buffer for each connection grows to that; longer messages come in several frames.
  std::uint32_t max_frame_bytes = 16 * 1024;
  std::uint16_t max_sessions = 4;
  std::chrono::milliseconds idle_timeout{240'000};
};

// Of each connection.
struct Options {
  EngineLimits engine;
  std::size_t max_links = 256;
  std::size_t max_identities = 64;
  std::size_t max_failed_logins = 5;
};

// Of all connections, since start; what they share with other protocols is in link::Counters.
struct Counters {
  base::Counter connections;      // begun
  base::Counter ended;            // of these
  base::Counter service_logins;   // by the token of a policy
  base::Counter tokens;           // put-token requests
  base::Counter tokens_refused;   // of these
  base::Counter links;            // attached
  base::Counter links_refused;    // at once
  base::Counter links_failed;     // ended by the hub with an error
  base::Counter rejected;         // messages that were not accepted
  base::Counter answers_dropped;  // to who does not take them
  base::Counter files_told;       // notifications of files sent to services
};

}  // namespace hub::amqp
