#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dissect/message.h"

namespace dissect::modbus {

inline constexpr std::uint8_t kUmas = 90;

// What a function code stands for.
struct Function {
  std::string_view name;  // empty: not assigned
  Access access = Access::None;
  std::string_view space = {};  // what it addresses; empty: nothing by number
  bool reserved = false;        // by the specification, for what was there before it (annex A)
};
// `code` without the exception bit.
const Function& function(std::uint8_t code);

// Of function 8 (6.8.1).
Function diagnostic(std::uint16_t code);

// "illegal data address" ...; "" for what the specification does not know (7).
std::string_view exception_name(std::uint8_t code);

// What a body, which is what follows the function code, can be by its form alone.
enum class Form : std::uint8_t { Neither, Request, Response, Either };
Form form(std::uint8_t code, base::ByteView body);
// Whether that is more than a guess: the function's bodies have a form.
bool has_form(std::uint8_t code);

}  // namespace dissect::modbus
