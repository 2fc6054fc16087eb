#include "uplink/packer.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "schema/message.h"
#include "uplink/split.h"

namespace uplink {

struct Packer::Draft {
  std::vector<std::string> events;
  std::size_t event_bytes = 0;
  std::array<std::optional<journal::Range>, kPriorities> covers;
  std::array<std::size_t, kPriorities> lane_bytes{};
};

Packer::Packer(Spool& spool, Options options) : spool_(spool), options_(std::move(options)) {}

std::size_t Packer::max_event_bytes(const Options& options) {
  const std::size_t around = schema::envelope_size(options.agent_version, 1, 0);
  return options.max_message_bytes - std::min(around, options.max_message_bytes);
}

// The next record that is not settled; false: there is none at present.
bool Packer::hold_next(Priority priority) {
  auto& held = held_[static_cast<std::size_t>(priority)];
  while (!held || spool_.settled(priority, held->sequence)) {  // evicted since
    held.reset();
    const auto record = spool_.read(priority);
    if (!record) {
      LOG_WARNING("spool.read_failed").field("error", record.error().to_string());
      return false;
    }
    if (!*record) return false;
    held = Event{(*record)->sequence, {std::string(base::as_text((*record)->payload))}};
  }
  return true;
}

// Brings the first part down to what a message takes; false: that cannot be done.
bool Packer::fit(Event& event, std::size_t largest) {
  if (event.parts.front().size() <= largest) return true;
  std::deque<std::string> parts;
  const Pieces pieces = divide(std::move(event.parts.front()), largest,
                               [&](std::string part) { parts.push_back(std::move(part)); });
  truncated_ += pieces.truncated;
  event.parts.pop_front();
  event.parts.insert(event.parts.begin(), std::make_move_iterator(parts.begin()),
                     std::make_move_iterator(parts.end()));
  return std::all_of(event.parts.begin(),
                     event.parts.begin() + static_cast<std::ptrdiff_t>(pieces.count),
                     [&](const std::string& part) { return part.size() <= largest; });
}

Packer::Event* Packer::peek(Priority priority) {
  while (hold_next(priority)) {
    Event& event = *held_[static_cast<std::size_t>(priority)];
    if (fit(event, max_event_bytes(options_))) return &event;
    spool_.settle(priority, {event.sequence, event.sequence}, Outcome::TooLarge);
  }
  return nullptr;
}

void Packer::fill(Draft& draft, Priority priority) {
  const auto lane = static_cast<std::size_t>(priority);
  while (Event* event = peek(priority)) {
    std::string& part = event->parts.front();
    const std::size_t event_bytes = draft.event_bytes + part.size();
    const std::size_t size =
        schema::envelope_size(options_.agent_version, draft.events.size() + 1, event_bytes);
    if (size > options_.max_message_bytes) return;
    draft.event_bytes = event_bytes;
    draft.lane_bytes[lane] += part.size();
    draft.events.push_back(std::move(part));
    event->parts.pop_front();
    // It has arrived when its last part has.
    if (!event->parts.empty()) continue;
    auto& covers = draft.covers[lane];
    if (!covers) covers = journal::Range{event->sequence, event->sequence};
    covers->last = event->sequence;
    held_[lane].reset();
  }
}

std::optional<Message> Packer::next(Due due) {
  Draft draft;
  if (due.high) fill(draft, Priority::High);
  if (due.low || !draft.events.empty()) fill(draft, Priority::Low);
  if (draft.events.empty()) return std::nullopt;
  const std::vector<std::string_view> views(draft.events.begin(), draft.events.end());
  Message message;
  message.payload = schema::encode_envelope(options_.agent_version, options_.agent_id, views);
  message.events = views.size();
  message.covers = draft.covers;
  message.event_bytes = draft.lane_bytes;
  return message;
}

bool Packer::has_unsent(Priority priority) const {
  const auto& held = held_[static_cast<std::size_t>(priority)];
  return held.has_value() || spool_.has_unread(priority);
}

}  // namespace uplink
