#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"

namespace agent::local {

// Where a running agent answers questions of this device's administrator.
std::string socket_path(const std::string& state_dir);

// Answers on a socket in the state folder; only root, and the user that the agent runs as, are
// heard. A client says one line, "status" or "events", and gets one JSON text, or a line of JSON
// for each event from then on. A client that does not read is left behind. Threads: loop only.
class LocalSocket {
 public:
  // Errors: TooLarge (the path is too long for a socket), Io. The folder is the caller's alone.
  static base::Result<std::unique_ptr<LocalSocket>> open(os::Loop& loop,
                                                         const std::string& state_dir,
                                                         std::function<std::string()> status);
  ~LocalSocket();
  LocalSocket(const LocalSocket&) = delete;
  LocalSocket& operator=(const LocalSocket&) = delete;

  // Does somebody want events? Where nobody does, they need not be written as JSON.
  bool has_listeners() const;
  // One event as JSON, without a newline, for all who asked.
  void tell(std::string_view event);

 private:
  struct State;
  explicit LocalSocket(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The other end. Errors: NotFound (no agent runs there), Denied, Unavailable (no answer in time),
// TooLarge, Io.
base::Result<std::string> ask_status(const std::string& state_dir,
                                     std::chrono::milliseconds patience);
// A socket from which lines of events can be read. Errors: as ask_status.
base::Result<os::Fd> open_events(const std::string& state_dir);

}  // namespace agent::local
