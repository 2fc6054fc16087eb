#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sigma {

// Where in a text a literal stands.
enum class Anchor : std::uint8_t { Whole, Start, End };

// Finds which of many literals a text is, begins or ends with, by hash: what it costs hardly
// depends on how many there are, and is next to nothing when none shares two characters with it.
// ASCII letters match in either case. Build it once; then any thread may ask.
class AnchoredIndex {
 public:
  // No literal twice with the same anchor. `id` is what find() tells.
  void add(std::string_view literal, Anchor anchor, std::uint32_t id);
  void build();
  bool empty() const { return entries_.empty(); }
  std::size_t bytes() const;

  // Calls `found` with the id of each.
  template <class Found>
  void find(std::string_view text, Found found) const {
    if (entries_.empty()) return;
    const std::size_t most = std::min(text.size(), kHashed);
    const std::uint64_t within = ~std::uint64_t{0} >> (kHashed - most);
    const Tail& tail = tails_[bucket(text, Anchor::End)];
    const std::uint64_t whole = tail.wholes & std::uint64_t{1} << most;
    if (const std::uint64_t ends = tail.ends & within; (ends | whole) != 0)
      walk<Anchor::End>(text, ends, whole, found);
    if (const std::uint64_t starts = heads_[bucket(text, Anchor::Start)] & within; starts != 0)
      walk<Anchor::Start>(text, starts, 0, found);
  }

 private:
  // Of longer literals as much is hashed.
  static constexpr std::size_t kHashed = 63;
  static constexpr std::uint64_t kSeed = 0xcbf29ce484222325;
  static constexpr std::uint64_t kFactor = 0x100000001b3;

  struct Entry {
    std::uint64_t hash = 0;
    Anchor anchor = Anchor::Whole;
    std::uint32_t id = 0;
    std::string literal;
  };

  static std::uint8_t fold(char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(byte + 32) : byte;
  }
  static std::uint64_t step(std::uint64_t hash, char c) { return (hash ^ fold(c)) * kFactor; }
  static std::uint64_t finish(std::uint64_t hash, Anchor anchor, std::size_t length) {
    hash ^= (length << 2U | static_cast<std::size_t>(anchor)) * 0x9e3779b97f4a7c15;
    return hash ^ (hash >> 32U);
  }
  static std::uint64_t hash_of(std::string_view literal, Anchor anchor);
  static bool is(const Entry& entry, std::string_view text);

  void note_length(const Entry& entry);
  // By the two characters at one end.
  std::size_t bucket(std::string_view text, Anchor end) const {
    if (text.size() < 2) return 0;
    const bool start = end == Anchor::Start;
    const std::size_t outer = fold(start ? text[0] : text[text.size() - 1]);
    const std::size_t inner = fold(start ? text[1] : text[text.size() - 2]);
    return (outer * 37 + inner * 5) & (heads_.size() - 1);
  }

  // From the text's start, or from its end backwards: literals of these lengths, and what it is as
  // a whole. Bit n: n bytes, or more than kHashed where n is that.
  template <Anchor kFrom, class Found>
  void walk(std::string_view text, std::uint64_t lengths, std::uint64_t whole, Found found) const {
    const auto steps = static_cast<std::size_t>(std::bit_width(lengths | whole)) - 1;
    std::uint64_t hash = kSeed;
    for (std::size_t n = 0;; ++n) {
      if ((lengths >> n & 1U) != 0) look_up(finish(hash, kFrom, n), text, found);
      if (n == steps) break;
      hash = step(hash, kFrom == Anchor::Start ? text[n] : text[text.size() - 1 - n]);
    }
    if (whole != 0) look_up(finish(hash, Anchor::Whole, steps), text, found);
  }

  template <class Found>
  void look_up(std::uint64_t hash, std::string_view text, Found found) const {
    const std::size_t mask = table_.size() - 1;
    for (std::size_t at = hash & mask; table_[at] != 0; at = (at + 1) & mask) {
      const Entry& entry = entries_[table_[at] - 1];
      if (entry.hash == hash && is(entry, text)) found(entry.id);
    }
  }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> table_;  // index into entries_ plus 1; 0: nothing
  // Lengths of the literals that a text with such an end may have.
  struct Tail {
    std::uint64_t ends = 0;
    std::uint64_t wholes = 0;
  };
  std::vector<Tail> tails_;
  std::vector<std::uint64_t> heads_;
};

}  // namespace sigma
