#include "store/event_search.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "store/event_details.h"

namespace store {
namespace {

constexpr char kCaseBit = 0x20;  // of letters

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | kCaseBit) : c;
}

// Sixteen characters at once.
using Block = std::array<std::uint64_t, 2>;
constexpr std::uint64_t kLowBits = 0x7F7F'7F7F'7F7F'7F7FU;
constexpr std::uint64_t kHighBits = ~kLowBits;

Block load(const char* at) {
  Block block;
  std::memcpy(block.data(), at, sizeof block);
  return block;
}

constexpr std::uint64_t repeated(char c) {
  return 0x0101'0101'0101'0101U * static_cast<std::uint8_t>(c);
}

// The high bit of each byte that is zero, and of no other.
constexpr std::uint64_t zeros(std::uint64_t bytes) {
  return ~(((bytes & kLowBits) + kLowBits) | bytes | kLowBits);
}

bool is_ascii(std::string_view text) {
  std::uint64_t seen = 0;
  std::size_t at = 0;
  for (; at + sizeof(Block) <= text.size(); at += sizeof(Block)) {
    const Block block = load(text.data() + at);
    seen |= block[0] | block[1];
  }
  for (; at < text.size(); ++at)
    seen |= static_cast<std::uint8_t>(text[at]) & 0x80U;
  return (seen & kHighBits) == 0;
}

// A character that values have as their JSON has it.
bool stands_for_itself(char c) {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

// One that occurs outside of strings, or in a time.
bool is_plain(char c) {
  return (c >= '0' && c <= '9') || std::string_view(":,{}[]+-.aeflnrstuz").contains(c);
}

bool is_in_a_name(std::string_view wanted) {
  const auto has = [wanted](std::string_view name) {
    return !std::ranges::search(name, wanted, {}, lower).empty();
  };
  return has("TimestampLocal") || has("TimestampUTC") ||
         std::ranges::any_of(event_columns(), has, &EventColumn::field);
}

// An address like 10.0.0.5: no number and no time has two dots.
bool has_two_dots(std::string_view wanted) {
  return std::ranges::count(wanted, '.') > 1 &&
         wanted.find_first_of(":,{}[]") == std::string_view::npos;
}

// Whether it is in the details only where a value or the rest has it.
bool is_decided(std::string_view wanted, DetailsSearch::Names names) {
  return !wanted.empty() && std::ranges::all_of(wanted, stands_for_itself) &&
         (names == DetailsSearch::Names::Apart || !is_in_a_name(wanted)) &&
         (!std::ranges::all_of(wanted, is_plain) || has_two_dots(wanted));
}

}  // namespace

// Details that do not have a part of the text do not have all of it: of "UserName":"root", root.
DetailsSearch::DetailsSearch(std::string_view wanted, Names names) : undecided_(true) {
  std::string text(wanted);
  std::ranges::transform(text, text.begin(), lower);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find_first_of("\"\\", begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    if (part.size() > wanted_.size() && is_decided(part, names)) {
      wanted_ = part;
      undecided_ = false;
    }
    begin = end + 1;
  }
}

// Where its first and its last character are where they should be, in one case or the other, the
// rest is looked at.
bool DetailsSearch::find(std::string_view text) const {
  if (text.size() < wanted_.size()) return false;
  const std::size_t last = wanted_.size() - 1;
  const std::size_t places = text.size() - last;
  const auto is_at = [&](std::size_t at) {
    return std::ranges::equal(text.substr(at, wanted_.size()), wanted_, {}, lower);
  };
  const std::uint64_t first_bytes = repeated(static_cast<char>(wanted_.front() | kCaseBit));
  const std::uint64_t last_bytes = repeated(static_cast<char>(wanted_.back() | kCaseBit));
  const std::uint64_t fold = repeated(kCaseBit);
  std::size_t at = 0;
  for (; at + sizeof(Block) <= places; at += sizeof(Block)) {
    const Block begin = load(text.data() + at);
    const Block end = load(text.data() + at + last);
    std::uint64_t any = 0;
    for (std::size_t half = 0; half < 2; ++half)
      any |= zeros(((begin[half] | fold) ^ first_bytes) | ((end[half] | fold) ^ last_bytes));
    if (any == 0) continue;
    for (std::size_t here = at; here < at + sizeof(Block); ++here) {
      if (is_at(here)) return true;
    }
  }
  for (; at < places; ++at) {
    if (is_at(at)) return true;
  }
  return false;
}

// Letters beyond ASCII may become others in lower case.
bool DetailsSearch::may_be_in_rest(std::string_view rest) const {
  return find(rest) || !is_ascii(rest);
}

bool DetailsSearch::may_be_in_value(std::string_view value) const {
  return find(value) || !std::ranges::all_of(value, stands_for_itself);
}

}  // namespace store
