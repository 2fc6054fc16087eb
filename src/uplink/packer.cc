#include "uplink/packer.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "schema/message.h"

namespace uplink {

namespace {

constexpr std::size_t kMeterBytes = 4096;

std::size_t up_to_meter(std::size_t bytes) {
  return (bytes + kMeterBytes - 1) / kMeterBytes * kMeterBytes;
}

}  // namespace

struct Packer::Draft {
  std::vector<std::string> events;
  std::size_t event_bytes = 0;
  std::array<std::optional<journal::Range>, kPriorities> covers;
};

Packer::Packer(Spool& spool, Options options) : spool_(spool), options_(std::move(options)) {}

std::size_t Packer::max_event_bytes(const Options& options) {
  const std::size_t around = schema::envelope_size(options.agent_version, 1, 0);
  return options.max_message_bytes - std::min(around, options.max_message_bytes);
}

Packer::Event* Packer::peek(Priority priority) {
  auto& held = held_[static_cast<std::size_t>(priority)];
  const std::size_t largest = max_event_bytes(options_);
  while (!held || spool_.settled(priority, held->sequence)) {  // evicted since
    held.reset();
    const auto record = spool_.read(priority);
    if (!record) {
      LOG_WARNING("spool.read_failed").field("error", record.error().to_string());
      return nullptr;
    }
    if (!*record) return nullptr;
    const std::uint64_t sequence = (*record)->sequence;
    if ((*record)->payload.size() <= largest) {
      held = Event{sequence, std::string(base::as_text((*record)->payload))};
    } else {
      // The limit was larger when it was collected.
      spool_.settle(priority, {sequence, sequence}, Outcome::TooLarge);
    }
  }
  return &*held;
}

void Packer::fill(Draft& draft, Priority priority, std::size_t limit) {
  while (Event* event = peek(priority)) {
    const std::size_t event_bytes = draft.event_bytes + event->json.size();
    const std::size_t size =
        schema::envelope_size(options_.agent_version, draft.events.size() + 1, event_bytes);
    if (size > limit) return;
    auto& covers = draft.covers[static_cast<std::size_t>(priority)];
    if (!covers) covers = journal::Range{event->sequence, event->sequence};
    covers->last = event->sequence;
    draft.event_bytes = event_bytes;
    draft.events.push_back(std::move(event->json));
    held_[static_cast<std::size_t>(priority)].reset();
  }
}

std::optional<Message> Packer::next(bool low_too) {
  Draft draft;
  fill(draft, Priority::High, options_.max_message_bytes);
  if (!draft.events.empty()) {
    const std::size_t size =
        schema::envelope_size(options_.agent_version, draft.events.size(), draft.event_bytes);
    fill(draft, Priority::Low, std::min(up_to_meter(size), options_.max_message_bytes));
  } else if (low_too) {
    fill(draft, Priority::Low, options_.max_message_bytes);
  }
  if (draft.events.empty()) return std::nullopt;
  const std::vector<std::string_view> views(draft.events.begin(), draft.events.end());
  Message message;
  message.payload = schema::encode_envelope(options_.agent_version, options_.agent_id, views);
  message.events = views.size();
  message.covers = draft.covers;
  return message;
}

bool Packer::has_unsent(Priority priority) const {
  const auto& held = held_[static_cast<std::size_t>(priority)];
  return held.has_value() || spool_.has_unread(priority);
}

}  // namespace uplink
