#include <charconv>

#include "base/json.h"
#include "base/text.h"
#include "schema/members.h"
#include "schema/message.h"

namespace schema {

namespace {

constexpr std::string_view kVersionKey = R"({"AgentVersion":)";
constexpr std::string_view kAgentKey = R"(,"AgentId":")";
constexpr std::string_view kEventsKey = R"(","MessageSchemaVersion":"1.0","Events":[)";
constexpr std::string_view kEnd = "]}";
constexpr std::size_t kGuidSize = 36;

void append(std::string& out, const std::string& text) {
  base::json::append_quoted(out, text);
}
void append(std::string& out, bool flag) {
  out.append(flag ? "true" : "false");
}
void append(std::string& out, std::int64_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}
template <class Enum>
  requires std::is_enum_v<Enum>
void append(std::string& out, Enum value) {
  out.push_back('"');
  out.append(to_string(value));
  out.push_back('"');
}

void append(std::string& out, const ExtraDetails& details) {
  out.append(R"("ExtraDetails":{)");
  bool first = true;
  for (const auto& [name, value] : details) {
    if (!first) out.push_back(',');
    first = false;
    base::json::append_quoted(out, name);
    out.push_back(':');
    base::json::append_quoted(out, value);
  }
  out.push_back('}');
}

template <class Item>
void append_item(std::string& out, const Item& item) {
  out.push_back('{');
  const std::size_t start = out.size();
  for_each_member(item, [&](const Field& field, const auto& member) {
    using Member = std::remove_cvref_t<decltype(member)>;
    if constexpr (OptionalOf<Member>::value) {
      if (!member) return;
    }
    if (out.size() != start) out.push_back(',');
    out.append(field.json_key);
    if constexpr (OptionalOf<Member>::value) {
      append(out, *member);
    } else {
      append(out, member);
    }
  });
  if (!item.extra_details.empty()) {
    if (out.size() != start) out.push_back(',');
    append(out, item.extra_details);
  }
  out.push_back('}');
}

void append_envelope_start(std::string& out, std::string_view agent_version,
                           const base::Guid& agent_id) {
  out.append(kVersionKey);
  base::json::append_quoted(out, agent_version);
  out.append(kAgentKey).append(agent_id.to_string()).append(kEventsKey);
}

}  // namespace

std::size_t Event::item_count() const {
  return std::visit([](const auto& items) { return items.size(); }, payload);
}

std::int64_t Event::hit_count(std::size_t item) const {
  return std::visit(
      [&](const auto& items) -> std::int64_t {
        const std::string* text = find(items.at(item).extra_details, "HitCount");
        if (text == nullptr) return 1;
        return std::max<std::int64_t>(1, base::parse_int(*text).value_or(1));
      },
      payload);
}

void encode_event(const Event& event, std::string& out) {
  const EventInfo& info = event_info(event.name());
  out.append(R"({"Id":")").append(event.id.to_string());
  out.append(R"(","TimestampLocal":")")
      .append(base::format_rfc3339(event.time.utc, event.time.offset, 3));
  out.append(R"(","TimestampUTC":")").append(base::format_rfc3339(event.time.utc, 3));
  out.append(R"(","Category":")").append(to_string(info.category));
  out.append(R"(","Name":")").append(info.name);
  out.append(R"(","EventType":")").append(to_string(info.type));
  out.append(event.item_count() == 0 ? R"(","IsEmpty":true)" : R"(","IsEmpty":false)");
  out.append(R"(,"PayloadSchemaVersion":"1.0","Payload":[)");
  std::visit(
      [&](const auto& items) {
        for (std::size_t i = 0; i < items.size(); ++i) {
          if (i > 0) out.push_back(',');
          append_item(out, items[i]);
        }
      },
      event.payload);
  out.append("]}");
}

std::string encode_message(const Message& message) {
  std::string out;
  append_envelope_start(out, message.agent_version, message.agent_id);
  for (std::size_t i = 0; i < message.events.size(); ++i) {
    if (i > 0) out.push_back(',');
    encode_event(message.events[i], out);
  }
  out.append(kEnd);
  return out;
}

std::string encode_envelope(std::string_view agent_version, const base::Guid& agent_id,
                            std::span<const std::string_view> encoded_events) {
  std::size_t bytes = 0;
  for (const std::string_view event : encoded_events)
    bytes += event.size();
  std::string out;
  out.reserve(envelope_size(agent_version, encoded_events.size(), bytes));
  append_envelope_start(out, agent_version, agent_id);
  for (std::size_t i = 0; i < encoded_events.size(); ++i) {
    if (i > 0) out.push_back(',');
    out.append(encoded_events[i]);
  }
  out.append(kEnd);
  return out;
}

std::size_t envelope_size(std::string_view agent_version, std::size_t event_count,
                          std::size_t event_bytes) {
  const std::size_t commas = event_count > 0 ? event_count - 1 : 0;
  return kVersionKey.size() + base::json::quoted(agent_version).size() + kAgentKey.size() +
         kGuidSize + kEventsKey.size() + event_bytes + commas + kEnd.size();
}

std::string event_details_json(const Event& event, std::size_t item) {
  std::string out;
  std::visit([&](const auto& items) { append_item(out, items.at(item)); }, event.payload);
  return out;
}

}  // namespace schema
