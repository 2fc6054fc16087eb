#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"

namespace os {

// One attempt to connect to a TCP server by name, which never blocks the loop: names are resolved
// on a thread of their own, then each address is tried in turn.
//
// `done` is called once, on the loop, with a connected non-blocking descriptor (TCP_NODELAY set) or
// an error: NotFound (the name), Unavailable (nobody answered in time, detail says where), Io. Not
// called after destruction, which may happen inside it. Threads: loop only.
class Connect {
 public:
  using Done = std::function<void(base::Result<Fd>)>;

  // `timeout` limits the whole attempt.
  Connect(Loop& loop, const std::string& host, std::uint16_t port, std::chrono::nanoseconds timeout,
          Done done);
  ~Connect();
  Connect(const Connect&) = delete;
  Connect& operator=(const Connect&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace os
