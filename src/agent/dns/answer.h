#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/watch/connection.h"
#include "base/bytes.h"
#include "base/result.h"

namespace agent::dns {

struct AddressRecord {
  connections::Address address;
  std::chrono::seconds ttl{0};
};

// What a DNS answer says of one name.
struct Answer {
  std::string name;                      // as asked: lower case, without the last dot; printable
  std::vector<AddressRecord> addresses;  // of the name, or of what it is an alias for
};

// Reads the answer in a DNS message: one question of class IN for A or AAAA, answered without
// error. nullopt: a well-formed message that says no address (a query, another type, a failure).
// Errors: Truncated, Malformed, TooLarge (a chain of pointers, more records than kMaxRecords).
// Threads: pure. Source: RFC 1035 section 4, RFC 3596.
inline constexpr std::size_t kMaxRecords = 64;
base::Result<std::optional<Answer>> read_answer(base::ByteView message);

// The payload of an unfragmented UDP datagram in an IPv4 or IPv6 packet (no extension headers).
// Errors: Truncated, Malformed, Unsupported (something else than that). Threads: pure.
base::Result<base::ByteView> udp_payload(base::ByteView packet);

}  // namespace agent::dns
