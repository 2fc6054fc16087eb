#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sigma/window.h"

namespace sigma {

// What the entries of a window amount to, kept up to date as they come and go. Of temporal_ordered
// see Course.
class Measure {
 public:
  explicit Measure(const Correlation& correlation);

  void add(const Entry& entry);
  void remove(const Entry& entry);
  void clear();

  std::int64_t events() const { return events_; }
  double value() const;
  // Of all there is, how much has this text, in percent.
  double share(const std::string& text) const;
  std::size_t bytes() const;
  // As of Window.
  void save(base::ByteWriter& out) const;
  base::Result<void> restore(base::Cursor& in);

 private:
  CorrelationType type_;
  std::int64_t events_ = 0;
  std::int64_t entries_ = 0;
  double sum_ = 0;
  std::vector<std::int64_t> positions_;  // entries of each rule
  std::unordered_map<std::string, std::int64_t> texts_;
  std::size_t text_bytes_ = 0;
};

// How much of a course of events has happened in its order.
class Course {
 public:
  explicit Course(std::size_t rules);
  // In the order of time.
  void add(std::uint32_t position, base::WallTime time);
  void clear();
  // The most rules that followed each other, the first not before `since`, and when it was, as late
  // as possible.
  struct Longest {
    std::size_t rules = 0;
    base::WallTime began;
  };
  Longest longest(base::WallTime since) const;

 private:
  std::size_t rules_;
  // By the last rule and the number of rules: the latest possible beginning.
  std::vector<std::optional<base::WallTime>> began_;
};

// The value that so many percent of the others do not exceed (nearest rank). `numbers` is not
// empty; its order changes.
double percentile_of(std::vector<double>& numbers, double percentile);

}  // namespace sigma
