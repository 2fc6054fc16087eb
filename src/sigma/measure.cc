#include "sigma/measure.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sigma/saving.h"

namespace sigma {
namespace {

// A node of the map, its bucket and the text's header.
constexpr std::size_t kTextBytes = 64;

std::int64_t plus(std::int64_t a, std::int64_t b) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return a > kMost - b ? kMost : a + b;
}

bool has_texts(CorrelationType type) {
  return type == CorrelationType::ValueCount || type == CorrelationType::ValuePercentile;
}

}  // namespace

Measure::Measure(const Correlation& correlation)
    : type_(correlation.type), positions_(correlation.rules.size(), 0) {}

void Measure::add(const Entry& entry) {
  events_ = plus(events_, entry.count);
  ++entries_;
  sum_ += entry.number * static_cast<double>(entry.count);
  ++positions_[entry.position];
  if (!has_texts(type_)) return;
  const auto [text, is_new] = texts_.try_emplace(entry.text, 0);
  text->second = plus(text->second, entry.count);
  if (is_new) text_bytes_ += kTextBytes + entry.text.size();
}

void Measure::remove(const Entry& entry) {
  events_ -= entry.count;
  --entries_;
  sum_ -= entry.number * static_cast<double>(entry.count);
  --positions_[entry.position];
  // What rounding has left must not stay for ever.
  if (entries_ == 0) return clear();
  if (!has_texts(type_)) return;
  const auto text = texts_.find(entry.text);
  text->second -= entry.count;
  if (text->second > 0) return;
  text_bytes_ -= kTextBytes + entry.text.size();
  texts_.erase(text);
}

void Measure::clear() {
  events_ = 0;
  entries_ = 0;
  sum_ = 0;
  std::ranges::fill(positions_, 0);
  texts_.clear();
  text_bytes_ = 0;
}

double Measure::value() const {
  switch (type_) {
    case CorrelationType::EventCount:
      return static_cast<double>(events_);
    case CorrelationType::ValueCount:
      return static_cast<double>(texts_.size());
    case CorrelationType::Temporal:
    case CorrelationType::TemporalOrdered:
      return static_cast<double>(std::ranges::count_if(positions_, [](auto n) { return n > 0; }));
    case CorrelationType::ValueSum:
      return sum_;
    case CorrelationType::ValueAvg:
      return events_ == 0 ? 0 : sum_ / static_cast<double>(events_);
    case CorrelationType::ValuePercentile:
      break;
  }
  return 0;
}

double Measure::share(const std::string& text) const {
  const auto found = texts_.find(text);
  if (found == texts_.end() || events_ == 0) return 0;
  return 100.0 * static_cast<double>(found->second) / static_cast<double>(events_);
}

std::size_t Measure::bytes() const {
  return text_bytes_ + positions_.size() * sizeof(std::int64_t);
}

void Measure::save(base::ByteWriter& out) const {
  write_number(out, events_);
  write_number(out, entries_);
  write_real(out, sum_);
  out.u32le(static_cast<std::uint32_t>(positions_.size()));
  for (const std::int64_t entries : positions_)
    write_number(out, entries);
  out.u32le(static_cast<std::uint32_t>(texts_.size()));
  for (const auto& [text, count] : texts_) {
    write_text(out, text);
    write_number(out, count);
  }
}

base::Result<void> Measure::restore(base::Cursor& in) {
  clear();
  events_ = TRY(read_number(in));
  entries_ = TRY(read_number(in));
  sum_ = TRY(read_real(in));
  const std::size_t positions = TRY(read_count(in, 8));
  if (positions != positions_.size()) return base::fail(base::Code::Malformed, "positions");
  for (std::int64_t& entries : positions_)
    entries = TRY(read_number(in));
  const std::size_t texts = TRY(read_count(in, 12));
  for (std::size_t i = 0; i < texts; ++i) {
    std::string text = TRY(read_text(in));
    text_bytes_ += kTextBytes + text.size();
    const std::int64_t count = TRY(read_number(in));
    texts_.insert_or_assign(std::move(text), count);
  }
  return {};
}

Course::Course(std::size_t rules) : rules_(rules), began_(rules * rules) {}

void Course::add(std::uint32_t position, base::WallTime time) {
  const auto later = [](std::optional<base::WallTime>& a, std::optional<base::WallTime> b) {
    if (b && (!a || *b > *a)) a = b;
  };
  // began_[position][n]: of n + 1 rules.
  later(began_[position * rules_], time);
  for (std::size_t n = 1; n <= position; ++n) {
    for (std::size_t before = n - 1; before < position; ++before)
      later(began_[position * rules_ + n], began_[before * rules_ + n - 1]);
  }
}

void Course::clear() {
  std::ranges::fill(began_, std::nullopt);
}

Course::Longest Course::longest(base::WallTime since) const {
  for (std::size_t n = rules_; n > 0; --n) {
    std::optional<base::WallTime> latest;
    for (std::size_t last = n - 1; last < rules_; ++last)
      latest = std::max(latest, began_[last * rules_ + n - 1]);
    if (latest && *latest >= since) return {n, *latest};
  }
  return {};
}

double percentile_of(std::vector<double>& numbers, double percentile) {
  const auto rank = std::ceil(percentile / 100 * static_cast<double>(numbers.size()));
  const auto index =
      std::min(numbers.size() - 1, static_cast<std::size_t>(std::max(rank, 1.0)) - 1);
  std::ranges::nth_element(numbers, numbers.begin() + static_cast<std::ptrdiff_t>(index));
  return numbers[index];
}

}  // namespace sigma
