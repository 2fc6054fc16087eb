#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sigma {

// A set of small numbers that costs what is in it, not what could be. Threads: one at a time.
class IdSet {
 public:
  // All numbers are below `size` from now on. The set is empty.
  void reset(std::size_t size) {
    clear();
    if (words_.size() * 64 < size) words_.resize((size + 63) / 64, 0);
  }
  void clear() {
    for (const std::uint32_t id : ids_)
      words_[id / 64] = 0;
    ids_.clear();
  }
  void insert(std::uint32_t id) {
    std::uint64_t& word = words_[id / 64];
    const std::uint64_t bit = std::uint64_t{1} << (id % 64);
    if ((word & bit) != 0) return;
    word |= bit;
    ids_.push_back(id);
  }
  // In the order in which they came.
  std::span<std::uint32_t> ids() { return ids_; }

 private:
  std::vector<std::uint64_t> words_;
  std::vector<std::uint32_t> ids_;
};

}  // namespace sigma
