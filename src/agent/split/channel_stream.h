#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"

namespace agent::split {

// Frames over one end of a stream socket pair. Threads: loop only.
class ChannelStream {
 public:
  struct Callbacks {
    // Type and body of one frame, for the time of the call. An error ends the stream.
    std::function<base::Result<void>(base::ByteView)> frame;
    // Once, and the last: Closed (by the other end), Io, or what `frame` or the framing said.
    std::function<void(const base::Error&)> closed;
  };

  ChannelStream(os::Loop& loop, os::Fd socket, Callbacks callbacks);
  ~ChannelStream();
  ChannelStream(const ChannelStream&) = delete;
  ChannelStream& operator=(const ChannelStream&) = delete;

  // Queues whole frames, and sends what the socket takes. Wiped once it is sent.
  void send(base::ByteVec frames);
  std::size_t unsent_bytes() const;

  // Sends and reads without the loop until `done` says so, the time is over or the stream ends.
  // For the few moments when nothing else may go on: the very start, and the end.
  void run_until(const std::function<bool()>& done, std::chrono::milliseconds time);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace agent::split
