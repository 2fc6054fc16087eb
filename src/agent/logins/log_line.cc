#include "agent/logins/log_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include "base/text.h"

namespace agent::logins {

namespace {

using namespace std::chrono_literals;

constexpr unsigned kMaxRepeats = 10'000;
constexpr std::int64_t kMaxPid = 4'194'304;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Takes the text up to the next blank, and the blanks after it.
std::string_view next_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  while (rest.starts_with(' '))
    rest.remove_prefix(1);
  return word;
}

struct Clock {
  int hour;
  int minute;
  int second;
};

// "07:08:09", with or without a fraction.
std::optional<Clock> read_clock(std::string_view text) {
  text = text.substr(0, text.find('.'));
  if (text.size() != 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const auto hour = base::parse_int(text.substr(0, 2));
  const auto minute = base::parse_int(text.substr(3, 2));
  const auto second = base::parse_int(text.substr(6, 2));
  if (!hour || !minute || !second || *hour < 0 || *hour > 23 || *minute < 0 || *minute > 59 ||
      *second < 0 || *second > 60)
    return std::nullopt;
  return Clock{static_cast<int>(*hour), static_cast<int>(*minute), static_cast<int>(*second)};
}

base::WallTime local_time(int year, int month, int day, const Clock& clock) {
  std::tm tm{};
  tm.tm_year = year - 1900;
  tm.tm_mon = month;
  tm.tm_mday = day;
  tm.tm_hour = clock.hour;
  tm.tm_min = clock.minute;
  tm.tm_sec = clock.second;
  tm.tm_isdst = -1;
  return base::WallTime(std::chrono::seconds(std::mktime(&tm)));
}

// "Nov  2 07:08:09", and the year where there is one after the day or after the time.
std::optional<base::WallTime> read_old_time(std::string_view& rest, base::WallTime now) {
  std::string_view at = rest;
  const auto month = std::ranges::find(kMonths, next_word(at));
  const auto day = base::parse_int(next_word(at));
  if (month == kMonths.end() || !day || *day < 1 || *day > 31) return std::nullopt;
  std::optional<std::int64_t> year;
  std::string_view word = next_word(at);
  if (word.size() == 4) year = base::parse_int(word);
  if (year) word = next_word(at);
  const auto clock = read_clock(word);
  if (!clock || (year && (*year < 1970 || *year > 2200))) return std::nullopt;
  rest = at;
  const int month_number = static_cast<int>(month - kMonths.begin());
  const int day_number = static_cast<int>(*day);
  if (year) return local_time(static_cast<int>(*year), month_number, day_number, *clock);
  const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(now)};
  // A year ahead: in the last hours of December the local year may be the next one.
  for (int guess = static_cast<int>(today.year()) + 1;; --guess) {
    const base::WallTime time = local_time(guess, month_number, day_number, *clock);
    if (time <= now + 24h || guess <= 1970) return time;
  }
}

// A priority as busybox writes it: "auth.info".
bool is_priority(std::string_view word) {
  const std::size_t dot = word.find('.');
  static constexpr std::array<std::string_view, 4> kFacilities = {"auth", "authpriv", "security",
                                                                  "user"};
  static constexpr std::array<std::string_view, 9> kLevels = {
      "emerg", "alert", "crit", "err", "warn", "warning", "notice", "info", "debug"};
  if (dot == std::string_view::npos) return false;
  const std::string_view facility = word.substr(0, dot);
  return (std::ranges::find(kFacilities, facility) != kFacilities.end() ||
          facility.starts_with("local") || facility == "daemon" || facility == "syslog") &&
         std::ranges::find(kLevels, word.substr(dot + 1)) != kLevels.end();
}

// "sshd[12]:", "su:"; the colon is required.
bool read_tag(std::string_view word, LogLine& line) {
  if (!word.ends_with(':') || word.size() < 2) return false;
  word.remove_suffix(1);
  if (word.ends_with(']')) {
    const std::size_t open = word.rfind('[');
    if (open == std::string_view::npos || open == 0) return false;
    const auto pid = base::parse_int(word.substr(open + 1, word.size() - open - 2));
    if (!pid || *pid < 0 || *pid > kMaxPid) return false;
    line.pid = static_cast<std::uint32_t>(*pid);
    word = word.substr(0, open);
  }
  line.program = word.substr(word.rfind('/') + 1);
  return !line.program.empty();
}

// "message repeated 2 times: [ text]" becomes the text.
void unfold(LogLine& line) {
  constexpr std::string_view kBegin = "message repeated ";
  constexpr std::string_view kMiddle = " times: [ ";
  if (!line.message.starts_with(kBegin) || !line.message.ends_with(']')) return;
  const std::string_view rest = line.message.substr(kBegin.size());
  const std::size_t middle = rest.find(kMiddle);
  if (middle == std::string_view::npos) return;
  const auto count = base::parse_int(rest.substr(0, middle));
  if (!count || *count < 1 || *count > kMaxRepeats) return;
  line.repeats = static_cast<unsigned>(*count);
  line.message = rest.substr(middle + kMiddle.size());
  line.message.remove_suffix(1);
}

}  // namespace

std::optional<LogLine> read_log_line(std::string_view text, base::WallTime now) {
  LogLine line;
  std::string_view rest = text;
  if (rest.starts_with('<')) {
    const std::size_t close = rest.find('>');
    if (close == std::string_view::npos || close > 4) return std::nullopt;
    rest.remove_prefix(close + 1);
    if (rest.starts_with("1 ")) rest.remove_prefix(2);
  }
  if (rest.empty()) return std::nullopt;
  if (std::isdigit(static_cast<unsigned char>(rest[0])) != 0) {
    const auto time = base::parse_rfc3339(next_word(rest));
    if (!time) return std::nullopt;
    line.time = time->utc;
  } else {
    const auto time = read_old_time(rest, now);
    if (!time) return std::nullopt;
    line.time = *time;
  }
  // The host is left out by busybox's short form.
  std::string_view word = next_word(rest);
  if (!read_tag(word, line)) {
    line.host = word;
    word = next_word(rest);
    if (is_priority(word)) word = next_word(rest);
    if (!read_tag(word, line)) {
      // "last message repeated 3 times" bears no tag.
      line.message = text.substr(static_cast<std::size_t>(word.data() - text.data()));
      return repeats_of_last(line.message) ? std::optional(line) : std::nullopt;
    }
  }
  line.message = rest;
  unfold(line);
  return line;
}

std::optional<unsigned> repeats_of_last(std::string_view message) {
  constexpr std::string_view kBegin = "last message repeated ";
  if (!message.starts_with(kBegin)) return std::nullopt;
  std::string_view rest = message.substr(kBegin.size());
  const auto count = base::parse_int(next_word(rest));
  if (!count || *count < 1 || *count > kMaxRepeats || !rest.starts_with("time"))
    return std::nullopt;
  return static_cast<unsigned>(*count);
}

}  // namespace agent::logins
