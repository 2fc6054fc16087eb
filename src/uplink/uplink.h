#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "os/loop.h"
#include "uplink/identity.h"
#include "uplink/outbox.h"
#include "uplink/pace.h"
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
  // Makes what carries messages to the hub; Session::create, or a link to a process that has one.
  using Connector = std::function<base::Result<std::unique_ptr<Link>>(os::Loop&, Session::Options,
                                                                      Link::Callbacks)>;

  struct Options {
    Identity identity;
    Connector connect = Session::create;
    std::string agent_version;
    base::Guid agent_id;
    Spool::Options spool;
    Outbox::Options outbox;
    Session::Options session;  // its `identity` is taken from above
    // Largest security message, in bytes of its body. The hub's limit is 256 KiB.
    std::size_t max_message_bytes = 200U << 10U;
    // How often each lane is sent; zero: High at once, Low after low_delay. A lane that holds a
    // full message does not wait.
    std::chrono::nanoseconds high_every{0};
    std::chrono::nanoseconds low_every{0};
    Pace::Options pace{};
    // How long a Low event may wait for company when none is being sent.
    std::chrono::nanoseconds low_delay = std::chrono::milliseconds(200);
    // Until flushed events are on the disk, at most.
    std::chrono::nanoseconds sync_delay_high = std::chrono::milliseconds(20);
    std::chrono::nanoseconds sync_delay_low = std::chrono::seconds(1);
    // Beyond which they wait longer.
    SyncBudget::Options sync_budget{};
    // What the hub wants of us: see Session::Callbacks. None: no twin.
    std::function<void(const Desired&)> desired = nullptr;
  };

  struct Stats {
    SpoolStats spool;
    OutboxStats outbox;
    SessionStats session;
    std::uint64_t events_split = 0;      // sent as several events for their size
    std::uint64_t events_truncated = 0;  // with texts cut, since they could not be divided
  };

  // What may change while it runs.
  struct Delivery {
    std::chrono::nanoseconds high_every{0};
    std::chrono::nanoseconds low_every{0};
    std::size_t max_message_bytes = 200U << 10U;
    std::size_t max_cache_bytes = 64U << 20U;
    std::uint64_t resume_bytes_per_second = 256U << 10U;
    Outbox::Windows aggregate;
    bool operator==(const Delivery&) const = default;
  };

  // Opens the spool; does not connect. Errors: as Spool::open; Invalid (options, CA file).
  static base::Result<std::unique_ptr<Uplink>> open(os::Loop& loop, Options options);
  ~Uplink();
  Uplink(const Uplink&) = delete;
  Uplink& operator=(const Uplink&) = delete;

  // Takes an event. An aggregated kind may be held back as a repeat (see Outbox). An event that is
  // too large for a message is divided by its payload items, and cut where that does not help.
  void submit(schema::Event event, Priority priority);
  // At once. Nothing that is queued is lost, but for what a smaller cache has no room for.
  void configure(const Delivery& delivery);

  // Connects and sends from now on, reconnecting whenever needed.
  void start();
  // Writes what is held back, makes all of it durable, ends the connection. May be started again.
  void stop();

  // The reported properties of the twin, from now on: see Session::report(). Only where there is
  // Options::desired.
  base::Result<void> report(std::string_view json);

  // Is everything acknowledged that is to be sent now?
  bool quiet() const;
  Stats stats() const;

 private:
  struct State;
  explicit Uplink(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace uplink
