#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "schema/decode.h"

// Collects what is wrong with a message, and where; for the sources of this folder.
namespace schema {

// A place in a message, as a list of steps from the innermost out. Lives on the stack of whoever
// descends, and costs nothing until something is wrong there.
class Path {
 public:
  Path() = default;
  Path(const Path& parent, std::string_view key) : parent_(&parent), key_(key) {}
  Path(const Path& parent, std::size_t index) : parent_(&parent), index_(index), is_index_(true) {}

  // As a JSON Pointer; a very long key is cut.
  std::string pointer() const;

 private:
  const Path* parent_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  bool is_index_ = false;
};

class Report {
 public:
  explicit Report(Mode mode) : mode_(mode) {}

  bool lenient() const { return mode_ == Mode::Lenient; }
  Mode mode() const { return mode_; }
  // Enough violations are known; there is no use in looking for more.
  bool full() const { return violations_.size() >= limit_; }
  void set_limit(std::size_t limit) { limit_ = limit; }
  bool clean() const { return violations_.empty(); }

  void violation(const Path& path, std::string expected, simdjson::dom::element found);
  void violation(const Path& path, std::string expected, std::string found);
  void missing(const Path& parent, std::string_view key, std::string_view expected);
  // `key` is not among the names that may stand there.
  void unknown(const Path& parent, std::string_view key, std::span<const std::string_view> names);
  void used(Leniency leniency, const Path& path);

  std::vector<Violation> take_violations() { return std::exchange(violations_, {}); }
  std::vector<UsedLeniency> take_leniencies() { return std::exchange(leniencies_, {}); }

 private:
  Mode mode_;
  std::size_t limit_ = kMaxViolations;
  std::vector<Violation> violations_;
  std::vector<UsedLeniency> leniencies_;
};

// "one of A, B".
std::string one_of(std::span<const std::string_view> names);

}  // namespace schema
