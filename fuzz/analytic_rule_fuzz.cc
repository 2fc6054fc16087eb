// Any text as an analytic rule: it is read, or refused with a place inside the text.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "detect/scheduled/analytic_rule.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view yaml(reinterpret_cast<const char*>(data), size);
  const auto rule = detect::scheduled::parse(yaml);
  if (!rule) {
    ASSERT(!rule.error().message.empty());
    ASSERT(rule.error().line <=
           1 + std::ranges::count(yaml, '\n') + std::ranges::count(yaml, '\r'));
    return 0;
  }
  ASSERT(rule->frequency.count() >= 60 && rule->period >= rule->frequency);
  ASSERT(!rule->name.empty() && !rule->query.empty());
  detect::scheduled::columns_in(rule->title_format);
  return 0;
}
