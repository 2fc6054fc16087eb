#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

namespace dissect {

// A number of a protocol's register and what the standard calls it.
struct Named {
  std::uint32_t code = 0;
  std::string_view name;
};

// The name of `code` in a table that is sorted by code; empty: it is not there.
constexpr std::string_view name_of(std::span<const Named> table, std::uint32_t code) {
  const auto found = std::ranges::lower_bound(table, code, {}, &Named::code);
  return found != table.end() && found->code == code ? found->name : std::string_view{};
}

constexpr bool sorted_by_code(std::span<const Named> table) {
  return std::ranges::adjacent_find(table, std::ranges::greater_equal{}, &Named::code) ==
         table.end();
}

}  // namespace dissect
