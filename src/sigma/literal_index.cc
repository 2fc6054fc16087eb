#include "sigma/literal_index.h"

#include <algorithm>
#include <queue>

#include "base/result.h"
#include "base/text.h"

namespace sigma {

void LiteralIndex::add(std::string_view literal, std::uint32_t id) {
  ASSERT(!literal.empty());
  literals_.emplace_back(base::to_lower(literal), id);
}

void LiteralIndex::build() {
  assign_classes();
  next_.assign(classes_, 0);
  output_.assign(1, {});
  for (const auto& [literal, id] : literals_)
    insert(literal, id);
  link_suffixes();
  mark_outputs();
  outputs_ = literals_.size();
  literals_.clear();
}

void LiteralIndex::assign_classes() {
  classes_ = 1;
  class_.fill(0);
  for (const auto& [literal, id] : literals_) {
    for (const char c : literal) {
      auto& cls = class_[static_cast<std::uint8_t>(c)];
      // 255 different bytes at most need a class, since upper-case letters share theirs.
      if (cls == 0) cls = static_cast<std::uint8_t>(classes_++);
    }
  }
  for (char c = 'A'; c <= 'Z'; ++c) {
    class_[static_cast<std::uint8_t>(c)] = class_[static_cast<std::uint8_t>(c - 'A' + 'a')];
  }
  classes_ += classes_ % 2;
}

void LiteralIndex::insert(std::string_view literal, std::uint32_t id) {
  std::size_t node = 0;
  for (const char c : literal) {
    const std::size_t edge = node * classes_ + class_[static_cast<std::uint8_t>(c)];
    if (next_[edge] == 0) {
      next_[edge] = static_cast<std::uint32_t>(output_.size());
      output_.emplace_back();
      next_.resize(output_.size() * classes_, 0);
    }
    node = next_[edge];
  }
  output_[node].push_back(id);
}

// Breadth first: a node's missing edges lead where those of its longest proper suffix lead.
void LiteralIndex::link_suffixes() {
  std::vector<std::uint32_t> suffix(output_.size(), 0);
  std::queue<std::uint32_t> nodes;
  for (std::size_t cls = 0; cls < classes_; ++cls) {
    if (next_[cls] != 0) nodes.push(next_[cls]);
  }
  while (!nodes.empty()) {
    const std::uint32_t node = nodes.front();
    nodes.pop();
    auto& ids = output_[node];
    ids.insert(ids.end(), output_[suffix[node]].begin(), output_[suffix[node]].end());
    std::ranges::sort(ids);
    ids.erase(std::ranges::unique(ids).begin(), ids.end());
    for (std::size_t cls = 0; cls < classes_; ++cls) {
      std::uint32_t& edge = next_[node * classes_ + cls];
      const std::uint32_t fallback = next_[suffix[node] * classes_ + cls];
      if (edge == 0) {
        edge = fallback;
      } else {
        suffix[edge] = fallback;
        nodes.push(edge);
      }
    }
  }
}

void LiteralIndex::mark_outputs() {
  ASSERT(next_.size() < (std::size_t{1} << 32U));
  for (std::uint32_t& edge : next_) {
    const std::uint32_t marked = output_[edge].empty() ? 0 : 1;
    edge = edge * static_cast<std::uint32_t>(classes_) + marked;
  }
}

void LiteralIndex::scan(std::string_view text, IdSet& found) const {
  if (empty()) return;
  const std::uint32_t* const next = next_.data();
  std::size_t row = 0;
  for (const char c : text) {
    const std::uint32_t edge = next[row + class_[static_cast<std::uint8_t>(c)]];
    row = edge & ~std::uint32_t{1};
    if ((edge & 1U) == 0) [[likely]]
      continue;
    for (const std::uint32_t id : output_[row / classes_])
      found.insert(id);
  }
}

bool LiteralIndex::occurs_in(std::string_view text) const {
  if (empty()) return false;
  std::size_t row = 0;
  for (const char c : text) {
    const std::uint32_t edge = next_[row + class_[static_cast<std::uint8_t>(c)]];
    if ((edge & 1U) != 0) return true;
    row = edge;
  }
  return false;
}

std::size_t LiteralIndex::bytes() const {
  std::size_t bytes = next_.capacity() * sizeof next_[0] + output_.capacity() * sizeof output_[0];
  for (const auto& ids : output_)
    bytes += ids.capacity() * sizeof ids[0];
  return bytes;
}

}  // namespace sigma
