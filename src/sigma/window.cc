#include "sigma/window.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sigma/measure.h"
#include "sigma/saving.h"

namespace sigma {
namespace {

std::size_t bytes_of(const Entry& entry) {
  constexpr std::size_t kInline = 15;  // of std::string
  return sizeof(Entry) + (entry.text.size() > kInline ? entry.text.size() + 1 : 0);
}

bool satisfies(const Correlation& correlation, double value) {
  // Without bounds all of a course must have happened.
  if (correlation.bounds.empty()) return value >= static_cast<double>(correlation.rules.size());
  return std::ranges::all_of(correlation.bounds,
                             [&](const Bound& bound) { return bound.holds(value); });
}

constexpr std::size_t kEntryBytes = 32;  // the least that one is written as

template <class Entries>
void write_entries(base::ByteWriter& out, const Entries& entries) {
  out.u32le(static_cast<std::uint32_t>(entries.size()));
  for (const Entry& entry : entries)
    write_entry(out, entry);
}

// In the order of time, as they were written.
template <class Entries>
base::Result<void> read_entries(base::Cursor& in, const Correlation& correlation,
                                Entries& entries) {
  const std::size_t count = TRY(read_count(in, kEntryBytes));
  for (std::size_t i = 0; i < count; ++i)
    entries.push_back(TRY(read_entry(in, correlation.rules.size())));
  return {};
}

base::Result<void> in_order(const std::deque<Entry>& entries) {
  if (std::ranges::is_sorted(entries, {}, &Entry::time)) return {};
  return base::fail(base::Code::Malformed, "entries");
}

// The latest time that still belongs to a window that begins there.
base::WallTime end_of(base::WallTime begin, std::chrono::nanoseconds timespan) {
  return begin > base::WallTime::max() - timespan ? base::WallTime::max() : begin + timespan;
}
base::WallTime begin_of(base::WallTime end, std::chrono::nanoseconds timespan) {
  return end < base::WallTime::min() + timespan ? base::WallTime::min() : end - timespan;
}

// Every window as long as the timespan, judged whenever something comes. What has made it speak is
// used up, with all that was before.
class Sliding : public Window {
 public:
  Sliding(const Correlation& correlation, const WindowLimits& limits)
      : correlation_(correlation),
        limits_(limits),
        measure_(correlation),
        course_(ordered() ? correlation.rules.size() : 0) {}

  void add(Entry entry, std::vector<Satisfied>& out, WindowLosses& losses) override {
    const base::WallTime time = entry.time;
    if (!entries_.empty()) {
      const base::WallTime newest = std::max(time, entries_.back().time);
      const base::WallTime oldest = begin_of(newest, correlation_.timespan + limits_.lateness);
      if (time < oldest) {
        ++losses.late;
        return;
      }
      forget_before(oldest);
    }
    if (entries_.size() >= limits_.max_entries) make_room(losses);
    bytes_ += bytes_of(entry);
    if (entries_.empty() || time >= entries_.back().time) {
      entries_.push_back(std::move(entry));
      if (const auto found = append(entries_.size() - 1)) {
        out.push_back(*found);
        use_up(entries_.size());
      }
      return;
    }
    const auto place = std::ranges::upper_bound(entries_, time, {}, &Entry::time);
    const auto at = static_cast<std::size_t>(place - entries_.begin());
    entries_.insert(place, std::move(entry));
    again(at, end_of(time, correlation_.timespan), out);
  }

  void close(std::vector<Satisfied>&) override {}
  std::size_t entries() const override { return entries_.size(); }
  std::size_t bytes() const override { return bytes_ + measure_.bytes(); }
  void save(base::ByteWriter& out) const override { write_entries(out, entries_); }
  base::Result<void> restore(base::Cursor& in) override {
    TRY(read_entries(in, correlation_, entries_));
    TRY(in_order(entries_));
    for (std::size_t at = 0; at < entries_.size(); ++at) {
      bytes_ += bytes_of(entries_[at]);
      static_cast<void>(append(at));
    }
    return {};
  }

 private:
  bool ordered() const { return correlation_.type == CorrelationType::TemporalOrdered; }

