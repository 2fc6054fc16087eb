#include "base/time.h"

#include <cstdlib>
#include <limits>

#include <fmt/format.h>

namespace base {

namespace {

using std::chrono::nanoseconds;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

// Reads `count` decimal digits at `at`; -1 when they are not there.
int digits_at(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

bool literal_at(std::string_view text, std::size_t at, char upper) {
  return at < text.size() && (text[at] & ~0x20) == (upper & ~0x20) &&
         (text[at] | 0x20) == (upper | 0x20);
}

struct Fraction {
  std::int64_t nanos = 0;
  std::size_t end = 0;  // first position after the digits; 0 when there were none
};

// Digits after a decimal point; what is finer than a nanosecond is dropped.
Fraction fraction_at(std::string_view text, std::size_t at) {
  Fraction fraction;
  std::int64_t unit = kNanosPerSecond / 10;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    fraction.nanos += unit * (text[at] - '0');
    unit /= 10;
    fraction.end = ++at;
  }
  return fraction;
}

// A UTC offset at the end of the text: Z, +hh:mm or -hh:mm.
Result<std::chrono::minutes> offset_at(std::string_view text, std::size_t at) {
  const auto where = static_cast<std::int64_t>(at);
  if (literal_at(text, at, 'Z')) {
    if (at + 1 != text.size()) return fail(Code::Malformed, "time has text after Z", where + 1);
    return std::chrono::minutes(0);
  }
  if (at >= text.size() || (text[at] != '+' && text[at] != '-')) {
    return fail(Code::Malformed, "time needs Z or an offset such as +01:00", where);
  }
  const int hours = digits_at(text, at + 1, 2);
  const int minutes = digits_at(text, at + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || text[at + 3] != ':' ||
      at + 6 != text.size()) {
    return fail(Code::Malformed, "time offset is not hh:mm", where);
  }
  const std::chrono::minutes offset(hours * 60 + minutes);
  return text[at] == '-' ? -offset : offset;
}

// The last `width` decimal digits of a number that is not negative.
void append_digits(std::string& text, std::int64_t number, std::size_t width) {
  text.append(width, '0');
  for (std::size_t at = text.size(); width > 0; --width, number /= 10) {
    text[--at] = static_cast<char>('0' + number % 10);
  }
}

}  // namespace

WallTime wall_now() {
  return std::chrono::time_point_cast<nanoseconds>(std::chrono::system_clock::now());
}

MonoTime mono_now() {
  return std::chrono::steady_clock::now();
}

std::string format_rfc3339(WallTime time, std::chrono::minutes offset, int digits) {
  // In whole seconds: the first and last days of WallTime's range have no room for nanoseconds.
  const std::int64_t count = time.time_since_epoch().count();
  const std::int64_t nanos = (count % kNanosPerSecond + kNanosPerSecond) % kNanosPerSecond;
  const std::chrono::sys_seconds local{
      std::chrono::seconds(count / kNanosPerSecond - (count % kNanosPerSecond < 0 ? 1 : 0)) +
      offset};
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::int64_t seconds = (local - day).count();
  std::string text;
  text.reserve(35);
  append_digits(text, static_cast<int>(date.year()), 4);
  append_digits(text.append("-"), static_cast<unsigned>(date.month()), 2);
  append_digits(text.append("-"), static_cast<unsigned>(date.day()), 2);
  append_digits(text.append("T"), seconds / 3600, 2);
  append_digits(text.append(":"), seconds / 60 % 60, 2);
  append_digits(text.append(":"), seconds % 60, 2);
  if (digits > 0) {
    append_digits(text.append("."), nanos, 9);
    text.resize(text.size() - 9 + static_cast<std::size_t>(digits));
  }
  if (offset.count() == 0) return text.append("Z");
  const auto minutes = std::abs(offset.count());
  append_digits(text.append(offset.count() < 0 ? "-" : "+"), minutes / 60, 2);
  append_digits(text.append(":"), minutes % 60, 2);
  return text;
}

std::string format_rfc3339(WallTime time, int digits) {
  return format_rfc3339(time, std::chrono::minutes(0), digits);
}

Result<OffsetTime> parse_rfc3339(std::string_view text) {
  const int year = digits_at(text, 0, 4);
  const int month = digits_at(text, 5, 2);
  const int day = digits_at(text, 8, 2);
  const int hour = digits_at(text, 11, 2);
  const int minute = digits_at(text, 14, 2);
  const int second = digits_at(text, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0 || text[4] != '-' ||
      text[7] != '-' || !literal_at(text, 10, 'T') || text[13] != ':' || text[16] != ':') {
    return fail(Code::Malformed, "time is not like 2018-08-10T11:01:21Z", 0);
  }
  const std::chrono::year_month_day date(std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)});
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) {
    return fail(Code::Malformed, "time names no moment of the calendar", 0);
  }
  if (year < 1678 || year > 2261) return fail(Code::Malformed, "year is outside 1678 to 2261", 0);
  std::size_t at = 19;
  std::int64_t nanos = 0;
  if (at < text.size() && text[at] == '.') {
    const Fraction fraction = fraction_at(text, at + 1);
    if (fraction.end == 0) return fail(Code::Malformed, "time has no digits after the point", 20);
    nanos = fraction.nanos;
    at = fraction.end;
  }
  const std::chrono::minutes offset = TRY(offset_at(text, at));
  const std::int64_t seconds = hour * 3600 + minute * 60 + second;
  const WallTime local =
      WallTime(std::chrono::sys_days(date)) + nanoseconds(seconds * kNanosPerSecond + nanos);
  return OffsetTime{local - offset, offset};
}

