#pragma once

#include <cstdint>
#include <functional>

#include "agent/hardware/uevent.h"
#include "base/result.h"
#include "os/fd.h"

namespace agent::hardware {

// Listens to uevents of the kernel and of udev. Threads: one.
class UeventSocket {
 public:
  // Errors: Unsupported, Denied, Io.
  static base::Result<UeventSocket> open();

  int fd() const { return socket_.get(); }
  struct Received {
    bool overrun = false;         // the kernel dropped some
    bool more = false;            // the limit was reached
    std::uint64_t malformed = 0;  // not readable
  };
  // Hands over what waits, at most 256 events, without blocking. What neither the kernel nor a
  // process of root sent is passed over. Errors: Io.
  base::Result<Received> receive(const std::function<void(const Uevent&)>& on_event);

 private:
  explicit UeventSocket(os::Fd socket) : socket_(std::move(socket)) {}
  os::Fd socket_;
};

}  // namespace agent::hardware
