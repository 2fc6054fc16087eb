#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/time.h"
#include "hub/operations/operations.h"

namespace hub::listen {

// Who is at the other end of a connection; never changes while it lives.
struct Peer {
  std::string device_id;
  std::string module_id;
  std::string generation_id;
  operations::Auth auth;
  operations::Protocol protocol = operations::Protocol::Mqtt;
  std::string ip;
  std::string client_type;
};

// A device-to-cloud message.
struct Message {
  std::shared_ptr<const Peer> peer;
  base::WallTime received_at;
  std::string bag;  // the properties, still encoded (wire/property_bag.h)
  std::string payload;
  bool security = false;  // the bag says that it is a security message
};

// Where accepted messages go.
class Sink {
 public:
  // True: durable, may be acknowledged. False: it could not be stored. Called on any thread, once
  // for each accepted message; must be cheap. 16 bytes of plain data, so that std::function stores
  // it inside.
  using Done = std::function<void(bool durable)>;

  virtual ~Sink() = default;
  // Takes the message, or leaves it as it was and answers false: there is no room. Then the caller
  // stops reading from that connection until `on_room`. Threads: any.
  virtual bool offer(Message& message, Done done) = 0;
  // Calls back once there may be room again; at once is allowed. Threads: any.
  virtual void on_room(std::function<void()> callback) = 0;
};

}  // namespace hub::listen
