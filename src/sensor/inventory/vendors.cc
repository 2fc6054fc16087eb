#include "sensor/inventory/vendors.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "dissect/text.h"

namespace sensor::inventory {

namespace {

// "00-1D-9C   (hex)\t\tRockwell Automation"
constexpr std::string_view kMark = "(hex)";
constexpr std::size_t kMaxName = 100;

bool read_prefix(std::string_view text, std::uint32_t& prefix) {
  if (text.size() != 8 || text[2] != '-' || text[5] != '-') return false;
  std::uint32_t whole = 0;
  for (const std::size_t at : {0U, 3U, 6U}) {
    std::uint8_t byte = 0;
    const char* const end = text.data() + at + 2;
    if (std::from_chars(text.data() + at, end, byte, 16).ptr != end) return false;
    whole = whole << 8U | byte;
  }
  prefix = whole;
  return true;
}

}  // namespace

Vendors Vendors::parse(std::string_view text) {
  Vendors vendors;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view line = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    const std::size_t mark = line.find(kMark);
    std::uint32_t prefix = 0;
    if (mark == std::string_view::npos || !read_prefix(base::trim(line.substr(0, mark)), prefix))
      continue;
    std::string name = dissect::printable(base::trim(line.substr(mark + kMark.size())), kMaxName);
    if (!name.empty()) vendors.names_.emplace_back(prefix, std::move(name));
  }
  std::ranges::stable_sort(vendors.names_, {}, [](const auto& one) { return one.first; });
  return vendors;
}

std::string_view Vendors::of(const dissect::MacAddress& mac) const {
  if (mac.local() || mac.group()) return {};
  const std::uint32_t prefix = std::uint32_t{mac.bytes[0]} << 16U |
                               std::uint32_t{mac.bytes[1]} << 8U | std::uint32_t{mac.bytes[2]};
  const auto found =
      std::ranges::lower_bound(names_, prefix, {}, [](const auto& one) { return one.first; });
  return found == names_.end() || found->first != prefix ? std::string_view()
                                                         : std::string_view(found->second);
}

}  // namespace sensor::inventory
