#include "sensor/inventory/vendors.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "dissect/text.h"

namespace sensor::inventory {

namespace {

// "70-B3-D5   (hex)\t\tTELEPLATFORMS", and below it the part of that block:
// "F2F000-F2FFFF     (base 16)\t\tTELEPLATFORMS"; for a whole block "001D9C     (base 16) ...".
constexpr std::string_view kBlockMark = "(hex)";
constexpr std::string_view kRangeMark = "(base 16)";
constexpr std::size_t kMaxName = 100;
constexpr std::uint64_t kAllOfIt = 0xFFFFFF;  // the lower half of an address
constexpr std::uint64_t kNoBlock = UINT64_MAX;

std::optional<std::uint64_t> read_hex(std::string_view text, std::size_t digits) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  if (text.size() != digits || std::from_chars(text.data(), end, number, 16).ptr != end)
    return std::nullopt;
  return number;
}

std::uint64_t read_block(std::string_view text) {
  if (text.size() != 8 || text[2] != '-' || text[5] != '-') return kNoBlock;
  std::uint64_t whole = 0;
  for (const std::size_t at : {0U, 3U, 6U}) {
    const auto byte = read_hex(text.substr(at, 2), 2);
    if (!byte) return kNoBlock;
    whole = whole << 8U | *byte;
  }
  return whole;
}

// What comes before a mark, without spaces; none: the line has no such mark.
std::optional<std::string_view> before(std::string_view line, std::string_view mark,
                                       std::string_view& after) {
  const std::size_t at = line.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  after = base::trim(line.substr(at + mark.size()));
  return base::trim(line.substr(0, at));
}

bool tells_nobody(std::string_view name) {
  return name.empty() || name == "Private" || name == "IEEE Registration Authority";
}

std::uint64_t mask(unsigned int bits) {
  return (std::uint64_t{1} << 48U) - (std::uint64_t{1} << (48U - bits));
}

}  // namespace

Vendors Vendors::parse(std::string_view text) {
  Vendors vendors;
  vendors.add(text);
  return vendors;
}

void Vendors::add(std::string_view text) {
  std::uint64_t block = kNoBlock;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view line = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    std::string_view name;
    if (const auto head = before(line, kBlockMark, name)) {
      block = read_block(*head);
    } else if (const auto range = before(line, kRangeMark, name); range && block != kNoBlock) {
      const std::size_t dash = range->find('-');
      const bool part = dash != std::string_view::npos;
      const auto first = part ? read_hex(range->substr(0, dash), 6) : std::uint64_t{0};
      const auto last = part ? read_hex(range->substr(dash + 1), 6) : kAllOfIt;
      if (first && last) keep(block << 24U | *first, block << 24U | *last, name);
      block = kNoBlock;
    }
  }
  for (std::vector<Block>& blocks : blocks_) {
    std::ranges::stable_sort(blocks, {}, &Block::prefix);
    const auto doubles = std::ranges::unique(blocks, {}, &Block::prefix);
    blocks.erase(doubles.begin(), doubles.end());
  }
}

void Vendors::keep(std::uint64_t first, std::uint64_t last, std::string_view name) {
  if (tells_nobody(name)) return;
  for (std::size_t i = 0; i < kBits.size(); ++i) {
    const std::uint64_t rest = (std::uint64_t{1} << (48U - kBits[i])) - 1;
    if ((first & rest) == 0 && last == (first | rest))
      blocks_[i].push_back({first, dissect::printable(name, kMaxName)});
  }
}

std::string_view Vendors::of(const dissect::MacAddress& mac) const {
  if (mac.local() || mac.group()) return {};
  std::uint64_t address = 0;
  for (const std::uint8_t byte : mac.bytes)
    address = address << 8U | byte;
  for (std::size_t i = 0; i < kBits.size(); ++i) {
    const std::uint64_t prefix = address & mask(kBits[i]);
    const auto found = std::ranges::lower_bound(blocks_[i], prefix, {}, &Block::prefix);
    if (found != blocks_[i].end() && found->prefix == prefix) return found->name;
  }
  return {};
}

std::size_t Vendors::size() const {
  std::size_t all = 0;
  for (const std::vector<Block>& blocks : blocks_)
    all += blocks.size();
  return all;
}

}  // namespace sensor::inventory
