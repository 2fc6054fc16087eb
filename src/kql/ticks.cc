#include "kql/ticks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

namespace kql {
namespace {

// Reads a short text from left to right; every take_* leaves the position as it was when it fails.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  std::string_view rest() const { return text_.substr(at_); }

  bool take(char expected) {
    if (peek() != expected || done()) return false;
    ++at_;
    return true;
  }
  void skip_spaces() {
    while (take(' ')) {
    }
  }
  // Between `least` and `most` digits.
  std::optional<int> take_digits(std::size_t least, std::size_t most) {
    std::size_t count = 0;
    int value = 0;
    while (count < most && at_ + count < text_.size() && is_digit(text_[at_ + count])) {
      value = value * 10 + (text_[at_ + count] - '0');
      ++count;
    }
    if (count < least) return std::nullopt;
    at_ += count;
    return value;
  }
  // Digits after a point, as ticks; further digits than seven are cut.
  std::optional<Ticks> take_fraction() {
    if (!is_digit(peek())) return std::nullopt;
    Ticks value = 0;
    int digits = 0;
    while (is_digit(peek())) {
      if (digits < 7) {
        value = value * 10 + (peek() - '0');
        ++digits;
      }
      ++at_;
    }
    for (; digits < 7; ++digits)
      value *= 10;
    return value;
  }
  std::string_view take_word() {
    const std::size_t begin = at_;
    while (std::isalpha(static_cast<unsigned char>(peek())) != 0)
      ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::size_t mark() const { return at_; }
  void back_to(std::size_t mark) { at_ = mark; }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

std::optional<Ticks> ticks_of_date(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1 || year > 9999) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return kUnixEpochTicks + static_cast<Ticks>(days) * kTicksPerDay;
}

// hh:mm[:ss[.fffffff]]
std::optional<Ticks> take_clock(Scanner& in) {
  const auto hour = in.take_digits(1, 2);
  if (!hour || *hour > 23 || !in.take(':')) return std::nullopt;
  const auto minute = in.take_digits(2, 2);
  if (!minute || *minute > 59) return std::nullopt;
  Ticks ticks = *hour * kTicksPerHour + *minute * kTicksPerMinute;
  if (!in.take(':')) return ticks;
  const auto second = in.take_digits(2, 2);
  if (!second || *second > 59) return std::nullopt;
  ticks += *second * kTicksPerSecond;
  if (!in.take('.')) return ticks;
  const auto fraction = in.take_fraction();
  if (!fraction) return std::nullopt;
  return ticks + *fraction;
}

// Z, UTC, GMT, UT, +hh:mm, +hhmm, +hh, or nothing: what to add to reach UTC.
std::optional<Ticks> take_zone(Scanner& in) {
  in.skip_spaces();
  if (in.done()) return 0;
  if (in.peek() == '+' || in.peek() == '-') {
    const Ticks sign = in.take('+') ? -1 : (in.take('-'), 1);
    const auto hours = in.take_digits(2, 2);
    if (!hours || *hours > 14) return std::nullopt;
    in.take(':');
    const int minutes = in.take_digits(2, 2).value_or(0);
    if (minutes > 59) return std::nullopt;
    return sign * (*hours * kTicksPerHour + minutes * kTicksPerMinute);
  }
  const std::string_view word = in.take_word();
  if (word == "Z" || word == "z" || word == "UTC" || word == "GMT" || word == "UT") return 0;
  return std::nullopt;
}

std::optional<int> month_of_name(std::string_view word) {
  static constexpr std::array<std::string_view, 12> kMonths{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (word.substr(0, 3) == kMonths[i]) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

std::optional<Ticks> finish_datetime(Scanner& in, std::optional<Ticks> date,
                                     std::optional<Ticks> clock) {
  if (!date || !clock) return std::nullopt;
  const auto zone = take_zone(in);
  in.skip_spaces();
  if (!zone || !in.done()) return std::nullopt;
  const Ticks ticks = *date + *clock + *zone;
  if (ticks < 0 || ticks > kMaxDateTimeTicks) return std::nullopt;
  return ticks;
}

// 2014-05-25T08:20:03.123456Z and its shorter forms; also 2014/05/25.
std::optional<Ticks> parse_iso(std::string_view text) {
  Scanner in(text);
  const auto year = in.take_digits(4, 4);
  if (!year) return std::nullopt;
  if (in.done()) return ticks_of_date(*year, 1, 1);
  const char separator = in.peek();
  if (separator != '-' && separator != '/') {
    // 20140525
    const auto packed = in.take_digits(4, 4);
    if (!packed) return std::nullopt;
    return finish_datetime(in, ticks_of_date(*year, *packed / 100, *packed % 100), 0);
  }
  in.take(separator);
  const auto month = in.take_digits(1, 2);
  if (!month) return std::nullopt;
  int day = 1;
  if (in.take(separator)) {
    const auto read = in.take_digits(1, 2);
    if (!read) return std::nullopt;
    day = *read;
  }
  const auto date = ticks_of_date(*year, *month, day);
  if (in.done()) return date;
  const std::size_t mark = in.mark();
  if (in.take('T') || in.take('t') || in.take(' ')) {
    in.skip_spaces();
    if (Scanner::is_digit(in.peek())) return finish_datetime(in, date, take_clock(in));
    in.back_to(mark);
  }
  return finish_datetime(in, date, 0);
}

// 12/31/2019 and 12-31-2019, month first, as Kusto reads them.
std::optional<Ticks> parse_american(std::string_view text) {
  Scanner in(text);
  const auto month = in.take_digits(1, 2);
  const char separator = in.peek();
  if (!month || (separator != '/' && separator != '-')) return std::nullopt;
  in.take(separator);
  const auto day = in.take_digits(1, 2);
  if (!day || !in.take(separator)) return std::nullopt;
  const auto year = in.take_digits(4, 4);
  if (!year) return std::nullopt;
  const auto date = ticks_of_date(*year, *month, *day);
  in.skip_spaces();
  if (in.done()) return date;
  return finish_datetime(in, date, take_clock(in));
}

// RFC 822: [Sat, ]8 Nov 14 15:05:02 GMT; RFC 850: Saturday, 08-Nov-14 15:05:02 UTC.
std::optional<Ticks> parse_rfc(std::string_view text) {
  Scanner in(text);
  if (!in.take_word().empty() && !in.take(',')) return std::nullopt;
  in.skip_spaces();
  const auto day = in.take_digits(1, 2);
  if (!day || (!in.take(' ') && !in.take('-'))) return std::nullopt;
  const auto month = month_of_name(in.take_word());
  if (!month || (!in.take(' ') && !in.take('-'))) return std::nullopt;
  const std::size_t mark = in.mark();
  auto year = in.take_digits(4, 4);
  if (!year) {
    in.back_to(mark);
    year = in.take_digits(2, 2);
    if (!year) return std::nullopt;
    *year += *year < 50 ? 2000 : 1900;
  }
  const auto date = ticks_of_date(*year, *month, *day);
  in.skip_spaces();
  if (in.done()) return date;
  return finish_datetime(in, date, take_clock(in));
}

// A number with a unit: 1.5h, 10ms, 3 days.
std::optional<Ticks> parse_quantity(std::string_view text) {
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit = trimmed(text.substr(static_cast<std::size_t>(end - text.data())));
  const auto scale = timespan_unit(unit);
  if (!scale) return std::nullopt;
  const double ticks = amount * static_cast<double>(*scale);
  if (!(ticks > -9.2e18 && ticks < 9.2e18)) return std::nullopt;
  return static_cast<Ticks>(ticks);
}

}  // namespace

std::optional<Ticks> timespan_unit(std::string_view unit) {
  struct Unit {
    std::string_view name;
    Ticks ticks;
  };
  static constexpr std::array kUnits{
      Unit{"d", kTicksPerDay},
      Unit{"day", kTicksPerDay},
      Unit{"days", kTicksPerDay},
      Unit{"h", kTicksPerHour},
      Unit{"hr", kTicksPerHour},
      Unit{"hrs", kTicksPerHour},
      Unit{"hour", kTicksPerHour},
      Unit{"hours", kTicksPerHour},
      Unit{"m", kTicksPerMinute},
      Unit{"min", kTicksPerMinute},
      Unit{"minute", kTicksPerMinute},
      Unit{"minutes", kTicksPerMinute},
      Unit{"s", kTicksPerSecond},
      Unit{"sec", kTicksPerSecond},
      Unit{"second", kTicksPerSecond},
      Unit{"seconds", kTicksPerSecond},
      Unit{"ms", kTicksPerMillisecond},
      Unit{"milli", kTicksPerMillisecond},
      Unit{"millis", kTicksPerMillisecond},
      Unit{"millisecond", kTicksPerMillisecond},
      Unit{"milliseconds", kTicksPerMillisecond},
      Unit{"micro", kTicksPerMicrosecond},
      Unit{"micros", kTicksPerMicrosecond},
      Unit{"microsecond", kTicksPerMicrosecond},
      Unit{"microseconds", kTicksPerMicrosecond},
      Unit{"tick", 1},
      Unit{"ticks", 1},
  };
  for (const Unit& known : kUnits) {
    if (known.name == unit) return known.ticks;
  }
  return std::nullopt;
}

Ticks to_ticks(base::WallTime time) {
  using TickDuration = std::chrono::duration<Ticks, std::ratio<1, kTicksPerSecond>>;
  return kUnixEpochTicks + std::chrono::floor<TickDuration>(time.time_since_epoch()).count();
}

base::WallTime to_wall_time(Ticks ticks) {
  constexpr Ticks kMost = std::chrono::nanoseconds::max().count() / 100;
  const Ticks since =
      std::clamp(ticks, kUnixEpochTicks - kMost, kUnixEpochTicks + kMost) - kUnixEpochTicks;
  return base::WallTime(std::chrono::nanoseconds(since * 100));
}

std::string format_datetime(Ticks ticks) {
  // Days first: the smallest values have no room for a difference in ticks.
  Ticks days_part = ticks / kTicksPerDay;
  Ticks clock = ticks % kTicksPerDay;
  if (clock < 0) {
    clock += kTicksPerDay;
    --days_part;
  }
  days_part -= kUnixEpochTicks / kTicksPerDay;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days_part))};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:07}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock / kTicksPerHour, clock / kTicksPerMinute % 60,
                     clock / kTicksPerSecond % 60, clock % kTicksPerSecond);
}

