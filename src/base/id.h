#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace base {

// A 128-bit identifier, written as 36 characters: 9c647395-b913-4997-a732-a7fe7303b649 (RFC 9562).
struct Guid {
  std::array<std::uint8_t, 16> bytes{};

  // Version 4, from the operating system's generator.
  static Guid random();
  // The same names give the same identifier, always: version 8 over SHA-256 of `space` and `name`.
  // For ids that must survive reprocessing, such as an alert's.
  static Guid derived(std::string_view space, std::string_view name);
  // Either case, no braces. Errors: Malformed.
  static Result<Guid> parse(std::string_view text);

  std::string to_string() const;
  auto operator<=>(const Guid&) const = default;
};

// Fills `out` from the operating system's generator; ends the process if there is none.
void random_bytes(std::span<std::uint8_t> out);

}  // namespace base

template <>
struct std::hash<base::Guid> {
  std::size_t operator()(const base::Guid& guid) const noexcept {
    std::size_t value = 0;
    __builtin_memcpy(&value, guid.bytes.data(), sizeof value);
    std::size_t high = 0;
    __builtin_memcpy(&high, guid.bytes.data() + 8, sizeof high);
    return value ^ (high * 0x9E3779B97F4A7C15ULL);
  }
};
