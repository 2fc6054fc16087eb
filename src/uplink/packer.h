#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
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
  std::array<std::size_t, kPriorities> event_bytes{};  // of each lane
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

  // Lanes whose events may begin a message now.
  struct Due {
    bool high = true;
    bool low = true;
  };
  // Events of the lanes that are due, High first, as many as fit; what room is left is filled with
  // Low events, due or not. An event larger than a message, since the limit was larger when it was
  // collected, is divided or cut; one that fits even so in no message is dropped and counted.
  // nullopt: there is nothing to send.
  std::optional<Message> next(Due due);
  bool has_unsent(Priority priority) const;

  // For messages from now on.
  void set_max_message_bytes(std::size_t bytes) { options_.max_message_bytes = bytes; }
  // The largest event that fits in a message.
  static std::size_t max_event_bytes(const Options& options);
  // Events that next() had to cut.
  std::uint64_t truncated() const { return truncated_; }

 private:
  struct Event {
    std::uint64_t sequence = 0;
    std::deque<std::string> parts;  // more than one where it did not fit as a whole
  };
  struct Draft;

  bool hold_next(Priority priority);
  bool fit(Event& event, std::size_t largest);
  // The lane's next event, which stays until it is taken.
  Event* peek(Priority priority);
  void fill(Draft& draft, Priority priority);

  Spool& spool_;
  Options options_;
  std::array<std::optional<Event>, kPriorities> held_;
  std::uint64_t truncated_ = 0;
};

}  // namespace uplink
