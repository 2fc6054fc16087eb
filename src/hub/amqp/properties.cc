#include "hub/amqp/properties.h"

#include <algorithm>
#include <array>

#include "wire/property_bag.h"

namespace hub::amqp {

using base::ByteView;
using base::Result;

namespace {

struct Translation {
  std::string_view name;
  std::string_view bag;
};

// Of message annotations. Senders of either spelling exist.
constexpr std::array kAnnotations = {
    Translation{"iothub-interface-id", "$.ifid"},
    Translation{"iothub-creation-time-utc", "$.ctime"},
    Translation{"x-opt-output-name", "$.on"},
    Translation{"dt-subject", "$.sub"},
};
// Of application properties.
constexpr std::array kApplication = {
    Translation{"iothub-outputname", "$.on"},
    Translation{"iothub-creation-time-utc", "$.ctime"},
};

template <std::size_t N>
const Translation* find_in(const std::array<Translation, N>& table, std::string_view name) {
  const auto* found = std::ranges::find(table, name, &Translation::name);
  return found == table.end() ? nullptr : found;
}

void set_text(wire::PropertyBag& bag, std::string_view name, const std::string& text) {
  if (!text.empty()) bag.set(name, text);
}

void set_value(wire::PropertyBag& bag, std::string_view name, const Value& value) {
  set_text(bag, name, value.to_text());
}

void set_time(wire::PropertyBag& bag, std::string_view name,
              const std::optional<std::int64_t>& milliseconds) {
  if (milliseconds) bag.set(name, Value::timestamp(*milliseconds).to_text());
}

}  // namespace

std::string property_bag(const Message& message) {
  wire::PropertyBag bag;
  set_value(bag, "$.mid", message.message_id);
  set_value(bag, "$.cid", message.correlation_id);
  set_text(bag, "$.uid", message.user_id);
  set_text(bag, "$.to", message.to);
  set_text(bag, "$.ct", message.content_type);
  set_text(bag, "$.ce", message.content_encoding);
  set_time(bag, "$.exp", message.expiry_ms);
  set_time(bag, "$.ctime", message.creation_ms);
  for (const auto& [name, value] : message.annotations) {
    if (const Translation* known = find_in(kAnnotations, name)) set_value(bag, known->bag, value);
  }
  for (const auto& [name, value] : message.application) {
    if (const Translation* known = find_in(kApplication, name)) {
      set_value(bag, known->bag, value);
    } else if (!name.empty() && !name.starts_with("$.")) {
      bag.set(name, value.to_text());
    }
  }
  return bag.encode();
}

Result<std::vector<Message>> decode_events(ByteView bytes) {
  std::vector<Message> messages;
  messages.push_back(TRY(decode(bytes)));
  if (!messages.front().bare()) return messages;
  std::vector<Message> parts;
  for (const std::string_view section : messages.front().data) {
    auto part = decode(base::as_bytes(section));
    // Ordinary bytes, that just came in sections.
    if (!part || (part->data.empty() && !part->value)) return messages;
    parts.push_back(std::move(*part));
  }
  return parts;
}

}  // namespace hub::amqp
