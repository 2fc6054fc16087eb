#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dissect/message.h"

namespace dissect::hartip {

struct Command {
  std::string_view name = {};  // empty: a device's own
  std::uint16_t code = 0;
  Access access = Access::None;
};
Command command(std::uint16_t code);

// What a response code says, and whether it means that nothing was done. Some codes mean different
// things for different commands: those have the general name of their kind.
struct ResponseCode {
  std::string_view name;
  bool failed = true;
};
ResponseCode response_code(std::uint8_t code);

// Of a device's manufacturer; empty: not in the list.
std::string_view manufacturer(std::uint16_t id);

// HART's six-bit characters, four in three bytes, without blanks around them.
std::string packed_text(base::ByteView bytes);

}  // namespace dissect::hartip
