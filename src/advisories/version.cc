#include "advisories/version.h"

#include <algorithm>
#include <array>

namespace advisories {
namespace {

using Order = std::weak_ordering;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view take_digits(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end]))
    ++end;
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

// Of any length: no overflow.
Order compare_numbers(std::string_view a, std::string_view b) {
  const auto significant = [](std::string_view digits) {
    return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
  };
  a = significant(a);
  b = significant(b);
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a <=> b;
}

struct Parts {
  std::string_view epoch;  // digits; empty: 0
  std::string_view version;
  std::string_view revision;
};

Parts split(std::string_view text) {
  Parts parts;
  std::string_view rest = text;
  const std::string_view epoch = take_digits(rest);
  if (rest.starts_with(':') && !epoch.empty()) {
    parts.epoch = epoch;
    text = rest.substr(1);
  }
  const std::size_t hyphen = text.rfind('-');
  parts.version = text.substr(0, hyphen);
  if (hyphen != std::string_view::npos) parts.revision = text.substr(hyphen + 1);
  return parts;
}

template <class Compare>
Order compare_parts(std::string_view a, std::string_view b, Compare compare) {
  const Parts left = split(a);
  const Parts right = split(b);
  if (const auto epoch = compare_numbers(left.epoch, right.epoch); epoch != 0) return epoch;
  if (const auto version = compare(left.version, right.version); version != 0) return version;
  return compare(left.revision, right.revision);
}

// --- dpkg ---

// '~' before the end, the end and digits before letters, letters before all else.
int weight(std::string_view text) {
  if (text.empty() || is_digit(text.front())) return 0;
  const char c = text.front();
  if (c == '~') return -1;
  const int code = static_cast<unsigned char>(c);
  return is_letter(c) ? code : code + 256;
}

Order compare_dpkg(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    while ((!a.empty() && !is_digit(a.front())) || (!b.empty() && !is_digit(b.front()))) {
      const int left = weight(a);
      const int right = weight(b);
      if (left != right) return left <=> right;
      // Equal weights of which one is no digit's: both have a character.
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
    const std::string_view left = take_digits(a);
    const std::string_view right = take_digits(b);
    if (const auto order = compare_numbers(left, right); order != 0) return order;
  }
  return Order::equivalent;
}

// --- tokens: rpm and apk ---

// A version as a row of tokens: the first that differ decide, by rank, then by text, as a number
// where it is one. The end is a token too, again and again.
struct Token {
  int rank = 0;
  bool numeric = false;
  bool end = false;
  std::string_view text = {};
};

Order compare_tokens(const Token& a, const Token& b) {
  if (a.rank != b.rank) return a.rank <=> b.rank;
  return a.numeric ? compare_numbers(a.text, b.text) : Order(a.text <=> b.text);
}

template <class Reader>
Order compare_rows(Reader a, Reader b) {
  while (true) {
    const Token left = a.next();
    const Token right = b.next();
    if (const auto order = compare_tokens(left, right); order != 0) return order;
    if (left.end) return Order::equivalent;  // and the other one, which has the same rank
  }
}

class RpmReader {
 public:
  explicit RpmReader(std::string_view text) : text_(text) {}

  Token next() {
    enum Rank : std::uint8_t { Tilde, End, Caret, Letters, Number };
    while (!text_.empty() && !is_digit(text_.front()) && !is_letter(text_.front()) &&
           text_.front() != '~' && text_.front() != '^')
      text_.remove_prefix(1);
    if (text_.empty()) return {.rank = End, .end = true};
    const char first = text_.front();
    if (first == '~' || first == '^') {
      text_.remove_prefix(1);
      return {.rank = first == '~' ? Tilde : Caret};
    }
    if (is_digit(first)) return {.rank = Number, .numeric = true, .text = take_digits(text_)};
    std::size_t end = 0;
    while (end < text_.size() && is_letter(text_[end]))
      ++end;
    const std::string_view letters = text_.substr(0, end);
    text_.remove_prefix(end);
    return {.rank = Letters, .text = letters};
  }

 private:
  std::string_view text_;
};

Order compare_rpm(std::string_view a, std::string_view b) {
  return compare_rows(RpmReader(a), RpmReader(b));
}

