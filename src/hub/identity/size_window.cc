#include "hub/identity/size_window.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace hub::identity {

namespace {

using base::Code;
using base::fail;

constexpr std::size_t kMostHours = 25;  // the one that runs, and those that are not over for long

std::int64_t hour_of(base::WallTime time) {
  return std::chrono::floor<std::chrono::hours>(time.time_since_epoch()).count();
}

std::uint32_t sum_of(std::uint32_t value, std::uint64_t more) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(value + more, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

void SizeWindow::add(base::WallTime now, std::uint64_t messages, std::uint64_t small) {
  const std::int64_t hour = hour_of(now);
  const std::int64_t oldest = hour - kLength.count();
  std::erase_if(hours_, [oldest](const Hour& each) { return each.hour < oldest; });
  // A clock that was set back counts towards the hour that was last.
  if (hours_.empty() || hours_.back().hour < hour) hours_.push_back({hour, 0, 0});
  if (hours_.size() > kMostHours) hours_.erase(hours_.begin());
  Hour& last = hours_.back();
  last.messages = sum_of(last.messages, messages);
  last.small = sum_of(last.small, small);
}

SizeWindow::Sum SizeWindow::sum(base::WallTime now) const {
  const std::int64_t oldest = hour_of(now) - kLength.count();
  Sum sum;
  for (const Hour& each : hours_) {
    if (each.hour < oldest) continue;
    sum.messages += each.messages;
    sum.small += each.small;
  }
  return sum;
}

std::string SizeWindow::to_text() const {
  std::string text;
  for (const Hour& each : hours_) {
    if (!text.empty()) text += ',';
    text += std::to_string(each.hour) + ":" + std::to_string(each.messages) + ":" +
            std::to_string(each.small);
  }
  return text;
}

base::Result<SizeWindow> SizeWindow::parse(std::string_view text) {
  SizeWindow window;
  if (text.empty()) return window;
  for (const std::string_view part : base::split(text, ',')) {
    const auto fields = base::split(part, ':');
    if (fields.size() != 3 || window.hours_.size() == kMostHours)
      return fail(Code::Malformed, "message sizes");
    const auto hour = base::parse_int(fields[0]);
    const auto messages = base::parse_int(fields[1]);
    const auto small = base::parse_int(fields[2]);
    constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
    if (!hour || !messages || !small || *messages < 0 || *messages > kMost || *small < 0 ||
        *small > kMost || (!window.hours_.empty() && *hour <= window.hours_.back().hour)) {
      return fail(Code::Malformed, "message sizes");
    }
    window.hours_.push_back(
        {*hour, static_cast<std::uint32_t>(*messages), static_cast<std::uint32_t>(*small)});
  }
  return window;
}

}  // namespace hub::identity
