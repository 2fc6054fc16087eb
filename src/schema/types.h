#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What every event shares; the events themselves are generated (schema/events.h).
namespace schema {

// Periodic: a full picture, sent again and again. Triggered: something happened.
enum class Category : std::uint8_t { Periodic, Triggered };
enum class EventType : std::uint8_t { Security, Operational, Diagnostic };
// Classic: an event of the security message format that agents in the field speak. Vedette: ours.
enum class Origin : std::uint8_t { Classic, Vedette };

std::string_view to_string(Category category);
std::string_view to_string(EventType type);

// Names and values beyond the fields of an event, in the order they were written; no name twice.
using ExtraDetails = std::vector<std::pair<std::string, std::string>>;

// The value of that name, nullptr when there is none.
const std::string* find(const ExtraDetails& details, std::string_view name);
// Sets the value of that name, which is added when it is not there yet.
void set(ExtraDetails& details, std::string_view name, std::string value);

}  // namespace schema
