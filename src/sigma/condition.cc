#include "sigma/condition.h"

#include <vector>

#include "base/text.h"

namespace sigma {
namespace {

constexpr int kMaxDepth = 64;
// Of a whole condition, patterns resolved.
constexpr std::size_t kMaxOperands = 10'000;

using Parsed = std::expected<Condition, ConditionError>;

bool word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '*' || c == '-' || c == '.' || c == '?';
}

// A star stands for any characters. One point of return: linear for each star.
bool matches_name(std::string_view pattern, std::string_view name) {
  std::size_t at = 0;
  std::size_t i = 0;
  std::size_t after_star = std::string_view::npos;
  std::size_t retry = 0;
  while (i < name.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      after_star = ++at;
      retry = i;
    } else if (at < pattern.size() && pattern[at] == name[i]) {
      ++at;
      ++i;
    } else if (after_star != std::string_view::npos) {
      at = after_star;
      i = ++retry;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*')
    ++at;
  return at == pattern.size();
}

class Parser {
 public:
  Parser(std::string_view text, std::span<const Selection> selections)
      : text_(text), selections_(selections) {}

  Parsed run() {
    auto condition = disjunction(0);
    if (!condition) return condition;
    if (!word().empty() || at_ < text_.size()) return error("expected 'and', 'or' or the end");
    return condition;
  }

 private:
  std::unexpected<ConditionError> error(std::string message) const {
    std::string found =
        at_ < text_.size() ? "'" + std::string(text_.substr(at_, 20)) + "'" : "the end";
    return std::unexpected(ConditionError{at_, std::move(message) + ", found " + found});
  }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  // The next word, not taken.
  std::string_view word() {
    skip_space();
    std::size_t end = at_;
    while (end < text_.size() && word_character(text_[end]))
      ++end;
    return text_.substr(at_, end - at_);
  }

  bool take(std::string_view expected) {
    if (!base::equal_ignore_case(word(), expected)) return false;
    at_ += expected.size();
    return true;
  }

  bool take_bracket(char bracket) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != bracket) return false;
    ++at_;
    return true;
  }

  Parsed chain(int depth, Condition::Kind kind, std::string_view operator_word,
               Parsed (Parser::*operand)(int)) {
    auto first = (this->*operand)(depth);
    if (!first) return first;
    Condition all{.kind = kind};
    all.operands.push_back(std::move(*first));
    while (take(operator_word)) {
      auto next = (this->*operand)(depth);
      if (!next) return next;
      all.operands.push_back(std::move(*next));
    }
    if (all.operands.size() == 1) {
      Condition only = std::move(all.operands.front());
      return only;
    }
    return all;
  }

  Parsed disjunction(int depth) {
    return chain(depth, Condition::Kind::Or, "or", &Parser::conjunction);
  }
  Parsed conjunction(int depth) {
    return chain(depth, Condition::Kind::And, "and", &Parser::negation);
  }

  Parsed negation(int depth) {
    if (depth > kMaxDepth) return error("expected at most 64 levels of nesting");
    if (!take("not")) return primary(depth);
    auto operand = negation(depth + 1);
    if (!operand) return operand;
    Condition condition{.kind = Condition::Kind::Not};
    condition.operands.push_back(std::move(*operand));
    return condition;
  }

  Parsed primary(int depth) {
    if (take_bracket('(')) {
      auto inner = disjunction(depth + 1);
      if (!inner) return inner;
      if (!take_bracket(')')) return error("expected ')'");
      return inner;
    }
    const std::string_view name = word();
    if (name.empty()) return error("expected a selection, 'not', '1 of', 'all of' or '('");
    const std::size_t begin = at_;
    at_ += name.size();
    if (base::equal_ignore_case(word(), "of")) {
      at_ += 2;
      return quantified(begin, name);
    }
    if (++operands_ > kMaxOperands)
      return error("expected at most 10000 selections in a condition");
    for (std::size_t index = 0; index < selections_.size(); ++index) {
      if (selections_[index].name == name)
        return Condition{.kind = Condition::Kind::Selection, .selection = index};
    }
    at_ = begin;
    return unknown(name);
  }

  Parsed quantified(std::size_t begin, std::string_view how_many) {
    const std::string_view pattern = word();
    const std::size_t pattern_at = at_;
    Condition condition{.kind = Condition::Kind::AtLeast};
    for (std::size_t index = 0; index < selections_.size(); ++index) {
      const std::string& name = selections_[index].name;
      // A name that begins with _ is meant to be used by name only.
      const bool wanted = base::equal_ignore_case(pattern, "them") ? !name.starts_with('_')
                                                                   : matches_name(pattern, name);
      if (!wanted) continue;
      if (++operands_ > kMaxOperands)
        return error("expected at most 10000 selections in a condition");
      condition.operands.push_back({.kind = Condition::Kind::Selection, .selection = index});
    }
    if (condition.operands.empty()) {
      at_ = pattern_at;
      return pattern.empty() ? Parsed(error("expected 'them' or a pattern of selections"))
                             : unknown(pattern);
    }
    at_ += pattern.size();
    if (base::equal_ignore_case(how_many, "all")) {
      condition.count = condition.operands.size();
    } else if (base::equal_ignore_case(how_many, "any")) {
      condition.count = 1;
    } else {
      const auto count = base::parse_int(how_many);
      if (!count || *count < 1) {
        at_ = begin;
        return error("expected a number, 'any' or 'all' before 'of'");
      }
      condition.count = static_cast<std::size_t>(*count);
    }
    return condition;
  }

  Parsed unknown(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const Selection& selection : selections_)
      names.push_back(selection.name);
    std::string message = "expected a selection of this rule";
    if (const auto near = base::nearest(name, names))
      message += " (did you mean '" + std::string(*near) + "'?)";
    return error(std::move(message));
  }

  std::string_view text_;
  std::span<const Selection> selections_;
  std::size_t at_ = 0;
  std::size_t operands_ = 0;
};

}  // namespace

std::expected<Condition, ConditionError> parse_condition(std::string_view text,
                                                         std::span<const Selection> selections) {
  return Parser(text, selections).run();
}

}  // namespace sigma
