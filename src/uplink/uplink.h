#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/id.h"
#include "base/result.h"
#include "os/loop.h"
#include "uplink/identity.h"
#include "uplink/outbox.h"
#include "uplink/session.h"
#include "uplink/spool.h"

namespace schema {
struct Event;
}

namespace uplink {

// The device's way to the hub: events go in, and are on their way until the hub has them or they
// are counted as dropped, across restarts of either side.
//
//   submit -> Outbox (aggregation) -> Spool (disk) -> messages (High first) -> Session (MQTT)
//
// Works without a hub in reach: everything is collected and kept, within limits. Threads: loop
// only.
class Uplink {
 public:
  struct Options {
    Identity identity;
    std::string agent_version;
    base::Guid agent_id;
    Spool::Options spool;
    Outbox::Options outbox;
    Session::Options session;  // its `identity` is taken from above
    // Largest security message, in bytes of its body. The hub's limit is 256 KiB.
    std::size_t max_message_bytes = 200U << 10U;
    // How long a Low event may wait for company when none is being sent. High events never wait.
    std::chrono::nanoseconds low_delay = std::chrono::milliseconds(200);
    // Until flushed events are on the disk, at most.
    std::chrono::nanoseconds sync_delay_high = std::chrono::milliseconds(20);
    std::chrono::nanoseconds sync_delay_low = std::chrono::seconds(1);
  };

  struct Stats {
    SpoolStats spool;
    OutboxStats outbox;
    SessionStats session;
    std::uint64_t events_split = 0;  // snapshots that were sent as several events for their size
  };

  // Opens the spool; does not connect. Errors: as Spool::open; Invalid (options, CA file).
  static base::Result<std::unique_ptr<Uplink>> open(os::Loop& loop, Options options);
  ~Uplink();
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;

  // Takes an event. An aggregated kind may be held back as a repeat (see Outbox). An event that is
  // too large for a message is split by its payload items; a single item that is too large is
  // dropped and counted.
  void submit(schema::Event event, Priority priority);

  // Connects and sends from now on, reconnecting whenever needed.
  void start();
  // Writes what is held back, makes all of it durable, ends the connection. May be started again.
  void stop();

  Stats stats() const;

 private:
  struct State;
  explicit Uplink(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace uplink
