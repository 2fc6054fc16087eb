#include "schema/formats.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace schema {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Two decimal digits at `at`, -1 when they are not there.
int two_digits(std::string_view text, std::size_t at) {
  if (at + 2 > text.size() || !is_digit(text[at]) || !is_digit(text[at + 1])) return -1;
  return (text[at] - '0') * 10 + (text[at + 1] - '0');
}

// Length in bytes of the separator of date and time at the beginning of `text`, 0 when it has none.
// White space is what ECMAScript calls so.
std::size_t separator_length(std::string_view text) {
  if (text.empty()) return 0;
  const char first = text[0];
  if (first == 'T' || first == 't' || first == ' ' || (first >= '\t' && first <= '\r')) return 1;
  constexpr std::array<std::string_view, 8> kWide{"\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\xA8",
                                                  "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
                                                  "\xE3\x80\x80", "\xEF\xBB\xBF"};
  for (const std::string_view space : kWide) {
    if (text.starts_with(space)) return space.size();
  }
  // U+2000 to U+200A.
  if (!text.starts_with("\xE2\x80") || text.size() < 3) return 0;
  return static_cast<unsigned char>(text[2]) <= 0x8A ? 3 : 0;
}

std::optional<std::chrono::sys_days> parse_date(std::string_view text) {
  const int century = two_digits(text, 0);
  const int year = two_digits(text, 2);
  const int month = two_digits(text, 5);
  const int day = two_digits(text, 8);
  if (century < 0 || year < 0 || month < 0 || day < 0 || text[4] != '-' || text[7] != '-')
    return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(century * 100 + year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

struct Zone {
  int hours = 0;
  int minutes = 0;
  int sign = 1;
};

std::optional<Zone> parse_zone(std::string_view text) {
  if (text == "Z" || text == "z") return Zone{};
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  Zone zone{two_digits(text, 1), 0, text[0] == '-' ? -1 : 1};
  text.remove_prefix(std::min<std::size_t>(text.size(), 3));
  if (text.starts_with(':')) {
    text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
  }
  if (!text.empty()) {
    zone.minutes = two_digits(text, 0);
    if (text.size() != 2) return std::nullopt;
  }
  if (zone.hours < 0 || zone.hours > 23 || zone.minutes < 0 || zone.minutes > 59)
    return std::nullopt;
  return zone;
}

struct Clock {
  int hours = 0;
  int minutes = 0;
  int seconds = 0;
  double exact_seconds = 0;  // as a double rounds them: that decides what counts as a leap second
  std::int64_t nanos = 0;
  std::size_t end = 0;
};

std::optional<Clock> parse_clock(std::string_view text) {
  Clock clock{two_digits(text, 0), two_digits(text, 3), two_digits(text, 6)};
  if (clock.hours < 0 || clock.minutes < 0 || clock.seconds < 0 || text[2] != ':' ||
      text[5] != ':') {
    return std::nullopt;
  }
  clock.exact_seconds = clock.seconds;
  clock.end = 8;
  if (text.size() == 8 || text[8] != '.') return clock;
  std::int64_t unit = 100'000'000;
  for (clock.end = 9; clock.end < text.size() && is_digit(text[clock.end]); ++clock.end) {
    clock.nanos += unit * (text[clock.end] - '0');
    unit /= 10;
  }
  if (clock.end == 9) return std::nullopt;
  if (clock.seconds >= 59)
    std::from_chars(text.data() + 6, text.data() + clock.end, clock.exact_seconds);
  return clock;
}

bool is_leap_second(const Clock& clock, const Zone& zone) {
  const int minutes = clock.minutes - zone.minutes * zone.sign;
  const int hours = clock.hours - zone.hours * zone.sign - (minutes < 0 ? 1 : 0);
  return (hours == 23 || hours == -1) && (minutes == 59 || minutes == -1) &&
         clock.exact_seconds < 61;
}

// The four numbers of a dotted address; the whole text.
bool is_dotted(std::string_view text) {
  std::size_t at = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (at >= text.size() || text[at] != '.') return false;
      ++at;
    }
    const std::size_t start = at;
    int value = 0;
    while (at < text.size() && is_digit(text[at]) && at - start < 3)
      value = value * 10 + (text[at++] - '0');
    const bool leading_zero = at - start > 1 && text[start] == '0';
    if (at == start || value > 255 || leading_zero) return false;
  }
  return at == text.size();
}

}  // namespace

bool is_ipv4(std::string_view text) {
  return is_dotted(text);
}

bool is_ipv6(std::string_view text) {
  constexpr std::size_t kGroups = 8;
  constexpr std::size_t kLongest = 45;  // eight groups, the last two dotted
  if (text.size() > kLongest) return false;
  std::size_t groups = 0;
  bool gap = false;  // "::" was seen; it stands for at least one group
  std::size_t at = 0;
  if (text.starts_with("::")) {
    gap = true;
    at = 2;
  }
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    std::size_t digits = 0;
    while (digits < rest.size() && digits < 5 && is_hex(rest[digits]))
      ++digits;
    if (digits < rest.size() && rest[digits] == '.') {
      if (!is_dotted(rest)) return false;
      groups += 2;
      break;
    }
    if (digits == 0 || digits > 4) return false;
    ++groups;
    at += digits;
    if (at == text.size()) break;
    if (text[at] != ':') return false;
    ++at;
    if (at == text.size()) return false;
    if (text[at] == ':') {
      if (gap) return false;
      gap = true;
      ++at;
    }
  }
  return gap ? groups < kGroups : groups == kGroups;
}

std::optional<base::OffsetTime> parse_date_time(std::string_view text) {
  constexpr std::size_t kDateSize = 10;
  const std::optional<std::chrono::sys_days> date = parse_date(text);
  if (!date) return std::nullopt;
  text.remove_prefix(kDateSize);
  const std::size_t separator = separator_length(text);
  if (separator == 0) return std::nullopt;
  text.remove_prefix(separator);
  const std::optional<Clock> clock = parse_clock(text);
  if (!clock) return std::nullopt;
  const std::optional<Zone> zone = parse_zone(text.substr(clock->end));
  if (!zone) return std::nullopt;
  const bool ordinary = clock->hours <= 23 && clock->minutes <= 59 && clock->exact_seconds < 60;
  if (!ordinary && !is_leap_second(*clock, *zone)) return std::nullopt;

  const std::chrono::minutes offset(zone->sign * (zone->hours * 60 + zone->minutes));
  const std::chrono::seconds in_day(clock->hours * 3600 + clock->minutes * 60 + clock->seconds);
  std::chrono::sys_seconds utc = *date + in_day - offset;
  // Two days inside the range, so that any offset may be added.
  constexpr auto kFirst =
      std::chrono::ceil<std::chrono::seconds>(base::WallTime::min()) + std::chrono::days(2);
  constexpr auto kLast =
      std::chrono::floor<std::chrono::seconds>(base::WallTime::max()) - std::chrono::days(2);
  utc = std::clamp<std::chrono::sys_seconds>(utc, kFirst, kLast);
  return base::OffsetTime{base::WallTime(utc) + std::chrono::nanoseconds(clock->nanos), offset};
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace schema
