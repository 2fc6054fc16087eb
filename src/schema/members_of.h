#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <simdjson.h>

#include "schema/report.h"

// Reading the members of a JSON object by name; for the sources of this folder.
namespace schema {

// The members of a JSON object whose names are known beforehand, each at its place in the list of
// names. Of repeated members the last counts.
template <std::size_t kCount>
class MembersOf {
 public:
  // Tells the report of members that are not on the list; `shown` says what it may name instead.
  void read(simdjson::dom::object object, const std::array<std::string_view, kCount>& names,
            const Path& path, Report& report) {
    std::size_t next = 0;  // writers keep an order, so that the next name is the likely one
    for (const auto [key, value] : object) {
      std::size_t index = next < kCount && names[next] == key ? next : 0;
      while (index < kCount && names[index] != key)
        ++index;
      if (index == kCount) {
        report.unknown(path, key, names);
        if (report.full()) return;
        continue;
      }
      values_[index] = value;
      present_ |= 1U << index;
      next = index + 1;
    }
  }

  const simdjson::dom::element* find(std::size_t index) const {
    return (present_ >> index & 1U) != 0 ? &values_[index] : nullptr;
  }
  std::uint32_t present() const { return present_; }

 private:
  static_assert(kCount <= 32);
  std::array<simdjson::dom::element, kCount> values_;
  std::uint32_t present_ = 0;
};

}  // namespace schema