  // Moves the window's end to that entry; what it amounts to, if that is enough.
  std::optional<Satisfied> append(std::size_t at) {
    const Entry& entry = entries_[at];
    const base::WallTime since = begin_of(entry.time, correlation_.timespan);
    measure_.add(entry);
    while (entries_[begin_].time < since)
      measure_.remove(entries_[begin_++]);
    if (ordered()) course_.add(entry.position, entry.time);
    if (ordered()) return append_to_course(at, since);
    const double value = measure_.value();
    if (!satisfies(correlation_, value)) return std::nullopt;
    return Satisfied{entries_[begin_].time, entry.time, measure_.events(), value};
  }

  // What was before the course began is no part of it.
  std::optional<Satisfied> append_to_course(std::size_t at, base::WallTime since) const {
    const Course::Longest longest = course_.longest(since);
    const auto value = static_cast<double>(longest.rules);
    if (!satisfies(correlation_, value)) return std::nullopt;
    Satisfied out{longest.began, entries_[at].time, 0, value};
    for (std::size_t i = at + 1; i > 0 && entries_[i - 1].time >= longest.began; --i)
      out.events += entries_[i - 1].count;
    return out;
  }

  void start_over() {
    begin_ = 0;
    measure_.clear();
    course_.clear();
  }

  // Goes through all entries again, since one came late: windows that end at it or behind it, up to
  // `last`, may have what they lacked.
  void again(std::size_t late, base::WallTime last, std::vector<Satisfied>& out) {
    start_over();
    for (std::size_t at = 0; at < entries_.size(); ++at) {
      const auto found = append(at);
      if (!found || at < late || entries_[at].time > last) continue;
      out.push_back(*found);
      use_up(at + 1);
      start_over();
      for (std::size_t rest = 0; rest < entries_.size(); ++rest)
        static_cast<void>(append(rest));
      return;
    }
  }

  void use_up(std::size_t entries) {
    for (std::size_t i = 0; i < entries; ++i)
      bytes_ -= bytes_of(entries_[i]);
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(entries));
    start_over();
  }

  void forget_before(base::WallTime oldest) {
    while (!entries_.empty() && entries_.front().time < oldest)
      forget_first();
  }

  void forget_first() {
    if (begin_ > 0) {
      --begin_;
    } else {
      measure_.remove(entries_.front());
    }
    bytes_ -= bytes_of(entries_.front());
    entries_.pop_front();
  }

  // First what later entries stand for as well, then the oldest quarter.
  void make_room(WindowLosses& losses) {
    std::deque<Entry> kept;
    std::set<std::pair<std::uint32_t, std::string>> seen;
    const bool adds_up = correlation_.type == CorrelationType::EventCount ||
                         correlation_.type == CorrelationType::ValueSum;
    for (std::size_t i = entries_.size(); i > 0; --i) {
      Entry& entry = entries_[i - 1];
      if (adds_up && i % 2 == 1 && !kept.empty()) {
        merge(entry, kept.front());
      } else if (adds_up || seen.emplace(entry.position, entry.text).second) {
        kept.push_front(std::move(entry));
      }
    }
    entries_ = std::move(kept);
    while (entries_.size() > limits_.max_entries / 4 * 3) {
      entries_.pop_front();
      ++losses.entries;
    }
    bytes_ = 0;
    for (const Entry& entry : entries_)
      bytes_ += bytes_of(entry);
    start_over();
    for (std::size_t at = 0; at < entries_.size(); ++at)
      static_cast<void>(append(at));
  }

  // Both at the time of the later: off by a small part of the window.
  static void merge(const Entry& earlier, Entry& later) {
    const double sum = earlier.number * static_cast<double>(earlier.count) +
                       later.number * static_cast<double>(later.count);
    later.count += earlier.count;
    later.number = sum / static_cast<double>(later.count);
  }

  const Correlation& correlation_;
  WindowLimits limits_;
  std::deque<Entry> entries_;  // by time
  std::size_t begin_ = 0;      // of the window that ends at the last entry
  Measure measure_;            // of that window
  Course course_;              // of all entries
  std::size_t bytes_ = 0;
};

// How common a value is among those of the time before it. Nothing is used up: what is common stays
// so.
class Share : public Window {
 public:
  Share(const Correlation& correlation, const WindowLimits& limits)
      : correlation_(correlation), limits_(limits), measure_(correlation) {}

