#include <array>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "kql/parse/parse.h"
#include "kql/parse/parser.h"

namespace kql::parse {
namespace {

struct TextOperator {
  std::string_view name;
  ast::TextOp op;
  bool case_sensitive;
};

constexpr std::array kTextOperators{
    TextOperator{"has", ast::TextOp::Has, false},
    TextOperator{"has_cs", ast::TextOp::Has, true},
    TextOperator{"hasprefix", ast::TextOp::HasPrefix, false},
    TextOperator{"hasprefix_cs", ast::TextOp::HasPrefix, true},
    TextOperator{"hassuffix", ast::TextOp::HasSuffix, false},
    TextOperator{"hassuffix_cs", ast::TextOp::HasSuffix, true},
    TextOperator{"contains", ast::TextOp::Contains, false},
    TextOperator{"contains_cs", ast::TextOp::Contains, true},
    TextOperator{"startswith", ast::TextOp::StartsWith, false},
    TextOperator{"startswith_cs", ast::TextOp::StartsWith, true},
    TextOperator{"endswith", ast::TextOp::EndsWith, false},
    TextOperator{"endswith_cs", ast::TextOp::EndsWith, true},
};

// Older spellings that the language still takes.
constexpr std::array kOldTextOperators{
    TextOperator{"notcontains", ast::TextOp::Contains, false},
    TextOperator{"notcontainscs", ast::TextOp::Contains, true},
    TextOperator{"nothas", ast::TextOp::Has, false},
};

struct SetOperator {
  std::string_view name;
  ast::SetOp op;
  bool case_sensitive;
};

constexpr std::array kSetOperators{
    SetOperator{"in", ast::SetOp::In, true},
    SetOperator{"in~", ast::SetOp::In, false},
    SetOperator{"has_any", ast::SetOp::HasAny, false},
    SetOperator{"has_all", ast::SetOp::HasAll, false},
};

constexpr std::array<std::string_view, 3> kOtherWords{"between", "matches", "and"};

std::optional<ast::CompareOp> compare_op(TokenKind kind) {
  switch (kind) {
    case TokenKind::Equal:
      return ast::CompareOp::Equal;
    case TokenKind::NotEqual:
      return ast::CompareOp::NotEqual;
    case TokenKind::Less:
      return ast::CompareOp::Less;
    case TokenKind::LessEqual:
      return ast::CompareOp::LessEqual;
    case TokenKind::Greater:
      return ast::CompareOp::Greater;
    case TokenKind::GreaterEqual:
      return ast::CompareOp::GreaterEqual;
    default:
      return std::nullopt;
  }
}

}  // namespace

const std::vector<std::string>& comparison_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> out{"==", "!=", "=~", "!~", "<", "<=", ">", ">="};
    for (const TextOperator& known : kTextOperators) {
      out.emplace_back(known.name);
      out.emplace_back("!" + std::string(known.name));
    }
    for (const SetOperator& known : kSetOperators) {
      out.emplace_back(known.name);
      out.emplace_back("!" + std::string(known.name));
    }
    out.insert(out.end(), {"between", "!between", "matches regex"});
    return out;
  }();
  return words;
}

// The operator that a word was meant to be.
std::optional<std::string_view> nearest_comparison(std::string_view word) {
  static const std::vector<std::string_view> words = [] {
    std::vector<std::string_view> out(kOtherWords.begin(), kOtherWords.end());
    for (const TextOperator& each : kTextOperators)
      out.push_back(each.name);
    for (const SetOperator& each : kSetOperators)
      out.push_back(each.name);
    return out;
  }();
  return base::nearest(word, words);
}

const ast::Expr* Parser::expression() {
  const Depth depth(*this);
  if (too_deep()) return missing();
  return logic(false);
}

// a and b or c: 'and' binds more tightly.
const ast::Expr* Parser::logic(bool all) {
  const auto operand = [this, all] { return all ? comparison() : logic(true); };
  const ast::Expr* first = operand();
  const std::string_view word = all ? "and" : "or";
  if (!at_name(word)) return first;
  ast::Logic form{all, {first}};
  while (accept_name(word))
    form.operands.push_back(operand());
  return make(from(first->span.begin), std::move(form));
}

const ast::Expr* Parser::comparison() {
  const ast::Expr* left = additive();
  for (int chain = 0; chain < kMaxChain; ++chain) {
    const Span op_span = peek().span;
    if (const auto op = compare_op(peek().kind)) {
      take();
      const ast::Expr* right = additive();
      left = make(from(left->span.begin), ast::Compare{*op, op_span, left, right});
      continue;
    }
    if (at(TokenKind::EqualNoCase) || at(TokenKind::NotEqualNoCase)) {
      const bool negated = take().kind == TokenKind::NotEqualNoCase;
      const ast::Expr* right = additive();
      left = make(from(left->span.begin),
                  ast::TextMatch{ast::TextOp::EqualNoCase, false, negated, op_span, left, right});
      continue;
    }
    const auto matched = word_comparison(left);
    if (!matched) return left;
    left = *matched;
  }
  diagnostics_.error(peek().span, fmt::format("more than {} comparisons in a row", kMaxChain));
  return left;
}

