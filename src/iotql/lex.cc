#include "iotql/lex.h"

#include <charconv>
#include <cmath>
#include <system_error>

#include "base/result.h"
#include "base/text.h"

namespace iotql {

using base::json::Value;

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
// Names of twins hold what is not ASCII, too.
bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool continues_name(char c) {
  return starts_name(c) || is_digit(c);
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | (code >> 6U));
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | (code >> 12U));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | (code >> 18U));
    put(0x80U | ((code >> 12U) & 0x3FU));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

}  // namespace

bool Token::is_word(std::string_view word) const {
  return kind == TokenKind::Name && base::equal_ignore_case(text, word);
}

Lexed<void> Lexer::skip_blanks() {
  for (;;) {
    const std::string_view rest = text_.substr(at_);
    if (rest.empty()) return {};
    if (rest.front() == ' ' || (rest.front() >= '\t' && rest.front() <= '\r')) {
      ++at_;
    } else if (rest.starts_with("--")) {
      at_ += std::min(rest.find('\n'), rest.size());
    } else if (rest.starts_with("/*")) {
      const std::size_t end = rest.find("*/", 2);
      if (end == rest.npos) return fault("this comment has no end", at_, 2);
      at_ += end + 2;
    } else {
      return {};
    }
  }
}

Lexed<Token> Lexer::next() {
  TRY(skip_blanks());
  Token token;
  const std::size_t start = at_;
  token.span = {start, 0};
  if (at_ == text_.size()) return token;
  const char c = text_[at_];
  if (starts_name(c)) {
    while (at_ < text_.size() && continues_name(text_[at_]))
      ++at_;
    token.kind = TokenKind::Name;
    token.text = text_.substr(start, at_ - start);
  } else if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
    return number();
  } else if (c == '\'' || c == '"') {
    token.kind = TokenKind::Text;
    token.text = TRY(text(c));
  } else {
    token.kind = TokenKind::Symbol;
    const std::string_view two = text_.substr(at_, 2);
    if (two == "<=" || two == ">=" || two == "!=" || two == "<>" || two == "==") {
      at_ += 2;
      token.text = two == "<>" ? "!=" : two == "==" ? "=" : std::string(two);
    } else if (std::string_view(",.()[]*=<>+-/%").find(c) != std::string_view::npos) {
      ++at_;
      token.text = std::string(1, c);
    } else {
      return fault("this character is not part of the language", at_);
    }
  }
  token.span.length = at_ - start;
  return token;
}

Lexed<Token> Lexer::number() {
  Token token;
  token.kind = TokenKind::Number;
  const std::size_t start = at_;
  const char* const begin = text_.data() + start;
  const char* const end = text_.data() + text_.size();
  std::from_chars_result read{};
  if (text_.substr(start, 2) == "0x" || text_.substr(start, 2) == "0X") {
    std::int64_t whole = 0;
    read = std::from_chars(begin + 2, end, whole, 16);
    if (read.ec == std::errc() && begin[2] == '-') read.ec = std::errc::invalid_argument;
    token.number = Value(whole);
  } else {
    double real = 0;
    read = std::from_chars(begin, end, real);
    std::int64_t whole = 0;
    const auto as_whole = std::from_chars(begin, end, whole);
    const bool is_whole = as_whole.ec == std::errc() && as_whole.ptr == read.ptr;
    token.number = is_whole ? Value(whole) : Value(real);
  }
  if (read.ec == std::errc()) at_ = static_cast<std::size_t>(read.ptr - text_.data());
  while (at_ < text_.size() && continues_name(text_[at_]))
    ++at_;
  token.span = {start, std::max<std::size_t>(at_ - start, 1)};
  if (read.ec != std::errc() || read.ptr != text_.data() + at_)
    return fault("this is not a number", start, token.span.length);
  return token;
}

Lexed<std::string> Lexer::text(char quote) {
  const std::size_t start = at_++;
  std::string content;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == quote) {
      if (!base::is_utf8(content)) return fault("this text is not UTF-8", start, at_ - start);
      return content;
    }
    if (c != '\\') {
      content.push_back(c);
    } else {
      TRY(escape(content));
    }
  }
  return fault("this text has no end: a quotation mark is missing", start, text_.size() - start);
}

Lexed<std::uint32_t> Lexer::four_digits() {
  const std::string_view digits = text_.substr(at_, 4);
  if (digits.size() < 4 || !is_hex(digits[0]) || !is_hex(digits[1]) || !is_hex(digits[2]) ||
      !is_hex(digits[3]))
    return fault("\\u is followed by four hexadecimal digits", at_ - 2, 2);
  std::uint32_t code = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  at_ += 4;
  return code;
}

// Behind the backslash.
Lexed<void> Lexer::escape(std::string& out) {
  constexpr std::string_view kLetters = R"('"\/bfnrt)";
  constexpr std::string_view kMeanings = "'\"\\/\b\f\n\r\t";
  const std::size_t start = at_ - 1;
  const char c = at_ < text_.size() ? text_[at_++] : '\0';
  if (const auto letter = kLetters.find(c); c != '\0' && letter != kLetters.npos) {
    out.push_back(kMeanings[letter]);
    return {};
  }
  if (c != 'u') return fault("there is no such escape: write \\\\ for a backslash", start, 2);
  std::uint32_t code = TRY(four_digits());
  if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
    at_ += 2;
    const std::uint32_t low = TRY(four_digits());
    if (low < 0xDC00 || low > 0xDFFF) return fault("this is half a character", start, at_ - start);
    code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
  }
  if (code >= 0xD800 && code <= 0xDFFF) return fault("this is half a character", start, 6);
  append_utf8(out, code);
  return {};
}

Lexed<std::string> Lexer::bracketed_name() {
  const std::size_t start = at_ - 1;
  ++at_;
  std::string name;
  if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
    name = TRY(text(text_[at_]));
  } else {
    const std::size_t end = text_.find("]]", at_);
    if (end == text_.npos) return fault("this name has no end: ]] is missing", start, 2);
    name = text_.substr(at_, end - at_);
    at_ = end;
  }
  if (text_.substr(at_, 2) != "]]")
    return fault("this name has no end: ]] is missing", start, at_ - start);
  at_ += 2;
  if (name.empty()) return fault("a name is missing between [[ and ]]", start, at_ - start);
  return name;
}

}  // namespace iotql