  void add(Entry entry, std::vector<Satisfied>& out, WindowLosses& losses) override {
    const base::WallTime time = entry.time;
    if (!entries_.empty()) {
      const base::WallTime newest = std::max(time, entries_.back().time);
      if (time < begin_of(newest, limits_.lateness)) {
        ++losses.late;
        return;
      }
      while (!entries_.empty() && entries_.front().time < begin_of(newest, correlation_.timespan)) {
        forget_first();
      }
    }
    if (entries_.size() >= limits_.max_entries) {
      forget_first();
      ++losses.entries;
    }
    bytes_ += bytes_of(entry);
    measure_.add(entry);
    const double share = measure_.share(entry.text);
    const auto place = std::ranges::upper_bound(entries_, time, {}, &Entry::time);
    entries_.insert(place, std::move(entry));
    if (satisfies(correlation_, share))
      out.push_back({entries_.front().time, time, measure_.events(), share});
  }

  void close(std::vector<Satisfied>&) override {}
  std::size_t entries() const override { return entries_.size(); }
  std::size_t bytes() const override { return bytes_ + measure_.bytes(); }
  void save(base::ByteWriter& out) const override { write_entries(out, entries_); }
  base::Result<void> restore(base::Cursor& in) override {
    TRY(read_entries(in, correlation_, entries_));
    TRY(in_order(entries_));
    for (const Entry& entry : entries_) {
      bytes_ += bytes_of(entry);
      measure_.add(entry);
    }
    return {};
  }

 private:
  void forget_first() {
    measure_.remove(entries_.front());
    bytes_ -= bytes_of(entries_.front());
    entries_.pop_front();
  }

  const Correlation& correlation_;
  WindowLimits limits_;
  std::deque<Entry> entries_;
  Measure measure_;
  std::size_t bytes_ = 0;
};

// Windows one after another, each beginning with an event and judged when its time is over and what
// is late had its chance.
class Closing : public Window {
 public:
  Closing(const Correlation& correlation, const WindowLimits& limits)
      : correlation_(correlation), limits_(limits) {}

  void add(Entry entry, std::vector<Satisfied>& out, WindowLosses& losses) override {
    const base::WallTime time = entry.time;
    if (closed_until_ && time <= *closed_until_) {
      ++losses.late;
      return;
    }
    newest_ = newest_ ? std::max(*newest_, time) : time;
    while (!open_.empty() && end_of(open_.front().end, limits_.lateness) < *newest_)
      close_first(out);
    if (closed_until_ && time <= *closed_until_) {
      ++losses.late;
      return;
    }
    One& window = window_of(time);
    window.first = std::min(window.first, time);
    window.last = std::max(window.last, time);
    window.measure.add(entry);
    if (!needs_entries()) return;
    if (window.entries.size() >= limits_.max_entries) {
      ++losses.entries;
      return;
    }
    bytes_ += bytes_of(entry);
    window.entries.push_back(std::move(entry));
  }

  void close(std::vector<Satisfied>& out) override {
    while (!open_.empty())
      close_first(out);
  }
  std::size_t entries() const override {
    std::size_t entries = 0;
    for (const One& window : open_)
      entries += std::max<std::size_t>(window.entries.size(), 1);
    return entries;
  }
  std::size_t bytes() const override {
    std::size_t bytes = bytes_ + open_.size() * sizeof(One);
    for (const One& window : open_)
      bytes += window.measure.bytes();
    return bytes;
  }

  void save(base::ByteWriter& out) const override {
    for (const auto& time : {newest_, closed_until_}) {
      out.u8(time ? 1 : 0);
      if (time) write_time(out, *time);
    }
    out.u32le(static_cast<std::uint32_t>(open_.size()));
    for (const One& window : open_) {
      for (const base::WallTime time : {window.begin, window.end, window.first, window.last})
        write_time(out, time);
      window.measure.save(out);
      write_entries(out, window.entries);
    }
  }