struct Suffix {
  std::string_view name;
  int rank;
};

// What a package may be before or after the version it is named after.
constexpr int kEnd = 10;
constexpr std::array<Suffix, 9> kSuffixes{{{"alpha", 0},
                                           {"beta", 1},
                                           {"pre", 2},
                                           {"rc", 3},
                                           {"cvs", 20},
                                           {"svn", 21},
                                           {"git", 22},
                                           {"hg", 23},
                                           {"p", 24}}};

class ApkReader {
 public:
  explicit ApkReader(std::string_view text) : text_(text) {}

  Token next() {
    if (text_.empty()) return {.rank = kEnd, .end = true};
    switch (after_) {
      case After::Start:
        after_ = After::Number;
        return {.rank = kNumber, .numeric = true, .text = take_digits(text_)};
      case After::Letter:
      case After::Suffix:
        if (is_digit(text_.front())) {
          const bool suffix = after_ == After::Suffix;
          after_ = suffix ? After::Other : After::Number;
          return {.rank = suffix ? kSuffixNumber : kNumber,
                  .numeric = true,
                  .text = take_digits(text_)};
        }
        break;
      case After::Number:
        if (text_.front() >= 'a' && text_.front() <= 'z') {
          after_ = After::Letter;
          return {.rank = kLetter, .text = take(1)};
        }
        break;
      case After::Other:
        break;
    }
    return separated();
  }

 private:
  enum class After : std::uint8_t { Start, Number, Letter, Suffix, Other };
  static constexpr int kUnreadable = 11;
  static constexpr int kRevision = 12;
  static constexpr int kHash = 13;
  static constexpr int kSuffixNumber = 14;
  static constexpr int kLetter = 30;
  static constexpr int kFraction = 31;
  static constexpr int kNumber = 32;

  std::string_view take(std::size_t count) {
    const std::string_view taken = text_.substr(0, count);
    text_.remove_prefix(taken.size());
    return taken;
  }

  Token unreadable() { return {.rank = kUnreadable, .text = take(text_.size())}; }

  Token separated() {
    const std::string_view rest = text_.substr(1);
    if (text_.front() == '.' && after_ != After::Other && after_ != After::Suffix &&
        !rest.empty() && is_digit(rest.front())) {
      text_ = rest;
      return number();
    }
    if (text_.front() == '_') return suffix();
    if (text_.front() == '~' && !rest.empty()) {
      text_ = rest;
      after_ = After::Other;
      return {.rank = kHash, .text = take(rest.find_first_not_of("0123456789abcdef"))};
    }
    if (rest.starts_with('r')) {
      if (text_.front() != '-') return unreadable();
      text_.remove_prefix(2);
      after_ = After::Other;
      return {.rank = kRevision, .numeric = true, .text = take_digits(text_)};
    }
    return unreadable();
  }

  // After a point: with a zero in front it counts as it does behind a decimal point.
  Token number() {
    after_ = After::Number;
    const bool fraction = text_.front() == '0';
    return {
        .rank = fraction ? kFraction : kNumber, .numeric = !fraction, .text = take_digits(text_)};
  }

  Token suffix() {
    const std::string_view rest = text_.substr(1);
    std::size_t end = 0;
    while (end < rest.size() && is_letter(rest[end]))
      ++end;
    const auto known = std::ranges::find(kSuffixes, rest.substr(0, end), &Suffix::name);
    if (known == kSuffixes.end()) return unreadable();
    text_ = rest.substr(end);
    after_ = After::Suffix;
    return {.rank = known->rank};
  }

  std::string_view text_;
  After after_ = After::Start;
};

}  // namespace

std::weak_ordering compare(Ordering ordering, std::string_view a, std::string_view b) {
  switch (ordering) {
    case Ordering::Dpkg:
      return compare_parts(a, b, compare_dpkg);
    case Ordering::Rpm:
      return compare_parts(a, b, compare_rpm);
    case Ordering::Apk:
      break;
  }
  return compare_rows(ApkReader(a), ApkReader(b));
}

bool is_version(std::string_view text) {
  if (text.empty() || text.size() > kMaxVersion) return false;
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F || std::string_view("<>=;*\"\\").find(c) != std::string_view::npos)
      return false;
  }
  return true;
}

}  // namespace advisories
