#include "dissect/described/syntax.h"

namespace dissect::described {

namespace {

constexpr std::size_t kMostDepth = 64;

class Syntax {
 public:
  explicit Syntax(std::string_view text) : text_(text) {}

  std::size_t until() {
    if (value()) blanks();
    return at_;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_]))
      ++at_;
  }
  bool one(char c) {
    blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view wanted) {
    if (!text_.substr(at_).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }
  bool string() {
    if (!one('"')) return false;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return false;
      if (text_[at_] != '\\') continue;
      if (at_ + 1 == text_.size() || !std::string_view("\"\\/bfnrtu").contains(text_[at_ + 1]))
        return false;
      ++at_;
    }
    return false;
  }
  bool digits() {
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9')
      ++at_;
    return at_ > begin;
  }
  bool number() {
    if (peek() == '-') ++at_;
    if (!digits()) return false;
    if (peek() == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (peek() != 'e' && peek() != 'E') return true;
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    return digits();
  }
  bool value() {
    blanks();
    switch (peek()) {
      case '{':
        return inside('}');
      case '[':
        return inside(']');
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }
  bool inside(char end) {
    if (++depth_ > kMostDepth) return false;
    ++at_;
    blanks();
    if (!one(end)) {
      do {
        if (end == '}' && (!string() || !one(':'))) return false;
        if (!value()) return false;
      } while (one(','));
      if (!one(end)) return false;
    }
    --depth_;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

std::size_t json_until(std::string_view text) {
  return Syntax(text).until();
}

}  // namespace dissect::described
