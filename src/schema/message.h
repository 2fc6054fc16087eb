#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "schema/events.h"
#include "schema/fields.h"

// The security message: what an agent sends to the hub. docs/reference/events.md describes the
// wire.
namespace schema {

// Something that happened on a device, or a picture of its state. Name, category and type follow
// from the alternative that the payload holds.
struct Event {
  base::Guid id{};
  // Written as TimestampUTC and, with its offset, as TimestampLocal.
  base::OffsetTime time{};
  // It came with Category "Aggregated", as agents in the field write repeats.
  bool aggregated = false;
  // No items: "nothing to report", which only a Periodic event may say.
  Payload payload;

  EventName name() const { return static_cast<EventName>(payload.index()); }
  Category category() const { return event_info(name()).category; }
  EventType type() const { return event_info(name()).type; }
  std::size_t item_count() const;
  // How often an item happened: its ExtraDetails.HitCount, 1 when it has none or no positive
  // number.
  std::int64_t hit_count(std::size_t item) const;
};

struct Message {
  std::string agent_version;
  base::Guid agent_id;
  std::vector<Event> events;
};

// An event's payload of one item, for the usual case: Event{.payload =
// payload_of(ProcessCreate{...})}.
template <class Item>
Payload payload_of(Item item) {
  std::vector<Item> items;
  items.push_back(std::move(item));
  return Payload(std::move(items));
}

// Appends the event as one JSON object without white space: what an agent keeps in its spool and
// sends later as it is. Text that is not UTF-8 gets U+FFFD in the place of bad bytes. The caller
// sees to it that Ip fields hold addresses; everything else is valid by construction.
void encode_event(const Event& event, std::string& out);
std::string encode_message(const Message& message);

// A message around events that encode_event wrote earlier; byte for byte what encode_message gives.
std::string encode_envelope(std::string_view agent_version, const base::Guid& agent_id,
                            std::span<const std::string_view> encoded_events);
// Size of the above without making it: `event_bytes` is the sum of the sizes of `event_count`
// events.
std::size_t envelope_size(std::string_view agent_version, std::size_t event_count,
                          std::size_t event_bytes);

// One item of the payload as a JSON object with its ExtraDetails; `item` is below item_count().
std::string event_details_json(const Event& event, std::size_t item);

}  // namespace schema
