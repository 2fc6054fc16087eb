#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "hub/link/service.h"

namespace hub::api {

class WebSocket;

// The web sockets of a server, for those who know their numbers. Threads: any.
class WebSockets final : public link::Host {
 public:
  void cut(std::uint32_t connection, operations::Reason reason) override;
  void report(const link::Outcome& outcome) override;
  void deliver(std::uint32_t connection, link::Delivery delivery) override;

  std::uint32_t add(std::weak_ptr<WebSocket> socket);
  void remove(std::uint32_t connection);

 private:
  std::shared_ptr<WebSocket> find(std::uint32_t connection);

  std::mutex mutex_;
  std::unordered_map<std::uint32_t, std::weak_ptr<WebSocket>> sockets_;  // guarded by mutex_
  std::uint32_t last_ = 0;                                               // guarded by mutex_
};

}  // namespace hub::api