Result<nanoseconds> parse_duration(std::string_view text) {
  if (text.empty() || text[0] != 'P')
    return fail(Code::Malformed, "duration does not begin with P", 0);
  constexpr std::string_view kUnits = "WDHMS";
  constexpr std::int64_t kSeconds[] = {604800, 86400, 3600, 60, 1};
  std::size_t next_unit = 0;  // units must come in order, each once
  bool in_time = false;
  bool any = false;
  std::int64_t total = 0;
  std::size_t at = 1;
  while (at < text.size()) {
    const auto where = static_cast<std::int64_t>(at);
    if (text[at] == 'T' && !in_time) {
      in_time = true;
      next_unit = std::max<std::size_t>(next_unit, 2);
      if (++at == text.size()) return fail(Code::Malformed, "duration ends after T", where);
      continue;
    }
    std::int64_t whole = 0;
    const std::size_t start = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      whole = whole * 10 + (text[at++] - '0');
      if (whole > 9'000'000'000)
        return fail(Code::Malformed, "duration is longer than 292 years", where);
    }
    if (at == start || at == text.size())
      return fail(Code::Malformed, "duration needs a number and a unit", where);
    Fraction fraction;
    if (text[at] == '.') {
      fraction = fraction_at(text, at + 1);
      if (fraction.end == 0 || fraction.end == text.size()) {
        return fail(Code::Malformed, "duration needs digits and a unit after the point", where);
      }
      at = fraction.end;
    }
    if (text[at] == 'Y' || (text[at] == 'M' && !in_time)) {
      return fail(Code::Unsupported, "years and months have no fixed length",
                  static_cast<std::int64_t>(at));
    }
    const std::size_t unit = kUnits.find(text[at], next_unit);
    if (unit == std::string_view::npos || (unit < 2) == in_time) {
      return fail(Code::Malformed, "duration has an unknown or misplaced unit",
                  static_cast<std::int64_t>(at));
    }
    std::int64_t nanos = 0;
    if (__builtin_mul_overflow(whole, kSeconds[unit] * kNanosPerSecond, &nanos) ||
        __builtin_add_overflow(total, nanos, &total) ||
        __builtin_add_overflow(total, fraction.nanos * kSeconds[unit], &total)) {
      return fail(Code::Malformed, "duration is longer than 292 years", where);
    }
    next_unit = unit + 1;
    any = true;
    ++at;
  }
  if (!any) return fail(Code::Malformed, "duration is empty", 0);
  return nanoseconds(total);
}

std::string format_duration(nanoseconds duration) {
  std::int64_t rest = duration.count();
  if (rest <= 0) return "PT0S";
  std::string text = "P";
  const auto take = [&](std::int64_t seconds, char unit) {
    const std::int64_t count = rest / (seconds * kNanosPerSecond);
    rest -= count * seconds * kNanosPerSecond;
    if (count > 0) text.append(std::to_string(count)).push_back(unit);
  };
  take(86400, 'D');
  if (rest == 0) return text;
  text.push_back('T');
  take(3600, 'H');
  take(60, 'M');
  if (rest % kNanosPerSecond == 0) {
    take(1, 'S');
    return text;
  }
  std::string seconds = fmt::format("{}.{:09}", rest / kNanosPerSecond, rest % kNanosPerSecond);
  seconds.erase(seconds.find_last_not_of('0') + 1);
  return text.append(seconds).append("S");
}

}  // namespace base
