#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "hub/operations/operations.h"

namespace hub::link {

// Who is at the other end of a connection; never changes while it lives.
struct Peer {
  std::string device_id;
  std::string module_id;
  std::string generation_id;
  std::string auth_method;  // JSON: scope, type, issuer
  operations::Protocol protocol = operations::Protocol::Mqtt;
  std::string ip;
  std::string client_type;
};

// A device-to-cloud message. Borrowed for the duration of the call.
struct Message {
  const Peer& peer;
  base::WallTime received_at;
  std::string_view bag;  // the properties, still encoded (wire/property_bag.h)
  std::string_view payload;
  bool security = false;  // the bag says that it is a security message
};

// Where accepted messages go.
class Sink {
 public:
  // True: durable, may be acknowledged. False: it could not be stored. Called once for each message
  // that was taken, on any thread, for one connection in the order of its messages; cheap. What the
  // connections pass is 16 bytes of plain data, which std::function keeps without allocating.
  using Done = std::function<void(bool durable)>;

  virtual ~Sink() = default;
  // Takes the message and `done`, or leaves both and answers false: there is no room. Then nothing
  // more is read from that connection until on_room() calls back. Threads: any.
  virtual bool offer(const Message& message, Done& done) = 0;
  // Calls back once when there is room again; at once when there is. Threads: any.
  virtual void on_room(std::function<void()> callback) = 0;
};

}  // namespace hub::link
