#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "hub/identity/registry.h"
#include "hub/listen/listener.h"
#include "hub/listen/sink.h"
#include "hub/operations/operations.h"

namespace hub::listen {

// A message that was taken is durable now, or will never be.
struct Outcome {
  std::uint32_t connection = 0;
  std::uint16_t packet_id = 0;  // 0: QoS 0
  std::uint16_t kibibytes = 0;  // rounded up, for the sender's share of what is on its way
  bool durable = false;
};

// What holds connections: a worker. Threads: any.
class Host {
 public:
  virtual ~Host() = default;
  virtual void cut(std::uint32_t connection, operations::Reason reason) = 0;
  virtual void report(const Outcome& outcome) = 0;
};

// Which connection an identity has. Threads: any.
class SessionTable {
 public:
  struct Place {
    Host* host = nullptr;
    std::uint32_t connection = 0;
    bool operator==(const Place&) const = default;
  };

  // The place that the identity had until now.
  std::optional<Place> replace(const identity::Name& name, Place place);
  // Only if it is still there.
  void remove(const identity::Name& name, Place place);
  // The identity's place, and with a device's those of its modules.
  std::vector<Place> find(const identity::Name& name) const;

 private:
  mutable std::mutex mutex_;
  std::map<identity::Name, Place> places_;
};

// What all connections share. Owned by the listener; outlives its workers.
struct Service {
  Service(Options given, identity::Registry& identities, operations::Operations& records,
          Sink& destination)
      : options(std::move(given)), registry(identities), operations(records), sink(destination) {}

  const Options options;
  identity::Registry& registry;
  operations::Operations& operations;
  Sink& sink;
  Counters counters;
  SessionTable sessions;
  // Raised by each deletion and each disabling, before the table is searched: a login that began
  // before one and is entered after it looks again.
  std::atomic<std::uint64_t> revocations{0};
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> pending_logins{0};
};

}  // namespace hub::listen
