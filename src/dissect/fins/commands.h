#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::fins {

struct Command {
  std::string_view name = {};
  std::uint16_t code = 0;
  Access access = Access::None;
};
// A name that is empty: not known.
Command command(std::uint16_t code);

// "DM", "CIO" ...; empty: unknown. A bit of the code tells bits from words.
std::string_view area_name(std::uint8_t area);

// What the main part of an end code says (W342, 5-1-3).
std::string_view end_name(std::uint16_t code);

}  // namespace dissect::fins
