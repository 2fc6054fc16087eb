#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>

#include "base/text.h"
#include "kql/evaluator/functions.h"

namespace kql::evaluator {
namespace {

using Cells = std::span<const Cell>;
using std::chrono::days;
using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr Type kDate = Type::DateTime;
constexpr Type kInt = Type::Int;
constexpr Type kLong = Type::Long;

sys_days first_day() {
  return sys_days(std::chrono::year(1) / 1 / 1);
}

year_month_day date_of(Ticks ticks) {
  return year_month_day(first_day() + days(ticks / kTicksPerDay));
}

Ticks ticks_of(year_month_day date) {
  return (sys_days(date) - first_day()).count() * kTicksPerDay;
}

// Beyond the years 1 to 9999 there is no datetime.
Cell date(Ticks ticks) {
  const bool inside = ticks >= 0 && ticks <= kMaxDateTimeTicks;
  return inside ? Cell::of(kDate, ticks) : Cell::null(kDate);
}

// The start of a part, so many parts later; nullopt: too far away to say.
enum class Part : std::uint8_t { Day, Week, Month, Year };

std::optional<Ticks> start_of(Part part, Ticks ticks, std::int64_t offset) {
  if (std::abs(offset) > 20'000) return std::nullopt;
  const Ticks day = ticks / kTicksPerDay;
  const year_month_day today = date_of(ticks);
  switch (part) {
    case Part::Day:
      return (day + offset) * kTicksPerDay;
    case Part::Week:
      // Day 0 was a Monday; weeks start on Sunday.
      return (day - (day + 1) % 7 + offset * 7) * kTicksPerDay;
    case Part::Month:
      return ticks_of(today.year() / today.month() / 1 + months(offset));
    case Part::Year:
      return ticks_of(today.year() / 1 / 1 + months(offset * 12));
  }
  return std::nullopt;
}

template <Part kPart, bool kEnd>
Cell edge(Context& context, Cells cells) {
  const std::int64_t offset = cells.size() > 1 ? cells[1].integer() : 0;
  const auto ticks = start_of(kPart, cells[0].integer(), kEnd ? offset + 1 : offset);
  if (!ticks) return context.overflow(kDate);
  return date(kEnd ? *ticks - 1 : *ticks);
}

Ticks floored(Ticks ticks, Ticks by) {
  return ticks / by;  // datetimes are never negative
}

int day_of_year(Ticks ticks) {
  const year_month_day today = date_of(ticks);
  return static_cast<int>((sys_days(today) - sys_days(today.year() / 1 / 1)).count()) + 1;
}

// ISO 8601: the week that has the year's first Thursday is its first.
int iso_week(Ticks ticks) {
  const Ticks day = ticks / kTicksPerDay;
  const Ticks thursday = day - day % 7 + 3;
  return (day_of_year(thursday * kTicksPerDay) - 1) / 7 + 1;
}

Cell datetime_part(Context& context, Cells cells) {
  const std::string part = base::to_lower(cells[0].text());
  const Ticks ticks = cells[1].integer();
  const year_month_day today = date_of(ticks);
  const auto month = static_cast<std::int64_t>(static_cast<unsigned>(today.month()));
  const auto of = [](std::int64_t number) { return Cell::of(kInt, number); };
  if (part == "year") return of(static_cast<int>(today.year()));
  if (part == "quarter") return of((month + 2) / 3);
  if (part == "month") return of(month);
  if (part == "week_of_year") return of(iso_week(ticks));
  if (part == "day") return of(static_cast<unsigned>(today.day()));
  if (part == "dayofyear") return of(day_of_year(ticks));
  if (part == "hour") return of(ticks / kTicksPerHour % 24);
  if (part == "minute") return of(ticks / kTicksPerMinute % 60);
  if (part == "second") return of(ticks / kTicksPerSecond % 60);
  if (part == "millisecond") return of(ticks / kTicksPerMillisecond % 1000);
  return context.refuse("such a part", kInt);
}

Cell datetime_diff(Context& context, Cells cells) {
  const std::string part = base::to_lower(cells[0].text());
  const Ticks a = cells[1].integer();
  const Ticks b = cells[2].integer();
  const auto month = [](Ticks ticks) {
    const year_month_day today = date_of(ticks);
    return static_cast<int>(today.year()) * 12LL + static_cast<unsigned>(today.month()) - 1;
  };
  const auto of = [](std::int64_t number) { return Cell::of(kLong, number); };
  if (part == "year") return of(month(a) / 12 - month(b) / 12);
  if (part == "quarter") return of(month(a) / 3 - month(b) / 3);
  if (part == "month") return of(month(a) - month(b));
  if (part == "week") {
    const auto week = [](Ticks ticks) { return (ticks / kTicksPerDay + 1) / 7; };
    return of(week(a) - week(b));
  }
  if (part == "day") return of(floored(a, kTicksPerDay) - floored(b, kTicksPerDay));
  if (part == "hour") return of(floored(a, kTicksPerHour) - floored(b, kTicksPerHour));
  if (part == "minute") return of(floored(a, kTicksPerMinute) - floored(b, kTicksPerMinute));
  if (part == "second") return of(floored(a, kTicksPerSecond) - floored(b, kTicksPerSecond));
  if (part == "millisecond") {
    return of(floored(a, kTicksPerMillisecond) - floored(b, kTicksPerMillisecond));
  }
  if (part == "microsecond") {
    return of(floored(a, kTicksPerMicrosecond) - floored(b, kTicksPerMicrosecond));
  }
  return context.refuse("such a part", kLong);
}

// A day that the new month does not have is its last.
Cell add_months(Context& context, std::int64_t count, Ticks ticks) {
  if (std::abs(count) > 200'000) return context.overflow(kDate);
  const year_month_day today = date_of(ticks);
  year_month_day moved = today + months(count);
  if (!moved.ok()) moved = moved.year() / moved.month() / std::chrono::last;
  return date(ticks_of(moved) + ticks % kTicksPerDay);
}

Cell datetime_add(Context& context, Cells cells) {
  const std::string part = base::to_lower(cells[0].text());
  const std::int64_t count = cells[1].integer();
  const Ticks ticks = cells[2].integer();
  if (std::abs(count) > 100'000'000) return context.overflow(kDate);
  if (part == "year") return add_months(context, count * 12, ticks);
  if (part == "quarter") return add_months(context, count * 3, ticks);
  if (part == "month") return add_months(context, count, ticks);
  Ticks unit = 0;
  if (part == "week") unit = 7 * kTicksPerDay;
  if (part == "day") unit = kTicksPerDay;
  if (part == "hour") unit = kTicksPerHour;
  if (part == "minute") unit = kTicksPerMinute;
  if (part == "second") unit = kTicksPerSecond;
  if (part == "millisecond") unit = kTicksPerMillisecond;
  if (part == "microsecond") unit = kTicksPerMicrosecond;
  if (unit == 0) return context.refuse("such a part", kDate);
  Ticks out = 0;
  if (__builtin_mul_overflow(count, unit, &out) || __builtin_add_overflow(out, ticks, &out)) {
    return context.overflow(kDate);
  }
  return date(out);
}

Cell make_datetime(Context&, Cells cells) {
  const auto at = [&cells](std::size_t i) { return i < cells.size() ? cells[i].integer() : 0; };
  const bool near = at(0) >= 1 && at(0) <= 9999 && at(1) >= 1 && at(1) <= 12 && at(2) >= 1 &&
                    at(2) <= 31 && at(3) >= 0 && at(3) <= 23 && at(4) >= 0 && at(4) <= 59;
  if (!near) return Cell::null(kDate);
  const year_month_day day{std::chrono::year(static_cast<int>(at(0))),
                           std::chrono::month(static_cast<unsigned>(at(1))),
                           std::chrono::day(static_cast<unsigned>(at(2)))};
  if (!day.ok()) return Cell::null(kDate);
  const double seconds = cells.size() > 5 ? cells[5].real() : 0;
  if (!(seconds >= 0 && seconds < 60)) return Cell::null(kDate);
  return date(ticks_of(day) + at(3) * kTicksPerHour + at(4) * kTicksPerMinute +
              std::llround(seconds * static_cast<double>(kTicksPerSecond)));
}

template <Ticks kUnit>
Cell unixtime(Context& context, Cells cells) {
  const double ticks = cells[0].real() * static_cast<double>(kUnit);
  if (!std::isfinite(ticks) || std::abs(ticks) > 9e15) return context.overflow(kDate);
  const Ticks out = std::llround(ticks) + kUnixEpochTicks;
  return out < 0 || out > kMaxDateTimeTicks ? Cell::null(kDate) : Cell::of(kDate, out);
}

template <Type kType, std::int64_t (*kFunction)(Ticks)>
Cell of_date(Context&, Cells cells) {
  return Cell::of(kType, kFunction(cells[0].integer()));
}

std::int64_t hour_of(Ticks ticks) {
  return ticks / kTicksPerHour % 24;
}
std::int64_t since_sunday(Ticks ticks) {
  return (ticks / kTicksPerDay + 1) % 7 * kTicksPerDay;
}
std::int64_t day_of_month(Ticks ticks) {
  return static_cast<unsigned>(date_of(ticks).day());
}
std::int64_t month_of(Ticks ticks) {
  return static_cast<unsigned>(date_of(ticks).month());
}
std::int64_t year_of(Ticks ticks) {
  return static_cast<int>(date_of(ticks).year());
}
std::int64_t day_number(Ticks ticks) {
  return day_of_year(ticks);
}
std::int64_t week_number(Ticks ticks) {
  return iso_week(ticks);
}

constexpr std::array kFunctions{
    Function{"startofday", kDate, "T", edge<Part::Day, false>},
    Function{"startofday", kDate, "TL", edge<Part::Day, false>},
    Function{"startofweek", kDate, "T", edge<Part::Week, false>},
    Function{"startofweek", kDate, "TL", edge<Part::Week, false>},
    Function{"startofmonth", kDate, "T", edge<Part::Month, false>},
    Function{"startofmonth", kDate, "TL", edge<Part::Month, false>},
    Function{"startofyear", kDate, "T", edge<Part::Year, false>},
    Function{"startofyear", kDate, "TL", edge<Part::Year, false>},
    Function{"endofday", kDate, "T", edge<Part::Day, true>},
    Function{"endofday", kDate, "TL", edge<Part::Day, true>},
    Function{"endofweek", kDate, "T", edge<Part::Week, true>},
    Function{"endofmonth", kDate, "T", edge<Part::Month, true>},
    Function{"endofmonth", kDate, "TL", edge<Part::Month, true>},
    Function{"endofyear", kDate, "T", edge<Part::Year, true>},
    Function{"hourofday", kInt, "T", of_date<kInt, hour_of>},
    Function{"dayofweek", Type::TimeSpan, "T", of_date<Type::TimeSpan, since_sunday>},
    Function{"dayofmonth", kInt, "T", of_date<kInt, day_of_month>},
    Function{"dayofyear", kInt, "T", of_date<kInt, day_number>},
    Function{"week_of_year", kInt, "T", of_date<kInt, week_number>},
    Function{"monthofyear", kInt, "T", of_date<kInt, month_of>},
    Function{"getmonth", kInt, "T", of_date<kInt, month_of>},
    Function{"getyear", kInt, "T", of_date<kInt, year_of>},
    Function{"datetime_part", kInt, "ST", datetime_part},
    Function{"datetime_diff", kLong, "STT", datetime_diff},
    Function{"datetime_add", kDate, "SLT", datetime_add},
    Function{"make_datetime", kDate, "LLL", make_datetime},
    Function{"make_datetime", kDate, "LLLLL", make_datetime},
    Function{"make_datetime", kDate, "LLLLLR", make_datetime},
    Function{"unixtime_seconds_todatetime", kDate, "R", unixtime<kTicksPerSecond>},
    Function{"unixtime_milliseconds_todatetime", kDate, "R", unixtime<kTicksPerMillisecond>},
};

}  // namespace

std::span<const Function> time_functions() {
  return kFunctions;
}

}  // namespace kql::evaluator
