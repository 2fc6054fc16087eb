#pragma once

#include <cstdint>
#include <string>

namespace uplink {

// The desired properties of our twin, or a change of them, as the hub sent it.
struct Desired {
  enum class Kind : std::uint8_t {
    Whole,  // all of them: what is not in it is not set (any more)
    Patch,  // a JSON merge patch (RFC 7396) upon the version before: null removes
  };
  Kind kind = Kind::Whole;
  std::int64_t version = 0;
  std::string json = "{}";  // an object, without the hub's own $version and $metadata
};

struct TwinStats {
  bool known = false;           // the whole twin came on this connection
  std::int64_t version = 0;     // of the desired properties, the newest seen
  std::uint64_t gets = 0;       // requests for the whole twin
  std::uint64_t desired = 0;    // Whole and Patch, handed on
  std::uint64_t reports = 0;    // patches of reported properties sent
  std::uint64_t accepted = 0;   // of these
  std::uint64_t refused = 0;    // of these: given up, as the hub will not take them
  std::uint64_t retries = 0;    // requests without an answer in time, or with "later"
  std::uint64_t malformed = 0;  // what the hub sent was not as documented
  bool report_pending = false;  // what is to be reported is not yet all at the hub
  std::string last_error;       // of the last request that failed
};

}  // namespace uplink
