#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace shell {

// Texts that live together and go together. Keeps its first block from one use to the next.
// Threads: one at a time.
class Arena {
 public:
  // A copy that lives until clear().
  std::string_view keep(std::string_view text) {
    char* const to = room(text.size());
    std::ranges::copy(text, to);
    return {to, text.size()};
  }
  // The two, one after the other.
  std::string_view keep(std::string_view head, std::string_view tail) {
    return keep(head, tail, {});
  }
  std::string_view keep(std::string_view head, std::string_view middle, std::string_view tail) {
    char* const to = room(head.size() + middle.size() + tail.size());
    char* at = std::ranges::copy(head, to).out;
    at = std::ranges::copy(middle, at).out;
    at = std::ranges::copy(tail, at).out;
    return {to, static_cast<std::size_t>(at - to)};
  }
  // Room for so many bytes, that live until clear().
  char* room(std::size_t bytes) {
    if (bytes > left_) grow(bytes);
    char* const out = next_;
    next_ += bytes;
    left_ -= bytes;
    return out;
  }
  void clear() {
    if (blocks_.empty()) return;
    blocks_.resize(1);
    next_ = blocks_.front().get();
    left_ = kBlock;
  }

 private:
  static constexpr std::size_t kBlock = 16UL << 10U;

  void grow(std::size_t bytes) {
    const std::size_t size = blocks_.empty() ? kBlock : std::max(kBlock, bytes);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    next_ = blocks_.back().get();
    left_ = size;
    if (bytes > left_) grow(bytes);
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace shell
