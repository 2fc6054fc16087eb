#include "sigma/time_part.h"

#include <chrono>

#include "base/time.h"

namespace sigma {
namespace {

using std::chrono::days;

std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> read_date(std::string_view text) {
  constexpr std::size_t kDate = 10;      // 2026-03-01
  constexpr std::size_t kLongest = 64;   // fractions included
  constexpr std::size_t kZoneFrom = 19;  // behind 2026-03-01T23:59:00
  if (text.size() < kDate || text.size() > kLongest) return std::nullopt;
  std::string whole(text);
  if (whole.size() == kDate) whole += "T00:00:00";
  if (whole[kDate] == ' ') whole[kDate] = 'T';
  if (whole.find_first_of("Zz+-", std::min(kZoneFrom, whole.size())) == std::string::npos)
    whole += 'Z';
  const auto time = base::parse_rfc3339(whole);
  if (!time) return std::nullopt;
  return time->utc + time->offset;
}

// Of ISO 8601: the week that has the year's first Thursday is the first.
int week_of(std::chrono::sys_days day) {
  const auto thursday = day - days{std::chrono::weekday{day}.iso_encoding() - 1} + days{3};
  const auto year = std::chrono::year_month_day{thursday}.year();
  const auto first = std::chrono::sys_days{year / std::chrono::January / 1};
  return static_cast<int>((thursday - first).count()) / 7 + 1;
}

}  // namespace

std::optional<double> time_part(std::string_view text, TimePart part) {
  const auto time = read_date(text);
  if (!time) return std::nullopt;
  const auto day = std::chrono::floor<days>(*time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{*time - day};
  switch (part) {
    case TimePart::Minute:
      return static_cast<double>(clock.minutes().count());
    case TimePart::Hour:
      return static_cast<double>(clock.hours().count());
    case TimePart::Day:
      return static_cast<double>(static_cast<unsigned>(date.day()));
    case TimePart::Week:
      return week_of(day);
    case TimePart::Month:
      return static_cast<double>(static_cast<unsigned>(date.month()));
    case TimePart::Year:
      return static_cast<int>(date.year());
    case TimePart::None:
      break;
  }
  return std::nullopt;
}

}  // namespace sigma
