#include "sigma/anchored_index.h"

#include <algorithm>

#include "base/text.h"

namespace sigma {

std::uint64_t AnchoredIndex::hash_of(std::string_view literal, Anchor anchor) {
  const std::size_t length = std::min(literal.size(), kHashed);
  std::uint64_t hash = kSeed;
  for (std::size_t i = 0; i < length; ++i)
    hash = step(hash, anchor == Anchor::Start ? literal[i] : literal[literal.size() - 1 - i]);
  return finish(hash, anchor, length);
}

// The hash says nothing about what it has not seen, and may be the same for others.
bool AnchoredIndex::is(const Entry& entry, std::string_view text) {
  const std::size_t size = entry.literal.size();
  if (entry.anchor == Anchor::Whole ? text.size() != size : text.size() < size) return false;
  const std::size_t from = entry.anchor == Anchor::End ? text.size() - size : 0;
  return base::equal_ignore_case(text.substr(from, size), entry.literal);
}

void AnchoredIndex::add(std::string_view literal, Anchor anchor, std::uint32_t id) {
  entries_.push_back({hash_of(literal, anchor), anchor, id, std::string(literal)});
}

void AnchoredIndex::build() {
  if (entries_.empty()) return;
  table_.assign(std::bit_ceil(2 * entries_.size()), 0);
  const std::size_t buckets = std::clamp<std::size_t>(table_.size(), 64, 4096);
  heads_.assign(buckets, 0);
  tails_.assign(buckets, {});
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t at = entries_[i].hash & (table_.size() - 1);
    while (table_[at] != 0)
      at = (at + 1) & (table_.size() - 1);
    table_[at] = static_cast<std::uint32_t>(i + 1);
    note_length(entries_[i]);
  }
}

void AnchoredIndex::note_length(const Entry& entry) {
  const std::uint64_t length = std::uint64_t{1} << std::min(entry.literal.size(), kHashed);
  const std::size_t own =
      bucket(entry.literal, entry.anchor == Anchor::Start ? Anchor::Start : Anchor::End);
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    // One character alone goes with any other.
    if (entry.literal.size() >= 2 && i != own) continue;
    if (entry.anchor == Anchor::Start) heads_[i] |= length;
    if (entry.anchor == Anchor::End) tails_[i].ends |= length;
    if (entry.anchor == Anchor::Whole) tails_[i].wholes |= length;
  }
}

std::size_t AnchoredIndex::bytes() const {
  std::size_t bytes = table_.capacity() * sizeof table_[0] + entries_.capacity() * sizeof(Entry) +
                      tails_.capacity() * sizeof(Tail) + heads_.capacity() * sizeof heads_[0];
  for (const Entry& entry : entries_)
    bytes += entry.literal.capacity();
  return bytes;
}

}  // namespace sigma
