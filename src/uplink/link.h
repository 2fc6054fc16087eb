#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "uplink/packer.h"
#include "uplink/twin.h"

namespace uplink {

struct SessionStats {
  bool online = false;
  std::uint64_t connects = 0;          // CONNACK accepted
  std::uint64_t connect_failures = 0;  // TCP, TLS, time out, or no CONNACK
  std::uint64_t refused = 0;           // CONNACK with a refusal
  std::uint64_t disconnects = 0;       // connections lost, renewals not included
  std::uint64_t token_renewals = 0;
  std::uint64_t messages_sent = 0;    // first transmissions
  std::uint64_t messages_resent = 0;  // with DUP
  std::uint64_t messages_acknowledged = 0;
  std::uint64_t messages_under_4kb = 0;  // of those sent
  std::uint64_t bytes_sent = 0;          // of their bodies, resent ones included
  std::uint64_t in_flight = 0;
  std::string last_error;  // why we are not, or were last not, connected
  TwinStats twin;
};

// What carries messages to the hub and tells when it has them: a Session in this process, or the
// far end of a channel to the process that has one. Only plain values pass. Threads: loop only.
class Link {
 public:
  struct Callbacks {
    // The next message to send; nullopt: nothing now (call pump() when there is).
    std::function<std::optional<Message>()> next;
    // The hub has it.
    std::function<void(const Message&)> acknowledged;
    // The desired properties: all of them after each connect, then changes as they come. None: the
    // link has nothing to do with a twin.
    std::function<void(const Desired&)> desired = nullptr;
    // The connection was made or lost, or an attempt failed: stats() says more. May be none.
    std::function<void()> changed = nullptr;
  };

  virtual ~Link() = default;

  // Connects, and keeps connected from then on.
  virtual void start() = 0;
  // Ends the connection properly. What is in flight stays so, for start() to send again.
  virtual void stop() = 0;
  // There may be something to send.
  virtual void pump() = 0;
  // May a message be sent right now?
  virtual bool ready() const = 0;
  // What the reported properties of the twin should be from now on, whenever there is a connection:
  // see TwinClient::report(). Replaces what was said before; allowed at any time, and only where
  // there is Callbacks::desired. Errors: Malformed, Invalid (no object): nothing changes then.
  virtual base::Result<void> report(std::string_view json) = 0;
  virtual SessionStats stats() const = 0;
};

}  // namespace uplink
