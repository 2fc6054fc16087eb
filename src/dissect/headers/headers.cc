#include "dissect/headers/headers.h"

#include <algorithm>

#include "base/text.h"

namespace dissect::headers {

namespace {

// RFC 9110 section 5.6.2.
bool token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool value_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// The number with dots or underscores that follows `mark`.
std::string_view version_after(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + mark.size());
  std::size_t size = 0;
  while (size < text.size() &&
         ((text[size] >= '0' && text[size] <= '9') || text[size] == '.' || text[size] == '_'))
    ++size;
  return text.substr(0, size);
}

}  // namespace

std::optional<std::size_t> end_of(std::string_view text) {
  for (std::size_t at = text.find('\n'); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    if (at + 1 < text.size() && text[at + 1] == '\n') return at + 2;
    if (at + 2 < text.size() && text[at + 1] == '\r' && text[at + 2] == '\n') return at + 3;
  }
  return std::nullopt;
}

bool Lines::next() {
  if (rest_.empty()) return false;
  const std::size_t end = rest_.find('\n');
  here_ = rest_.substr(0, end);
  rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
  if (here_.ends_with('\r')) here_.remove_suffix(1);
  return true;
}

Header header_of(std::string_view line) {
  Header header;
  if (line.starts_with(' ') || line.starts_with('\t')) {
    header.folded = true;
    header.value = without_blanks(line);
    header.good = std::ranges::all_of(header.value, value_char);
    return header;
  }
  const std::size_t colon = line.find(':');
  header.name = line.substr(0, colon);
  if (colon == std::string_view::npos) return header;
  header.value = without_blanks(line.substr(colon + 1));
  header.good = !header.name.empty() && std::ranges::all_of(header.name, token_char) &&
                std::ranges::all_of(header.value, value_char);
  return header;
}

bool is(std::string_view name, std::string_view wanted) {
  return base::equal_ignore_case(name, wanted);
}

std::optional<std::uint64_t> number(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

System system_of(std::string_view agent) {
  struct Mark {
    std::string_view mark;
    std::string_view name;
  };
  // The first that fits: phones say that they are like a Mac, Android that it is Linux.
  static constexpr Mark kMarks[] = {
      {"Windows NT ", "Windows"},   {"Microsoft-Windows/", "Windows"},
      {"Windows CE", "Windows CE"}, {"iPhone OS ", "iOS"},
      {"CPU OS ", "iPadOS"},        {"Android ", "Android"},
      {"Mac OS X ", "macOS"},       {"Darwin/", "macOS"},
      {"CrOS ", "ChromeOS"},        {"FreeBSD", "FreeBSD"},
      {"Ubuntu", "Ubuntu"},         {"Debian", "Debian"},
      {"Linux/", "Linux"},          {"Linux", "Linux"},
      {"VxWorks/", "VxWorks"},      {"VxWorks", "VxWorks"},
      {"Windows", "Windows"},       {"Win32", "Windows"},
  };
  for (const Mark& one : kMarks) {
    if (agent.find(one.mark) != std::string_view::npos)
      return {one.name, version_after(agent, one.mark)};
  }
  return {};
}

}  // namespace dissect::headers
