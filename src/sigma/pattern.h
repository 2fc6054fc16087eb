#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sigma/rule.h"

namespace sigma {

// A field name with its modifiers, as `CommandLine|contains|all`.
struct FieldKey {
  std::string field;
  std::vector<std::string> modifiers;
};
FieldKey split_key(std::string_view key);

// A value as YAML has it.
struct RawValue {
  std::string text;
  bool is_null = false;
};

// The pattern that a value stands for, modifiers applied. Errors say what was expected. Threads:
// pure.
std::expected<Pattern, std::string> make_pattern(const RawValue& value,
                                                 const std::vector<std::string>& modifiers);

// The text of a Sigma value: * and ? are wildcards; \* \? and \\ are these characters.
std::vector<Piece> parse_pieces(std::string_view text);

// An address block.
struct Cidr {
  bool v6 = false;
  std::array<std::uint8_t, 16> address{};
  unsigned bits = 0;
};
std::optional<Cidr> parse_cidr(std::string_view text);
// Whether the address, as text, lies in the block. An IPv4-mapped IPv6 address counts as IPv4.
bool in_cidr(const Cidr& cidr, std::string_view address);

}  // namespace sigma
