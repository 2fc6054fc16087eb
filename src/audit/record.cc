#include "audit/record.h"

#include <charconv>

#include "audit/names.h"

namespace audit {

using base::Code;
using base::fail;
using base::Result;

namespace {

// A datagram of the kernel takes 8,970 bytes; a line of a log may be longer.
constexpr std::size_t kMaxText = 64U << 10U;
constexpr std::string_view kBegin = "audit(";
constexpr char kGroupSeparator = '\x1d';
// The range of WallTime.
constexpr std::uint64_t kMaxSeconds = 9'000'000'000;

// A decimal number at the front of `text`, which advances to the separator behind it and over it.
Result<std::uint64_t> take_number(std::string_view& text, char separator) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data() + text.size() || *end != separator)
    return fail(Code::Malformed, "audit record's head");
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return value;
}

}  // namespace

Result<Head> read_head(std::string_view text) {
  if (text.size() > kMaxText) return fail(Code::TooLarge, "audit record");
  while (!text.empty() && (text.back() == '\0' || text.back() == '\n' || text.back() == ' '))
    text.remove_suffix(1);
  if (!text.starts_with(kBegin)) return fail(Code::Malformed, "audit record's head");
  text.remove_prefix(kBegin.size());
  Head head;
  const std::uint64_t seconds = TRY(take_number(text, '.'));
  const std::uint64_t milliseconds = TRY(take_number(text, ':'));
  head.serial = TRY(take_number(text, ')'));
  if (seconds > kMaxSeconds || milliseconds > 999)
    return fail(Code::Malformed, "audit record's time");
  head.time = base::WallTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)) +
                             std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds)));
  if (!text.starts_with(':')) return fail(Code::Malformed, "audit record's head");
  text.remove_prefix(1);
  if (text.starts_with(' ')) text.remove_prefix(1);
  head.body = text;
  return head;
}

Result<Line> read_line(std::string_view text) {
  if (text.starts_with("node=")) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return fail(Code::Malformed, "audit line");
    text.remove_prefix(blank + 1);
  }
  constexpr std::string_view kType = "type=";
  constexpr std::string_view kMessage = " msg=";
  const std::size_t message = text.find(kMessage);
  if (!text.starts_with(kType) || message == std::string_view::npos)
    return fail(Code::Malformed, "audit line");
  const auto type = type_of_name(text.substr(kType.size(), message - kType.size()));
  if (!type) return fail(Code::Malformed, "audit line's type");
  text.remove_prefix(message + kMessage.size());
  Line line;
  line.type = *type;
  line.head = TRY(read_head(text.substr(0, text.find(kGroupSeparator))));
  return line;
}

}  // namespace audit
