#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "shell/commands.h"

namespace shell {

// What is known of the commands of a process. Threads: one at a time.
class Table {
 public:
  // From now on every new command begins with what was added to `common` so far.
  std::size_t make() {
    entries_.push_back(common_);
    return entries_.size() - 1;
  }
  std::size_t size() const { return entries_.size(); }

  void add_common(Field field, std::string_view value) { append(common_, field, value); }
  // Nothing is added for an empty text.
  void add(std::size_t command, Field field, std::string_view value) {
    append(entries_[command], field, value);
  }
  void add_new(std::size_t command, Field field, std::string_view value) {
    const auto all = values(command, field);
    if (std::ranges::find(all, value) != all.end()) return;
    if (all.size() >= kMaxDistinct) {
      cut_ = true;
      return;
    }
    add(command, field, value);
  }
  // The values of one field as that of others: part of them.
  void share(std::size_t command, Field field, std::uint32_t begin, std::uint32_t count) {
    entries_[command].ranges[static_cast<std::size_t>(field)] = {begin, count};
  }
  std::uint32_t append_loose(std::string_view value) {
    values_.push_back(value);
    return static_cast<std::uint32_t>(values_.size() - 1);
  }

  std::span<const std::string_view> values(std::size_t command, Field field) const {
    const Range& range = entries_[command].ranges[static_cast<std::size_t>(field)];
    return std::span(values_).subspan(range.begin, range.count);
  }
  std::string_view value(std::size_t command, Field field) const {
    const auto all = values(command, field);
    return all.empty() ? std::string_view() : all.front();
  }

  // There were more distinct values of a field than are kept.
  bool cut() const { return cut_; }

  void clear() {
    cut_ = false;
    entries_.clear();
    values_.clear();
    common_ = {};
  }

 private:
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t count = 0;
  };
  struct Entry {
    std::array<Range, kFields> ranges{};
  };

  void append(Entry& entry, Field field, std::string_view value) {
    if (value.empty()) return;
    Range& range = entry.ranges[static_cast<std::size_t>(field)];
    // Values of a field stand together: what others stand behind moves.
    if (range.count > 0 && range.begin + range.count != values_.size()) {
      const std::size_t begin = values_.size();
      for (std::uint32_t i = 0; i < range.count; ++i)
        values_.push_back(std::string_view(values_[range.begin + i]));
      range.begin = static_cast<std::uint32_t>(begin);
    } else if (range.count == 0) {
      range.begin = static_cast<std::uint32_t>(values_.size());
    }
    values_.push_back(value);
    ++range.count;
  }

  // Most values of a field of which none is told twice.
  static constexpr std::size_t kMaxDistinct = 256;

  bool cut_ = false;
  Entry common_;
  std::vector<Entry> entries_;
  std::vector<std::string_view> values_;
};

}  // namespace shell
