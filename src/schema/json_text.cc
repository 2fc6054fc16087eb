#include "schema/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/json.h"
#include "schema/decode.h"

namespace schema {

namespace {

constexpr std::size_t kKeptCapacity = 1U << 20;    // buffers for texts up to this size are kept
constexpr std::size_t kMaxParsedBytes = 1U << 30;  // simdjson itself ends at 4 GiB

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The code unit of a \uXXXX escape at the beginning, -1 when there is none.
int escaped_unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  int unit = 0;
  for (const char c : text.substr(2, 4)) {
    const int digit = hex_digit(c);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

bool is_high(int unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
bool is_low(int unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

// Reads a JSON text (RFC 8259) slowly: finds the first error in it, or makes a copy that simdjson
// can read.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { out_.reserve(text.size() + 16); }

  bool scan() {
    space();
    if (!value(0)) return false;
    space();
    return at_ == text_.size() || fail("the end of the text");
  }

  std::string take() { return std::move(out_); }

  JsonError error() const {
    const std::string_view before = text_.substr(0, at_);
    const std::size_t line_start =
        before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    std::string found =
        at_ < text_.size() ? base::json::quoted(text_.substr(at_, 1)) : "the end of the text";
    found.append(" at ");
    if (text_.find('\n') != std::string_view::npos) {
      const auto line = std::count(before.begin(), before.end(), '\n') + 1;
      found.append("line ").append(std::to_string(line)).append(", ");
    }
    found.append("column ").append(std::to_string(at_ - line_start + 1));
    return JsonError{at_, expected_, std::move(found)};
  }

 private:
  bool fail(const char* expected) {
    expected_ = expected;
    return false;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void copy(std::size_t count) {
    out_.append(text_.substr(at_, count));
    at_ += count;
  }
  void space() {
    while (at_ < text_.size() &&
           (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t'))
      ++at_;
  }

  bool value(std::size_t depth) {
    if (depth > kMaxJsonDepth) return fail("less deep nesting");
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return literal("true");
      case 'f':
        return literal("false");
      case 'n':
        return literal("null");
      default:
        return number();
    }
  }

  bool object(std::size_t depth) {
    copy(1);
    space();
    if (peek() == '}') return copy(1), true;
    while (true) {
      if (peek() != '"') return fail("a member's name in quotes");
      if (!string()) return false;
      space();
      if (peek() != ':') return fail("a colon");
      copy(1);
      space();
      if (!value(depth + 1)) return false;
      space();
      if (peek() == '}') return copy(1), true;
      if (peek() != ',') return fail("a comma or the end of the object");
      copy(1);
      space();
    }
  }

  bool array(std::size_t depth) {
    copy(1);
    space();
    if (peek() == ']') return copy(1), true;
    while (true) {
      if (!value(depth + 1)) return false;
      space();
      if (peek() == ']') return copy(1), true;
      if (peek() != ',') return fail("a comma or the end of the array");
      copy(1);
      space();
    }
  }

  bool string() {
    copy(1);
    while (at_ < text_.size()) {
      const char c = peek();
      if (c == '"') return copy(1), true;
      if (static_cast<unsigned char>(c) < 0x20)
        return fail("a character that may stand in a string; \\u00XX writes this one");
      if (c != '\\') {
        copy(1);
      } else if (!escape()) {
        return false;
      }
    }
    return fail("the closing quote of a string");
  }

  bool escape() {
    const std::string_view rest = text_.substr(at_);
    if (rest.size() > 1 && std::string_view("\"\\/bfnrt").find(rest[1]) != std::string_view::npos) {
      return copy(2), true;
    }
    const int unit = escaped_unit(rest);
    if (unit < 0) return fail("an escape such as \\n or \\u000A");
    if (is_high(unit) && is_low(escaped_unit(rest.substr(6)))) return copy(12), true;
    if (!is_high(unit) && !is_low(unit)) return copy(6), true;
    out_.append("\\ufffd");
    at_ += 6;
    return true;
  }

  bool literal(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return fail("true, false or null");
    copy(word.size());
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) return fail("a digit");
    while (is_digit(peek()))
      ++at_;
    return true;
  }

  bool number() {
    const std::size_t start = at_;
    if (peek() == '-') ++at_;
    if (!is_digit(peek())) return fail("a JSON value");
    if (peek() == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    bool whole = true;
    if (peek() == '.') {
      whole = false;
      ++at_;
      if (!digits()) return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      whole = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return false;
    }
    append_number(text_.substr(start, at_ - start), whole);
    return true;
  }

  void append_number(std::string_view token, bool whole) {
    std::int64_t exact = 0;
    if (whole &&
        std::from_chars(token.data(), token.data() + token.size(), exact).ec == std::errc()) {
      out_.append(token);
    } else if (std::isinf(std::strtod(std::string(token).c_str(), nullptr))) {
      out_.append(token.starts_with('-') ? "-1.7976931348623157e308" : "1.7976931348623157e308");
    } else {
      out_.append(token).append(whole ? ".0" : "");
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  const char* expected_ = "";
};

JsonError error_of(simdjson::error_code code) {
  switch (code) {
    case simdjson::UTF8_ERROR:
      return {0, "UTF-8 text", "bytes that are not"};
    case simdjson::CAPACITY:
      return {0, "at most 1 GiB of text", "more"};
    case simdjson::DEPTH_ERROR:
      return {0, "less deep nesting", "more than " + std::to_string(kMaxJsonDepth) + " levels"};
    default:
      return {0, "a JSON text", simdjson::error_message(code)};
  }
}

}  // namespace

std::expected<simdjson::dom::element, JsonError> JsonText::parse(std::string_view text) {
  if (parser_.capacity() > kKeptCapacity) parser_ = simdjson::dom::parser(kMaxParsedBytes);
  if (text.size() > kMaxParsedBytes) return std::unexpected(error_of(simdjson::CAPACITY));
  simdjson::dom::element root;
  auto error = parser_.parse(text.data(), text.size()).get(root);
  if (!error) return root;
  if (error == simdjson::UTF8_ERROR) return std::unexpected(error_of(error));

  Scanner scanner(text);
  if (!scanner.scan()) return std::unexpected(scanner.error());
  error = parser_.parse(scanner.take()).get(root);
  if (error) return std::unexpected(error_of(error));
  return root;
}

}  // namespace schema
