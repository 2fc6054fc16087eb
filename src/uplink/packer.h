#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/id.h"
#include "uplink/spool.h"

namespace uplink {

// A security message ready to be sent, and the events it carries.
struct Message {
  std::string payload;
  std::size_t events = 0;
  std::array<std::optional<journal::Range>, kPriorities> covers;
};

// Makes messages of what a spool holds, in its order, each event once. Threads: loop only.
class Packer {
 public:
  struct Options {
    std::string agent_version;
    base::Guid agent_id;
    std::size_t max_message_bytes = 200U << 10U;
  };

  // `spool` must outlive the packer, and is read by nobody else.
  Packer(Spool& spool, Options options);

  // High events first, as many as fit. Low events fill a message of High ones up to the next 4 KiB,
  // which is what a hub's meter counts; they get messages of their own if `low_too`.
  // An event that fits in no message is dropped and counted. nullopt: there is nothing to send.
  std::optional<Message> next(bool low_too);
  bool has_unsent(Priority priority) const;

  // The largest event that fits in a message.
  static std::size_t max_event_bytes(const Options& options);

 private:
  struct Event {
    std::uint64_t sequence = 0;
    std::string json;
  };
  struct Draft;

  // The lane's next event, which stays until it is taken.
  Event* peek(Priority priority);
  void fill(Draft& draft, Priority priority, std::size_t limit);

  Spool& spool_;
  Options options_;
  std::array<std::optional<Event>, kPriorities> held_;
};

}  // namespace uplink
