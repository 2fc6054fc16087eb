#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "schema/events.h"

// What an event consists of, as data: for lookups by name and for whoever must list events and
// fields.
namespace schema {

struct Event;

enum class FieldKind : std::uint8_t { Text, Integer, Boolean, Ip, Id, Enum };
enum class Need : std::uint8_t { Optional, Required };

struct Field {
  std::string_view name;  // as in JSON: CommandLine
  FieldKind kind;
  Need need;
  std::span<const std::string_view> values;  // of an Enum; its C++ value is the index
  std::string_view json_key;                 // "CommandLine": with quotes and colon
};

struct EventInfo {
  std::string_view name;
  Category category;
  EventType type;
  Origin origin;
  std::span<const Field> fields;
  std::span<const std::uint32_t>
      any_of;  // bit i is fields[i]: at least one of each mask must be there
};

const EventInfo& event_info(EventName name);
std::string_view to_string(EventName name);
// The event of that name, exactly as written.
std::optional<EventName> event_name(std::string_view name);

// A field of one kind of event, found once and read often.
struct FieldRef {
  EventName event{};
  std::uint8_t index = 0;  // into event_info(event).fields; the field count stands for ExtraDetails
  std::string extra;       // name within ExtraDetails
};
// The field named `CommandLine` or, for any other name, `ExtraDetails.Cwd`; exactly as written.
// A name in ExtraDetails always exists; whether an item has it shows when it is read.
std::optional<FieldRef> find_field(EventName event, std::string_view name);

// A field's value; monostate when the item does not have it. Text is a view into the event.
using FieldValue = std::variant<std::monostate, std::string_view, std::int64_t, bool>;

// `item` is below event.item_count(), and `field` belongs to event.name().
FieldValue field_value(const Event& event, std::size_t item, const FieldRef& field);

// The same as text: numbers in decimal, flags as true and false. The view is into the event or into
// `scratch`. nullopt when the item does not have the field, or no such field exists.
std::optional<std::string_view> field_text(const Event& event, std::size_t item,
                                           const FieldRef& field, std::string& scratch);
std::optional<std::string_view> field_text(const Event& event, std::size_t item,
                                           std::string_view field, std::string& scratch);

}  // namespace schema