  base::Result<void> restore(base::Cursor& in) override {
    for (auto* time : {&newest_, &closed_until_}) {
      if (TRY(in.u8()) != 0) *time = TRY(read_time(in));
    }
    const std::size_t windows = TRY(read_count(in, kWindowBytes));
    for (std::size_t i = 0; i < windows; ++i) {
      One window{{}, {}, {}, {}, Measure(correlation_), {}};
      for (base::WallTime* time : {&window.begin, &window.end, &window.first, &window.last})
        *time = TRY(read_time(in));
      TRY(window.measure.restore(in));
      TRY(read_entries(in, correlation_, window.entries));
      for (const Entry& entry : window.entries)
        bytes_ += bytes_of(entry);
      open_.push_back(std::move(window));
    }
    if (std::ranges::is_sorted(open_, {}, &One::begin)) return {};
    return base::fail(base::Code::Malformed, "windows");
  }

 private:
  // The least that one is written as: its times, numbers and counts.
  static constexpr std::size_t kWindowBytes = 64;

  struct One {
    base::WallTime begin;
    base::WallTime end;  // what is at this time belongs to it
    base::WallTime first;
    base::WallTime last;
    Measure measure;
    std::vector<Entry> entries;
  };

  bool ordered() const { return correlation_.type == CorrelationType::TemporalOrdered; }
  bool needs_entries() const { return ordered() || correlation_.percentile.has_value(); }

  // The one that the time falls into, or a new one up to the next.
  One& window_of(base::WallTime time) {
    auto after = std::ranges::upper_bound(open_, time, {}, &One::begin);
    if (after != open_.begin() && time <= std::prev(after)->end) return *std::prev(after);
    base::WallTime end = end_of(time, correlation_.timespan);
    if (after != open_.end()) end = std::min(end, after->begin - std::chrono::nanoseconds{1});
    return *open_.insert(after, One{time, end, time, time, Measure(correlation_), {}});
  }

  void close_first(std::vector<Satisfied>& out) {
    One& window = open_.front();
    closed_until_ = window.end;
    const double value = value_of(window);
    if (satisfies(correlation_, value))
      out.push_back({window.first, window.last, window.measure.events(), value});
    for (const Entry& entry : window.entries)
      bytes_ -= bytes_of(entry);
    open_.erase(open_.begin());
  }

  double value_of(One& window) const {
    if (ordered()) {
      std::ranges::stable_sort(window.entries, {}, &Entry::time);
      Course course(correlation_.rules.size());
      for (const Entry& entry : window.entries)
        course.add(entry.position, entry.time);
      return static_cast<double>(course.longest(window.first).rules);
    }
    if (!correlation_.percentile) return window.measure.value();
    std::vector<double> numbers;
    numbers.reserve(window.entries.size());
    for (const Entry& entry : window.entries)
      numbers.push_back(entry.number);
    return percentile_of(numbers, *correlation_.percentile);
  }

  const Correlation& correlation_;
  WindowLimits limits_;
  std::vector<One> open_;  // by time; they do not overlap
  std::optional<base::WallTime> newest_;
  std::optional<base::WallTime> closed_until_;
  std::size_t bytes_ = 0;
};

}  // namespace

bool judged_at_once(const Correlation& correlation) {
  const bool at_least = std::ranges::all_of(correlation.bounds, [](const Bound& bound) {
    return bound.kind == Bound::Kind::Greater || bound.kind == Bound::Kind::GreaterEqual;
  });
  switch (correlation.type) {
    case CorrelationType::ValueAvg:
      return false;
    case CorrelationType::ValuePercentile:
      return !correlation.percentile;
    default:
      return at_least;
  }
}

std::unique_ptr<Window> make_window(const Correlation& correlation, const WindowLimits& limits) {
  if (!judged_at_once(correlation)) return std::make_unique<Closing>(correlation, limits);
  if (correlation.type == CorrelationType::ValuePercentile)
    return std::make_unique<Share>(correlation, limits);
  return std::make_unique<Sliding>(correlation, limits);
}

}  // namespace sigma
