#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "sigma/rule.h"

// Windows over what a correlation counts, for one group; for the sources of this folder. Times are
// those of events, and may come in any order. Threads: one at a time.
namespace sigma {

// Something that a correlation counts.
struct Entry {
  base::WallTime time;
  std::uint32_t position = 0;  // of its rule in the correlation
  std::int64_t count = 1;
  double number = 0;  // of value_sum, value_avg, value_percentile
  std::string text;   // of value_count and the share of a value
};

// A window that does what the correlation asks for.
struct Satisfied {
  base::WallTime first;
  base::WallTime last;
  std::int64_t events = 0;
  double value = 0;
};

// How late an event may be, and how much is remembered.
struct WindowLimits {
  std::chrono::nanoseconds lateness{};
  std::size_t max_entries = 0;
};

// What was left out of a window.
struct WindowLosses {
  std::uint64_t late = 0;     // older than lateness allows
  std::uint64_t entries = 0;  // forgotten for want of room
};

// Whether the correlation is judged as soon as enough has happened. Others say what must not be
// exceeded, or compare what only a whole window has (an average): they are judged at its end.
bool judged_at_once(const Correlation& correlation);

class Window {
 public:
  virtual ~Window() = default;
  // Adds the entry; what that, or the time that it stands for, completes goes to `out`.
  virtual void add(Entry entry, std::vector<Satisfied>& out, WindowLosses& losses) = 0;
  // Nothing more will come: judges what is still open.
  virtual void close(std::vector<Satisfied>& out) = 0;
  // Entries that are remembered, and bytes beside this object.
  virtual std::size_t entries() const = 0;
  virtual std::size_t bytes() const = 0;
  // What it holds, as bytes; and back, into a new window of the same correlation. Errors:
  // Truncated, Malformed; it is of no use then.
  virtual void save(base::ByteWriter& out) const = 0;
  virtual base::Result<void> restore(base::Cursor& in) = 0;
};

// Outlived by the correlation.
std::unique_ptr<Window> make_window(const Correlation& correlation, const WindowLimits& limits);

}  // namespace sigma
