#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "sigma/anchored_index.h"
#include "sigma/literal_index.h"
#include "sigma/matcher.h"

namespace sigma {

// Many values that a field may have, end with, contain..., of which any will do: asked at once,
// whatever their number. ASCII letters match in either case. Build it once; then any thread may
// ask.
class ValueSet {
 public:
  // Clue::Kind::Whole, Start, End or Anywhere.
  void add(const Clue& clue);
  void build();
  bool matches(std::string_view text) const;
  std::size_t bytes() const { return anchored_.bytes() + literals_.bytes(); }

 private:
  AnchoredIndex anchored_;
  LiteralIndex literals_;
};

}  // namespace sigma
