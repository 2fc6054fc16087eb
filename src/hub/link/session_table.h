#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <variant>

#include "hub/identity/registry.h"
#include "hub/operations/operations.h"
#include "hub/twins/twins.h"

namespace hub::link {

// A message that was taken is durable now, or will never be.
struct Outcome {
  std::uint32_t connection = 0;
  std::uint16_t packet_id = 0;  // the session's own number; 0: nothing to acknowledge
  std::uint16_t kibibytes = 0;  // rounded up, for the sender's share of what is on its way
  bool durable = false;
};

// What others hand to a connection, whatever its protocol: each session turns it into frames of its
// own, if its peer asked for such.

struct TwinAnswer {
  std::string request_id;
  twins::DeviceAnswer answer;
};

struct TwinDesired {
  std::int64_t version = 0;
  std::string json;          // the patch, with its $version
  identity::Name name = {};  // whose, for connections that several identities share
};

// To be answered.
struct MethodCall {
  std::string request_id;
  std::string method;
  std::string payload;  // JSON
};

// Messages wait for the identity: look into commands::Messages.
struct CommandsWaiting {
  identity::Name name = {};  // as above
};

// What a session itself wanted to be called back with, by a module that answers on its own thread.
// Run by that session on its host's thread, unless the connection is gone by then.
struct Task {
  std::function<void()> run;
};

using Delivery = std::variant<TwinAnswer, TwinDesired, MethodCall, CommandsWaiting, Task>;

// What holds connections: a worker, the web sockets of a server. Cheap calls that take effect soon;
// a connection that is gone is none. They call nobody back. Threads: any.
class Host {
 public:
  virtual ~Host() = default;
  virtual void cut(std::uint32_t connection, operations::Reason reason) = 0;
  virtual void report(const Outcome& outcome) = 0;
  virtual void deliver(std::uint32_t connection, Delivery delivery) = 0;
};

// Which connection an identity has: at most one, whatever the protocol. A host may be destroyed
// once all its places are removed. Threads: any.
class SessionTable {
 public:
  struct Place {
    Host* host = nullptr;
    std::uint32_t connection = 0;
    bool operator==(const Place&) const = default;
  };

  // Cuts the connection that the identity had until now, for that reason.
  void replace(const identity::Name& name, Place place,
               operations::Reason reason = operations::Reason::TakenOver);
  // Only if it is still there.
  void remove(const identity::Name& name, Place place);
  // The identity's connection, and with a device's those of its modules.
  void cut(const identity::Name& name, operations::Reason reason);
  // False: it is not connected.
  bool deliver(const identity::Name& name, Delivery delivery);
  bool contains(const identity::Name& name) const;

 private:
  mutable std::mutex mutex_;
  std::map<identity::Name, Place> places_;
};

}  // namespace hub::link
