#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dissect/address.h"

namespace sensor::inventory {

// Who made a network card, by the block that its address is of: IEEE gives blocks of 24 bits
// (MA-L), and parts of some of these with 28 (MA-M) or 36 (MA-S, and IAB before). Threads: any,
// once made.
class Vendors {
 public:
  Vendors() = default;
  // The text of one of IEEE's lists; see add().
  static Vendors parse(std::string_view text);

  // One more of IEEE's lists (oui.txt, mam.txt, oui36.txt, iab.txt). Lines that are not understood
  // are passed over, and so are blocks whose owner is not told ("Private") or is IEEE itself. Where
  // two give the same block, the first stays.
  void add(std::string_view text);

  // Of the smallest block that has the address. Empty: not known, or the address is nobody's block.
  std::string_view of(const dissect::MacAddress& mac) const;
  std::size_t size() const;

 private:
  struct Block {
    std::uint64_t prefix = 0;  // of an address of 48 bits; the others are 0
    std::string name;
  };
  static constexpr std::array<unsigned int, 3> kBits = {36, 28, 24};

  void keep(std::uint64_t first, std::uint64_t last, std::string_view name);

  std::array<std::vector<Block>, kBits.size()> blocks_;  // as in kBits, each in order
};

}  // namespace sensor::inventory