// contains, !has, in~, between, matches regex...; nullopt when no such word follows.
std::optional<const ast::Expr*> Parser::word_comparison(const ast::Expr* left) {
  want(&Wanted::comparisons);
  if (!at(TokenKind::Name)) return std::nullopt;
  std::string_view word = peek().text;
  const bool negated = word.front() == '!';
  if (negated) word.remove_prefix(1);
  const Span op_span = peek().span;
  const auto text_match = [&](const TextOperator& known, bool inverted) {
    take();
    const ast::Expr* right = additive();
    return make(from(left->span.begin),
                ast::TextMatch{known.op, known.case_sensitive, inverted, op_span, left, right});
  };
  for (const TextOperator& known : kTextOperators) {
    if (known.name == word) return text_match(known, negated);
  }
  for (const TextOperator& known : kOldTextOperators) {
    if (known.name == word && !negated) return text_match(known, true);
  }
  for (const SetOperator& known : kSetOperators) {
    if (known.name != word) continue;
    take();
    return set_match(left, {known.op, known.case_sensitive, negated, op_span, left, {}});
  }
  if (word == "between") {
    take();
    return between(left, negated);
  }
  if (word == "matches" && !negated && peek(1).kind == TokenKind::Name && peek(1).text == "regex") {
    take();
    take();
    const ast::Expr* right = additive();
    return make(from(left->span.begin),
                ast::TextMatch{ast::TextOp::MatchesRegex, true, false, op_span, left, right});
  }
  if (negated) {
    std::string message = fmt::format("'{}' is no operator", peek().text);
    if (const auto nearest = nearest_comparison(word)) {
      message += fmt::format("; did you mean '!{}'?", *nearest);
    } else {
      message += "; not(...) turns a condition round";
    }
    diagnostics_.error(op_span, message);
    take();
    return missing();
  }
  return std::nullopt;
}

// in (a, b), in (T | project x), in (dynamic([...])); has_any also takes a bare value.
const ast::Expr* Parser::set_match(const ast::Expr* left, ast::SetMatch form) {
  if (!at(TokenKind::OpenParen)) {
    form.items.push_back(additive());
    return make(from(left->span.begin), std::move(form));
  }
  take();
  while (!at(TokenKind::CloseParen) && !at(TokenKind::End)) {
    const std::size_t before = at_;
    form.items.push_back(pipeline());
    if (!accept(TokenKind::Comma) || at_ == before) break;
  }
  if (const ast::Expr* value = wanted_value(true)) form.items.push_back(value);
  if (!expect(TokenKind::CloseParen, "or ',' in the list of values")) {
    recover();
    accept(TokenKind::CloseParen);
  }
  return make(from(left->span.begin), form);
}

const ast::Expr* Parser::between(const ast::Expr* left, bool negated) {
  const Span op_span{last_end_, last_end_};
  ast::Between form{negated, op_span, left, nullptr, nullptr};
  if (!expect(TokenKind::OpenParen, "after 'between' (x between (low .. high))")) return missing();
  form.low = additive();
  if (!expect(TokenKind::DotDot, "between the bounds")) {
    recover();
    accept(TokenKind::CloseParen);
    return missing();
  }
  form.high = additive();
  expect(TokenKind::CloseParen, "after the bounds");
  return make(from(left->span.begin), form);
}

const ast::Expr* Parser::additive() {
  const ast::Expr* left = multiplicative();
  for (int chain = 0; at(TokenKind::Plus) || at(TokenKind::Minus); ++chain) {
    if (chain == kMaxChain) {
      diagnostics_.error(peek().span, fmt::format("more than {} terms in one sum", kMaxChain));
      while (!at(TokenKind::End))
        take();
      return missing();
    }
    const Token op = take();
    const ast::Expr* right = multiplicative();
    const auto form = op.kind == TokenKind::Plus ? ast::BinaryOp::Add : ast::BinaryOp::Subtract;
    left = make(from(left->span.begin), ast::Binary{form, op.span, left, right});
  }
  return left;
}

const ast::Expr* Parser::multiplicative() {
  const ast::Expr* left = unary();
  const auto op_of = [](TokenKind kind) -> std::optional<ast::BinaryOp> {
    if (kind == TokenKind::Star) return ast::BinaryOp::Multiply;
    if (kind == TokenKind::Slash) return ast::BinaryOp::Divide;
    if (kind == TokenKind::Percent) return ast::BinaryOp::Modulo;
    return std::nullopt;
  };
  for (int chain = 0;; ++chain) {
    const auto op = op_of(peek().kind);
    if (!op) return left;
    if (chain == kMaxChain) {
      diagnostics_.error(peek().span, fmt::format("more than {} factors in a row", kMaxChain));
      while (!at(TokenKind::End))
        take();
      return missing();
    }
    const Span op_span = take().span;
    const ast::Expr* right = unary();
    left = make(from(left->span.begin), ast::Binary{*op, op_span, left, right});
  }
}

const ast::Expr* Parser::unary() {
  const Depth depth(*this);
  if (too_deep()) return missing();
  const std::uint32_t begin = peek().span.begin;
  if (accept(TokenKind::Minus)) {
    const ast::Expr* operand = unary();
    return make(from(begin), ast::Negate{operand});
  }
  if (accept(TokenKind::Plus)) return unary();
  return postfix();
}

const ast::Expr* Parser::postfix() {
  const ast::Expr* base = primary();
  for (int chain = 0; chain < kMaxChain; ++chain) {
    // a.["b"] is a["b"].
    if (at(TokenKind::Dot) && peek(1).kind == TokenKind::OpenBracket) take();
    if (accept(TokenKind::Dot)) {
      const auto member = name("a property's name after '.'");
      if (!member) return missing();
      base = make(from(base->span.begin), ast::Member{base, *member});
    } else if (at(TokenKind::OpenBracket)) {
      take();
      const ast::Expr* index = expression();
      expect(TokenKind::CloseBracket, "after the index");
      base = make(from(base->span.begin), ast::Index{base, index});
    } else {
      return base;
    }
  }
  diagnostics_.error(peek().span, fmt::format("a path of more than {} steps", kMaxChain));
  return base;
}

}  // namespace kql::parse
