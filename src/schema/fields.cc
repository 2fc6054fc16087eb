#include "schema/fields.h"

#include "schema/members.h"
#include "schema/message.h"

namespace schema {

namespace {

constexpr std::string_view kExtraPrefix = "ExtraDetails.";

FieldValue value_of(const std::string& text) {
  return std::string_view(text);
}
FieldValue value_of(std::int64_t number) {
  return number;
}
FieldValue value_of(bool flag) {
  return flag;
}
template <class Enum>
  requires std::is_enum_v<Enum>
FieldValue value_of(Enum value) {
  return to_string(value);
}
template <class T>
FieldValue value_of(const std::optional<T>& member) {
  return member ? value_of(*member) : FieldValue();
}

}  // namespace

std::string_view to_string(EventName name) {
  return event_info(name).name;
}

std::optional<EventName> event_name(std::string_view name) {
  for (std::size_t i = 0; i < kEventNames; ++i) {
    if (event_info(static_cast<EventName>(i)).name == name) return static_cast<EventName>(i);
  }
  return std::nullopt;
}

std::optional<FieldRef> find_field(EventName event, std::string_view name) {
  const std::span<const Field> fields = event_info(event).fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return FieldRef{event, static_cast<std::uint8_t>(i), {}};
  }
  if (!name.starts_with(kExtraPrefix)) return std::nullopt;
  return FieldRef{event, static_cast<std::uint8_t>(fields.size()),
                  std::string(name.substr(kExtraPrefix.size()))};
}

FieldValue field_value(const Event& event, std::size_t item, const FieldRef& field) {
  ASSERT(event.name() == field.event);
  return std::visit(
      [&](const auto& items) -> FieldValue {
        const auto& row = items.at(item);
        FieldValue value;
        if (field.index == event_info(field.event).fields.size()) {
          if (const std::string* text = find(row.extra_details, field.extra))
            value = std::string_view(*text);
        } else {
          with_member(row, field.index,
                      [&](const Field&, const auto& member) { value = value_of(member); });
        }
        return value;
      },
      event.payload);
}

std::optional<std::string_view> field_text(const Event& event, std::size_t item,
                                           const FieldRef& field, std::string& scratch) {
  const FieldValue value = field_value(event, item, field);
  if (const auto* text = std::get_if<std::string_view>(&value)) return *text;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    scratch = std::to_string(*number);
    return scratch;
  }
  return std::nullopt;
}

std::optional<std::string_view> field_text(const Event& event, std::size_t item,
                                           std::string_view field, std::string& scratch) {
  const std::optional<FieldRef> ref = find_field(event.name(), field);
  if (!ref) return std::nullopt;
  return field_text(event, item, *ref, scratch);
}

}  // namespace schema
