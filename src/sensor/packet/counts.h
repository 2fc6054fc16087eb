#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sensor::packet {

// One number for each enumerator of E, which ends with `End`. A function count_name(E) beside E
// names them in records ("ip_overlap"). Threads: one; copies are for others.
template <class E>
class Counts {
 public:
  static constexpr std::size_t kSize = static_cast<std::size_t>(E::End);

  void add(E which, std::uint64_t count = 1) { values_[static_cast<std::size_t>(which)] += count; }
  std::uint64_t of(E which) const { return values_[static_cast<std::size_t>(which)]; }
  Counts& operator+=(const Counts& other) {
    for (std::size_t i = 0; i < kSize; ++i)
      values_[i] += other.values_[i];
    return *this;
  }
  // visit(std::string_view name, std::uint64_t value), in order.
  template <class Visit>
  void each(const Visit& visit) const {
    for (std::size_t i = 0; i < kSize; ++i)
      visit(count_name(static_cast<E>(i)), values_[i]);
  }

 private:
  std::array<std::uint64_t, kSize> values_{};
};

}  // namespace sensor::packet
