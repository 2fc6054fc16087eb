#include "kql/lex/strings.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace kql::lex {
namespace {

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::optional<std::uint32_t> hex(std::string_view digits, std::size_t count) {
  if (digits.size() < count) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : digits.substr(0, count)) {
    const int lower = c | 0x20;
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<std::uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

// "\u00e9", and a surrogate pair as one character. Answers how many bytes of `rest` it used.
std::optional<std::size_t> read_unicode(std::string_view rest, std::string& out) {
  auto code = hex(rest, 4);
  if (!code) return std::nullopt;
  std::size_t used = 4;
  if (*code >= 0xD800 && *code < 0xDC00 && rest.substr(4, 2) == "\\u") {
    const auto low = hex(rest.substr(6), 4);
    if (low && *low >= 0xDC00 && *low < 0xE000) {
      code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
      used = 10;
    }
  }
  if (*code == 0 || (*code >= 0xD800 && *code < 0xE000)) return std::nullopt;
  append_utf8(out, *code);
  return used;
}

// `rest` starts behind the backslash. Answers how many bytes of it the escape takes.
std::optional<std::size_t> read_escape(std::string_view rest, std::string& out) {
  if (rest.empty()) return std::nullopt;
  static constexpr std::string_view kLetters = "nrtabfv\\\"'/";
  static constexpr std::string_view kMeanings = "\n\r\t\a\b\f\v\\\"'/";
  const std::size_t known = kLetters.find(rest.front());
  if (known != std::string_view::npos) {
    out += kMeanings[known];
    return 1;
  }
  std::optional<std::size_t> used;
  if (rest.front() == 'u') {
    used = read_unicode(rest.substr(1), out);
  } else if (rest.front() == 'x') {
    const auto code = hex(rest.substr(1), 2);
    if (!code || *code == 0) return std::nullopt;
    append_utf8(out, *code);
    used = 2;
  } else if (rest.front() == 'U') {
    const auto code = hex(rest.substr(1), 8);
    if (!code || *code == 0 || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) {
      return std::nullopt;
    }
    append_utf8(out, *code);
    used = 8;
  }
  if (!used) return std::nullopt;
  return *used + 1;
}

StringLiteral read_escaped(std::string_view text, std::size_t at) {
  const char quote = text[at];
  StringLiteral out;
  std::size_t i = at + 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') {
    if (text[i] != '\\') {
      out.content += text[i++];
      continue;
    }
    const auto used = read_escape(text.substr(i + 1), out.content);
    if (!used && out.problem.empty()) {
      out.problem =
          "unknown escape in the string: expected \\\\ \\\" \\' \\n \\r \\t \\uXXXX \\xXX, "
          "or a verbatim string @\"...\"";
      out.problem_at = i;
    }
    i += 1 + used.value_or(std::min<std::size_t>(1, text.size() - i - 1));
  }
  if (i < text.size() && text[i] == quote) {
    out.end = i + 1;
    return out;
  }
  out.end = i;
  out.problem = fmt::format("the string has no closing {} on this line", quote);
  out.problem_at = at;
  return out;
}

StringLiteral read_verbatim(std::string_view text, std::size_t at) {
  const char quote = text[at];
  StringLiteral out;
  std::size_t i = at + 1;
  for (; i < text.size(); ++i) {
    if (text[i] == quote) {
      if (i + 1 >= text.size() || text[i + 1] != quote) {
        out.end = i + 1;
        return out;
      }
      ++i;
    }
    out.content += text[i];
  }
  out.end = text.size();
  out.problem = fmt::format("the verbatim string has no closing {}", quote);
  out.problem_at = at;
  return out;
}

StringLiteral read_fenced(std::string_view text, std::size_t at) {
  const std::string_view fence = text.substr(at, 3);
  StringLiteral out;
  const std::size_t close = text.find(fence, at + 3);
  out.content = text.substr(at + 3, std::min(close, text.size()) - at - 3);
  out.end = close == std::string_view::npos ? text.size() : close + 3;
  if (close == std::string_view::npos) {
    out.problem = fmt::format("the string has no closing {}", fence);
    out.problem_at = at;
  }
  return out;
}

}  // namespace

std::optional<StringLiteral> read_string(std::string_view text, std::size_t at) {
  const auto peek = [text](std::size_t i) { return i < text.size() ? text[i] : '\0'; };
  const auto is_quote = [](char c) { return c == '"' || c == '\''; };
  std::size_t start = at;
  if (peek(start) == 'h' || peek(start) == 'H') ++start;
  if (is_quote(peek(start))) return read_escaped(text, start);
  if (peek(start) == '@' && is_quote(peek(start + 1))) return read_verbatim(text, start + 1);
  const std::string_view fence = text.substr(std::min(start, text.size()), 3);
  if (fence == "```" || fence == "~~~") return read_fenced(text, start);
  return std::nullopt;
}

}  // namespace kql::lex
