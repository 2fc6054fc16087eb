#include "kql/lex/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "kql/lex/strings.h"

namespace kql::lex {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_name_start(char c) {
  return is_letter(c) || c == '_' || c == '$';
}
bool is_name_part(char c) {
  return is_name_start(c) || is_digit(c);
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

// Types whose name before a parenthesis starts a literal, not a call: datetime(2020-01-01).
bool starts_typed_literal(std::string_view name) {
  static constexpr std::array<std::string_view, 13> kNames{
      "datetime", "date",   "timespan", "time", "guid",    "long", "int",
      "real",     "double", "decimal",  "bool", "boolean", "int64"};
  for (const std::string_view known : kNames) {
    if (known == name) return true;
  }
  return false;
}

struct Punctuation {
  std::string_view text;
  TokenKind kind;
};

// Longest first where one begins another.
constexpr std::array kPunctuation{
    Punctuation{"..", TokenKind::DotDot},         Punctuation{"==", TokenKind::Equal},
    Punctuation{"=~", TokenKind::EqualNoCase},    Punctuation{"=>", TokenKind::Arrow},
    Punctuation{"!=", TokenKind::NotEqual},       Punctuation{"<>", TokenKind::NotEqual},
    Punctuation{"!~", TokenKind::NotEqualNoCase}, Punctuation{"<=", TokenKind::LessEqual},
    Punctuation{">=", TokenKind::GreaterEqual},   Punctuation{"|", TokenKind::Pipe},
    Punctuation{",", TokenKind::Comma},           Punctuation{";", TokenKind::Semicolon},
    Punctuation{":", TokenKind::Colon},           Punctuation{".", TokenKind::Dot},
    Punctuation{"=", TokenKind::Assign},          Punctuation{"<", TokenKind::Less},
    Punctuation{">", TokenKind::Greater},         Punctuation{"+", TokenKind::Plus},
    Punctuation{"-", TokenKind::Minus},           Punctuation{"*", TokenKind::Star},
    Punctuation{"/", TokenKind::Slash},           Punctuation{"%", TokenKind::Percent},
    Punctuation{"(", TokenKind::OpenParen},       Punctuation{")", TokenKind::CloseParen},
    Punctuation{"[", TokenKind::OpenBracket},     Punctuation{"]", TokenKind::CloseBracket},
    Punctuation{"{", TokenKind::OpenBrace},       Punctuation{"}", TokenKind::CloseBrace},
};

class Lexer {
 public:
  explicit Lexer(Diagnostics& diagnostics)
      : diagnostics_(diagnostics), text_(diagnostics.query()) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    tokens.reserve(text_.size() / 4 + 1);
    while (true) {
      skip_blank();
      begin_ = at_;
      if (at_ == text_.size()) break;
      tokens.push_back(next());
    }
    tokens.push_back(make(TokenKind::End));
    return tokens;
  }

 private:
  char at(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  Span span() const {
    return {static_cast<std::uint32_t>(begin_), static_cast<std::uint32_t>(at_)};
  }
  Token make(TokenKind kind) const {
    Token token;
    token.kind = kind;
    token.span = span();
    return token;
  }
  Token invalid(std::string message) {
    diagnostics_.error(span(), std::move(message));
    return make(TokenKind::Invalid);
  }

  void skip_blank() {
    while (at_ < text_.size()) {
      if (is_space(text_[at_])) {
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  Token next() {
    if (const auto literal = read_string(text_, at_)) return string(*literal);
    const char c = at();
    if (is_digit(c) || (c == '.' && is_digit(at(1)))) return number();
    if (is_name_start(c)) return name();
    if (c == '!' && is_letter(at(1))) return negated();
    if (c == '|' && at(1) == '|') {
      at_ += 2;
      return invalid("'||' is no operator; 'or' joins conditions");
    }
    for (const Punctuation& mark : kPunctuation) {
      if (text_.substr(at_, mark.text.size()) == mark.text) {
        at_ += mark.text.size();
        return make(mark.kind);
      }
    }
    ++at_;
    while ((static_cast<unsigned char>(at()) & 0xC0) == 0x80)
      ++at_;
    std::string message =
        fmt::format("unexpected character '{}'", text_.substr(begin_, at_ - begin_));
    if (c == '&') message += "; 'and' joins conditions";
    if (c == '!') message += "; not(...) turns a condition round";
    if (c == '&' && at() == '&') ++at_;
    return invalid(std::move(message));
  }

  Token string(const StringLiteral& literal) {
    at_ = literal.end;
    if (!literal.problem.empty()) {
      diagnostics_.error(
          {static_cast<std::uint32_t>(literal.problem_at), static_cast<std::uint32_t>(literal.end)},
          literal.problem);
    }
    Token token = make(TokenKind::String);
    token.text = literal.content;
    return token;
  }

  void skip_name() {
    while (is_name_part(at()))
      ++at_;
  }

  Token name() {
    skip_name();
    const std::string_view word = text_.substr(begin_, at_ - begin_);
    if ((word == "in" || word == "has_any" || word == "has_all") && at() == '~') ++at_;
    if (starts_typed_literal(word)) {
      if (const auto literal = typed_literal(word)) return *literal;
    }
    Token token = make(TokenKind::Name);
    token.text = text_.substr(begin_, at_ - begin_);
    return token;
  }

  Token negated() {
    ++at_;
    skip_name();
    if (text_.substr(begin_, at_ - begin_) == "!in" && at() == '~') ++at_;
    Token token = make(TokenKind::Name);
    token.text = text_.substr(begin_, at_ - begin_);
    return token;
  }

  // datetime(...) up to its parenthesis; the inside may be a quoted string.
  std::optional<Token> typed_literal(std::string_view word) {
    std::size_t open = at_;
    while (open < text_.size() && is_space(text_[open]))
      ++open;
    if (open == text_.size() || text_[open] != '(') return std::nullopt;
    std::size_t close = open + 1;
    while (close < text_.size() && text_[close] != ')') {
      const auto quoted = read_string(text_, close);
      close = quoted ? quoted->end : close + 1;
    }
    if (close >= text_.size()) return std::nullopt;
    at_ = close + 1;
    Token token = make(TokenKind::TypedLiteral);
    token.text = word;
    token.raw = {static_cast<std::uint32_t>(open + 1), static_cast<std::uint32_t>(close)};
    return token;
  }

  Token number() {
    if (at() == '0' && (at(1) == 'x' || at(1) == 'X')) return hexadecimal();
    while (is_digit(at()))
      ++at_;
    bool whole = true;
    // "1..5" is a range, "1.5" a number.
    if (at() == '.' && at(1) != '.' && !is_name_start(at(1))) {
      whole = false;
      ++at_;
      while (is_digit(at()))
        ++at_;
    }
    const std::size_t exponent = at_ + ((at(1) == '+' || at(1) == '-') ? 2 : 1);
    if ((at() == 'e' || at() == 'E') && exponent < text_.size() && is_digit(text_[exponent])) {
      whole = false;
      at_ = exponent;
      while (is_digit(at()))
        ++at_;
    }
    const std::size_t digits_end = at_;
    skip_name();
    if (at_ != digits_end) return quantity(digits_end);
    return whole ? whole_number() : real_number();
  }

  Token hexadecimal() {
    at_ += 2;
    skip_name();
    Token token = make(TokenKind::Long);
    std::uint64_t value = 0;
    const char* end = text_.data() + at_;
    const auto [stop, error] = std::from_chars(text_.data() + begin_ + 2, end, value, 16);
    if (error != std::errc() || stop != end) {
      return invalid("a hexadecimal number has up to 16 of the digits 0-9 and a-f");
    }
    token.integer = static_cast<std::int64_t>(value);
    return token;
  }

  Token whole_number() {
    Token token = make(TokenKind::Long);
    const auto [stop, error] =
        std::from_chars(text_.data() + begin_, text_.data() + at_, token.integer);
    if (error != std::errc()) {
      return invalid("the number does not fit a long (at most 9223372036854775807)");
    }
    return token;
  }

  Token real_number() {
    Token token = make(TokenKind::Real);
    const auto [stop, error] =
        std::from_chars(text_.data() + begin_, text_.data() + at_, token.real);
    if (error != std::errc()) return invalid("the number does not fit a real");
    return token;
  }

  // A number and a unit of time.
  Token quantity(std::size_t digits_end) {
    const std::string_view unit = text_.substr(digits_end, at_ - digits_end);
    const auto ticks = parse_timespan(text_.substr(begin_, at_ - begin_));
    if (!timespan_unit(unit)) {
      return invalid(
          fmt::format("'{}' is no unit of time: expected d, h, m, s, ms, microsecond or "
                      "tick (a name cannot start with a digit)",
                      unit));
    }
    if (!ticks) return invalid("the timespan is too long");
    Token token = make(TokenKind::TimeSpan);
    token.integer = *ticks;
    return token;
  }

  Diagnostics& diagnostics_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
};

}  // namespace

std::vector<Token> tokenize(Diagnostics& diagnostics) {
  return Lexer(diagnostics).run();
}

std::string_view describe(TokenKind kind) {
  switch (kind) {
    case TokenKind::End:
      return "the end of the query";
    case TokenKind::Name:
      return "a name";
    case TokenKind::String:
      return "a string";
    case TokenKind::Long:
    case TokenKind::Real:
      return "a number";
    case TokenKind::TimeSpan:
      return "a timespan";
    case TokenKind::TypedLiteral:
      return "a literal";
    case TokenKind::Invalid:
      return "an invalid character";
    default:
      break;
  }
  static constexpr std::array kQuoted{
      std::pair{TokenKind::Pipe, "'|'"},
      std::pair{TokenKind::Comma, "','"},
      std::pair{TokenKind::Semicolon, "';'"},
      std::pair{TokenKind::Colon, "':'"},
      std::pair{TokenKind::Dot, "'.'"},
      std::pair{TokenKind::DotDot, "'..'"},
      std::pair{TokenKind::Assign, "'='"},
      std::pair{TokenKind::Equal, "'=='"},
      std::pair{TokenKind::NotEqual, "'!='"},
      std::pair{TokenKind::EqualNoCase, "'=~'"},
      std::pair{TokenKind::NotEqualNoCase, "'!~'"},
      std::pair{TokenKind::Less, "'<'"},
      std::pair{TokenKind::Greater, "'>'"},
      std::pair{TokenKind::LessEqual, "'<='"},
      std::pair{TokenKind::GreaterEqual, "'>='"},
      std::pair{TokenKind::Plus, "'+'"},
      std::pair{TokenKind::Minus, "'-'"},
      std::pair{TokenKind::Star, "'*'"},
      std::pair{TokenKind::Slash, "'/'"},
      std::pair{TokenKind::Percent, "'%'"},
      std::pair{TokenKind::Arrow, "'=>'"},
      std::pair{TokenKind::OpenParen, "'('"},
      std::pair{TokenKind::CloseParen, "')'"},
      std::pair{TokenKind::OpenBracket, "'['"},
      std::pair{TokenKind::CloseBracket, "']'"},
      std::pair{TokenKind::OpenBrace, "'{'"},
      std::pair{TokenKind::CloseBrace, "'}'"},
  };
  for (const auto& [known, text] : kQuoted) {
    if (known == kind) return text;
  }
  return "something";
}

}  // namespace kql::lex
