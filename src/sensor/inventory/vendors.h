#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dissect/address.h"

namespace sensor::inventory {

// Who made a network card, by the first three bytes of its address. Threads: any, once made.
class Vendors {
 public:
  Vendors() = default;
  // The text of IEEE's oui.txt (Debian: /usr/share/ieee-data/oui.txt); lines that are not
  // understood are passed over.
  static Vendors parse(std::string_view text);

  // Empty: not known, or the address is nobody's block.
  std::string_view of(const dissect::MacAddress& mac) const;
  std::size_t size() const { return names_.size(); }

 private:
  std::vector<std::pair<std::uint32_t, std::string>> names_;  // in order
};

}  // namespace sensor::inventory
