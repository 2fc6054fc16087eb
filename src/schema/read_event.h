#pragma once

#include <optional>

#include <simdjson.h>

#include "schema/report.h"

// One event of a message; for the sources of this folder.
namespace schema {

// Whether items are wanted, or only the verdict on them.
enum class Keep : std::uint8_t { Items, Nothing };

// What is left of a message's allowance.
struct Allowance {
  Keep keep = Keep::Items;
  std::size_t items = kMaxPayloadItems;
};

// Checks one element of Events and reads it into `out`, which holds a valid event exactly if
// nothing was added to the report's violations.
void read_event(simdjson::dom::element element, const Path& path, Report& report,
                Allowance& allowance, Event& out);

// An id of 36 characters: the UUID that it is, or one derived from it. nullopt: not 36 characters.
std::optional<base::Guid> read_id(std::string_view text);

}  // namespace schema