std::string format_timespan(Ticks ticks) {
  const bool negative = ticks < 0;
  // The magnitude of the smallest value has no positive counterpart.
  const std::uint64_t magnitude =
      negative ? ~static_cast<std::uint64_t>(ticks) + 1 : static_cast<std::uint64_t>(ticks);
  const std::uint64_t days = magnitude / static_cast<std::uint64_t>(kTicksPerDay);
  const Ticks clock = static_cast<Ticks>(magnitude % static_cast<std::uint64_t>(kTicksPerDay));
  std::string out = negative ? "-" : "";
  if (days != 0) out += fmt::format("{}.", days);
  out += fmt::format("{:02}:{:02}:{:02}", clock / kTicksPerHour, clock / kTicksPerMinute % 60,
                     clock / kTicksPerSecond % 60);
  if (clock % kTicksPerSecond != 0) out += fmt::format(".{:07}", clock % kTicksPerSecond);
  return out;
}

std::optional<Ticks> parse_datetime(std::string_view text) {
  text = trimmed(text);
  if (const auto iso = parse_iso(text)) return iso;
  if (const auto american = parse_american(text)) return american;
  return parse_rfc(text);
}

std::optional<Ticks> parse_timespan(std::string_view text) {
  text = trimmed(text);
  if (const auto quantity = parse_quantity(text)) return quantity;
  Scanner in(text);
  const Ticks sign = in.take('-') ? -1 : 1;
  // Days stand alone, or before a point: 7, 1.02:03:04.
  const std::size_t mark = in.mark();
  const auto days = in.take_digits(1, 8);
  if (days && in.done()) return sign * *days * kTicksPerDay;
  Ticks ticks = 0;
  if (days && in.take('.')) {
    ticks = *days * kTicksPerDay;
  } else {
    in.back_to(mark);
  }
  const auto clock = take_clock(in);
  if (!clock || !in.done()) return std::nullopt;
  return sign * (ticks + *clock);
}

}  // namespace kql
