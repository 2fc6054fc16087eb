#include "dissect/syslog/message.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace dissect::syslog {

namespace {

constexpr std::array<std::string_view, 24> kFacilities = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
constexpr std::array<std::string_view, 8> kSeverities = {
    "emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// The length of "<n>" at the beginning, with its number; 0: there is none.
std::size_t read_priority(std::string_view text, std::uint8_t& priority) {
  if (text.size() < 3 || text[0] != '<') return 0;
  std::size_t at = 1;
  unsigned int value = 0;
  while (at < text.size() && at < 4 && digit(text[at])) {
    value = value * 10 + static_cast<unsigned int>(text[at] - '0');
    ++at;
  }
  if (at == 1 || at >= text.size() || text[at] != '>' || value > 191) return 0;
  priority = static_cast<std::uint8_t>(value);
  return at + 1;
}

// "Mmm dd hh:mm:ss" (RFC 3164 section 4.1.2).
bool starts_with_time(std::string_view text) {
  if (text.size() < 15 || text[3] != ' ' || text[6] != ' ' || text[9] != ':' || text[12] != ':')
    return false;
  if (std::ranges::find(kMonths, text.substr(0, 3)) == kMonths.end()) return false;
  if (text[4] != ' ' && !digit(text[4])) return false;
  for (const std::size_t at : {5U, 7U, 8U, 10U, 11U, 13U, 14U}) {
    if (!digit(text[at])) return false;
  }
  return true;
}

// Up to the next blank, which is taken, too.
std::string_view word(std::string_view& rest) {
  const std::size_t end = rest.find(' ');
  const std::string_view found = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return found;
}
std::string_view value(std::string_view& rest) {
  const std::string_view found = word(rest);
  return found == "-" ? std::string_view{} : found;
}

// "[id name="value" ...][...]" or "-" (RFC 5424 section 6.3).
bool structured_data(std::string_view& rest, std::string_view& data) {
  if (rest.starts_with('-')) {
    rest.remove_prefix(std::min<std::size_t>(2, rest.size()));
    return true;
  }
  std::size_t at = 0;
  bool quoted = false;
  bool inside = false;
  for (; at < rest.size(); ++at) {
    const char c = rest[at];
    if (quoted && c == '\\') {
      ++at;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == '[') {
      inside = true;
    } else if (!quoted && c == ']') {
      inside = false;
    } else if (!inside) {
      break;
    }
  }
  at = std::min(at, rest.size());
  data = rest.substr(0, at);
  const bool good = at > 0 && !inside && !quoted;
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return good;
}

void read_structured(std::string_view rest, Record& record) {
  record.structured = true;
  word(rest);
  record.timestamp = value(rest);
  record.host = value(rest);
  record.application = value(rest);
  record.process = value(rest);
  record.message_id = value(rest);
  record.good = !rest.empty() && structured_data(rest, record.data);
  // The mark that says UTF-8.
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  record.text = rest;
}

// "host tag[pid]: text", of which only custom says that it is so.
void read_plain(std::string_view rest, Record& record) {
  record.text = rest;
  if (!starts_with_time(rest)) return;
  record.timestamp = rest.substr(0, 15);
  rest.remove_prefix(std::min<std::size_t>(16, rest.size()));
  record.text = rest;
  std::string_view after = rest;
  const std::string_view host = word(after);
  // A tag in its place ends with a colon, or has a process.
  if (!host.empty() && !host.ends_with(':') && host.find('[') == std::string_view::npos) {
    record.host = host;
    record.text = after;
  }
  const std::string_view tag = record.text.substr(0, record.text.find_first_of(": ["));
  const std::size_t behind = tag.size();
  if (tag.empty() || tag.size() > 48 || behind >= record.text.size()) return;
  const char mark = record.text[behind];
  if (mark == ' ') return;
  record.application = tag;
  if (mark != '[') return;
  const std::size_t end = record.text.find(']', behind);
  if (end != std::string_view::npos)
    record.process = record.text.substr(behind + 1, end - behind - 1);
}

}  // namespace

Record read_record(std::string_view text) {
  Record record;
  std::uint8_t priority = 0;
  const std::size_t size = read_priority(text, priority);
  if (size > 0) {
    record.has_priority = true;
    record.facility = priority >> 3U;
    record.severity = priority & 7U;
    text.remove_prefix(size);
  }
  if (size > 0 && text.starts_with("1 "))
    read_structured(text, record);
  else
    read_plain(text, record);
  return record;
}

Look look_at(std::string_view text) {
  std::uint8_t priority = 0;
  const std::size_t size = read_priority(text, priority);
  if (size == 0) return {};
  const std::string_view rest = text.substr(size);
  const bool version =
      rest.size() > 4 && rest.starts_with("1 ") && (digit(rest[2]) || rest[2] == '-');
  return {true, version || starts_with_time(rest)};
}

std::string_view facility_name(std::uint8_t facility) {
  return facility < kFacilities.size() ? kFacilities[facility] : std::string_view{};
}

std::string_view severity_name(std::uint8_t severity) {
  return severity < kSeverities.size() ? kSeverities[severity] : std::string_view{};
}

}  // namespace dissect::syslog
