#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace agent::baseline {

// A regular expression of somebody else's, matched in time that grows with the text only (RE2): no
// back references, no looking around. Bytes, not characters. Threads: pure.
class Pattern {
 public:
  static constexpr std::size_t kMaxBytes = 4096;

  // Errors: Malformed (the detail says what), TooLarge.
  static base::Result<Pattern> compile(std::string_view text);
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;

  bool found_in(std::string_view text) const;

 private:
  struct State;
  explicit Pattern(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The parts of "(a)|(b)|c" between bars that are in no group or set. Threads: pure.
std::vector<std::string> alternatives_of(std::string_view pattern);

}  // namespace agent::baseline
