#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "audit/event.h"
#include "audit/rules.h"
#include "base/bytes.h"
#include "base/result.h"
#include "os/fd.h"

namespace audit {

// struct audit_status, as far as it is used.
struct Status {
  std::uint32_t enabled = 0;  // 0: off, 1: on, 2: on, and locked until the next boot
  std::uint32_t failure = 0;  // 2: the kernel panics when a record is lost
  std::uint32_t daemon = 0;   // pid of who takes the records; 0: nobody
  std::uint32_t backlog_limit = 0;
  std::uint32_t lost = 0;
};
// Errors: Truncated. Threads: pure.
base::Result<Status> read_status(base::ByteView payload);

// Questions to the kernel's audit system and their answers, one at a time. Needs
// CAP_AUDIT_CONTROL for all. Waits for an answer up to a second. Threads: one.
// Errors: Denied, Unsupported (no audit here), Exists, NotFound, Unavailable (no answer), Io.
class Control {
 public:
  static base::Result<Control> open();

  base::Result<Status> status();
  base::Result<std::vector<Rule>> rules();
  base::Result<void> add(const Rule& rule);
  base::Result<void> remove(const Rule& rule);
  base::Result<void> set_enabled(bool on);
  base::Result<void> set_backlog_limit(std::uint32_t records);
  // Makes this socket the daemon's; 0 gives the place up.
  base::Result<void> set_daemon(std::uint32_t pid);
  // From now on, lets the kernel drop the records that it sends here, as being received: for one
  // that takes the daemon's place and reads the records elsewhere.
  base::Result<void> refuse_records();

  int fd() const { return socket_.get(); }
  // What came without being asked for: did a daemon ask for its place?
  bool place_wanted();

 private:
  using OnMessage = std::function<bool(RecordType, base::ByteView)>;  // true: that was the last
  base::Result<void> ask(RecordType type, base::ByteView payload, const OnMessage& on_message);
  base::Result<void> change(RecordType type, base::ByteView payload);

  os::Fd socket_;
  std::uint32_t sequence_ = 0;
  bool place_wanted_ = false;
};

// The records themselves, as everybody who may listen gets them.
class Listener {
 public:
  // Errors: Denied (needs CAP_AUDIT_READ), Unsupported, Io.
  static base::Result<Listener> open(std::size_t receive_bytes);

  int fd() const { return socket_.get(); }
  struct Received {
    std::size_t messages = 0;
    bool overrun = false;
    bool more = false;
  };
  base::Result<Received> receive(
      std::size_t limit, const std::function<void(RecordType, std::string_view)>& on_record);

 private:
  os::Fd socket_;
};

}  // namespace audit
