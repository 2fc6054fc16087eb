#include "kql/parse/parser.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "kql/lex/lexer.h"
#include "kql/parse/parse.h"

namespace kql::parse {

ast::Tree parse(Diagnostics& diagnostics, Wanted* wanted) {
  ast::Tree tree;
  Parser(lex::tokenize(diagnostics), diagnostics, tree, wanted).run();
  return tree;
}

Parser::Parser(std::vector<Token> tokens, Diagnostics& diagnostics, ast::Tree& tree, Wanted* wanted)
    : tokens_(std::move(tokens)), diagnostics_(diagnostics), tree_(tree), wanted_(wanted) {}

void Parser::run() {
  tree_.query = tree_.queries.make(query(TokenKind::End));
}

const Token& Parser::peek(std::size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

bool Parser::at_name(std::string_view text) const {
  if (wanted_ != nullptr && !wanted_->settled && at(TokenKind::End)) wanted_->words.emplace(text);
  return at(TokenKind::Name) && peek().text == text;
}

Token Parser::take() {
  Token token = peek();
  last_end_ = token.span.end;
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::accept(TokenKind kind) {
  if (!at(kind)) return false;
  take();
  return true;
}

bool Parser::accept_name(std::string_view text) {
  if (!at_name(text)) return false;
  take();
  return true;
}

bool Parser::expect(TokenKind kind, std::string_view why) {
  if (accept(kind)) return true;
  expected(why.empty() ? std::string(describe(kind)) : fmt::format("{} {}", describe(kind), why));
  return false;
}

void Parser::expected(std::string_view what) {
  settle();
  const Token& token = peek();
  if (token.kind == TokenKind::Invalid) return;
  std::string found(describe(token.kind));
  if (token.kind == TokenKind::Name) found = fmt::format("'{}'", token.text);
  diagnostics_.error(token.span, fmt::format("expected {}, found {}", what, found));
}

bool Parser::adjacent(std::size_t ahead) const {
  return ahead > 0 && peek(ahead - 1).span.end == peek(ahead).span.begin;
}

void Parser::recover() {
  int nesting = 0;
  for (; !at(TokenKind::End); take()) {
    switch (peek().kind) {
      case TokenKind::OpenParen:
      case TokenKind::OpenBracket:
      case TokenKind::OpenBrace:
        ++nesting;
        break;
      case TokenKind::CloseParen:
      case TokenKind::CloseBracket:
      case TokenKind::CloseBrace:
        if (nesting == 0) return;
        --nesting;
        break;
      case TokenKind::Pipe:
        if (nesting == 0) return;
        break;
      // Never within brackets: a statement's end there means that a bracket was forgotten.
      case TokenKind::Semicolon:
        return;
      default:
        break;
    }
  }
}

bool Parser::too_deep() {
  if (depth_ < kMaxDepth) return false;
  diagnostics_.error(peek().span, fmt::format("nested more than {} levels deep", kMaxDepth));
  while (!at(TokenKind::End))
    take();
  return true;
}

// What a statement can begin with, where the text ends before one.
void Parser::begin_statement() const {
  if (wanted_ == nullptr || wanted_->settled || !at(TokenKind::End)) return;
  if (last_end_ != 0 && tokens_[at_ - 1].kind != TokenKind::Semicolon &&
      tokens_[at_ - 1].kind != TokenKind::OpenBrace) {
    return;
  }
  want(&Wanted::statement);
  want(&Wanted::table);
  want(&Wanted::expression);
  for (const char* word : {"let", "print", "range", "datatable", "union", "search", "declare"})
    wanted_->words.emplace(word);
  settle();
}

ast::Query Parser::query(TokenKind end) {
  ast::Query out;
  begin_statement();
  while (!at(end) && !at(TokenKind::End)) {
    const std::size_t before = at_;
    statement(out);
    if (accept(TokenKind::Semicolon) || at(end)) {
      begin_statement();
      continue;
    }
    const std::size_t errors = diagnostics_.errors();
    if (errors == 0) expected_end("'|' or ';'");
    recover();
    while (at(TokenKind::Pipe)) {
      take();
      recover();
    }
    if (!accept(TokenKind::Semicolon) && at_ == before) take();
    // A closing bracket too many must not end the query.
    while (!at(end) && (at(TokenKind::CloseParen) || at(TokenKind::CloseBracket) ||
                        at(TokenKind::CloseBrace) || at(TokenKind::Pipe))) {
      take();
    }
  }
  return out;
}

void Parser::statement(ast::Query& into) {
  if (at_name("let")) return let(into);
  if (at_name("set") && peek(1).kind == TokenKind::Name) return set_statement(into);
  if (at_name("declare") && peek(1).kind == TokenKind::Name && peek(1).text == "query_parameters") {
    return query_parameters(into);
  }
  if (at_name("declare") || at_name("alias") || at_name("restrict")) {
    const TokenKind next = peek(1).kind;
    if (next == TokenKind::Name) {
      diagnostics_.error(peek().span,
                         fmt::format("'{}' statements are not supported; 'let' and 'declare "
                                     "query_parameters' may stand before the query",
                                     peek().text));
      recover();
      while (at(TokenKind::Pipe)) {
        take();
        recover();
      }
      return;
    }
  }
  if (at(TokenKind::Semicolon)) return;
  want(&Wanted::statement);
  want(&Wanted::table);
  if (at(TokenKind::Name) && base::equal_ignore_case(peek().text, "select") &&
      (peek(1).kind == TokenKind::Name || peek(1).kind == TokenKind::Star)) {
    diagnostics_.error(
        peek().span,
        "this is KQL, not SQL: a query starts with its table, T | where ... | project ...");
    recover();
    return;
  }
  const Span start = peek().span;
  const ast::Expr* body = at(TokenKind::Pipe) || starts_operator() ? sourceless() : pipeline();
  if (into.body != nullptr) {
    diagnostics_.error(start,
                       "a second query: one text holds one query, after its 'let' statements");
    return;
  }
  into.body = body;
}

// set query_now=datetime(2024-05-06); those that are not known, such as set notruncation, only tell
// Kusto's cluster how to run the query.
void Parser::set_statement(ast::Query& into) {
  const Span word = take().span;
  const Token option = take();
  const ast::Expr* value = accept(TokenKind::Assign) ? unary() : nullptr;
  const bool known = option.text == "query_bin_auto_size" || option.text == "query_bin_auto_at" ||
                     option.text == "query_now";
  if (known && value != nullptr) {
    into.options.push_back({{option.text, option.span}, value});
    return;
  }
  diagnostics_.warning(kql::join(word, option.span),
                       fmt::format("'set {}' has no effect here", option.text));
}

// declare query_parameters(a:long = 5)
void Parser::query_parameters(ast::Query& into) {
  take();
  take();
  if (!expect(TokenKind::OpenParen, "before the parameters")) return recover();
  while (!at(TokenKind::CloseParen) && !at(TokenKind::End)) {
    into.parameters.push_back(parameter());
    if (!accept(TokenKind::Comma)) break;
  }
  if (!expect(TokenKind::CloseParen, "after the parameters")) recover();
}

void Parser::let(ast::Query& into) {
  take();
  const auto bound = name("a name to bind");
  if (!bound || !expect(TokenKind::Assign, "after the name")) return recover();
  want(&Wanted::table);
  into.lets.push_back({*bound, at_lambda() ? lambda() : pipeline()});
}

// A lambda starts with '(' and is followed by '{' behind its ')'.
bool Parser::at_lambda() const {
  if (at_name("view") && peek(1).kind == TokenKind::OpenParen) return true;
  if (!at(TokenKind::OpenParen)) return false;
  int nesting = 0;
  for (std::size_t ahead = 0; peek(ahead).kind != TokenKind::End; ++ahead) {
    if (peek(ahead).kind == TokenKind::OpenParen) ++nesting;
    if (peek(ahead).kind == TokenKind::CloseParen && --nesting == 0) {
      return peek(ahead + 1).kind == TokenKind::OpenBrace;
    }
  }
  return false;
}

const ast::Expr* Parser::lambda() {
  const Depth depth(*this);
  if (too_deep()) return missing();
  const std::uint32_t begin = peek().span.begin;
  accept_name("view");
  expect(TokenKind::OpenParen, "");
  std::vector<ast::Parameter> parameters;
  while (!at(TokenKind::CloseParen) && !at(TokenKind::End)) {
    parameters.push_back(parameter());
    if (!accept(TokenKind::Comma)) break;
  }
  if (!expect(TokenKind::CloseParen, "after the parameters") ||
      !expect(TokenKind::OpenBrace, "before the function's body")) {
    recover();
    return missing();
  }
  const ast::Query* body = tree_.queries.make(query(TokenKind::CloseBrace));
  expect(TokenKind::CloseBrace, "after the function's body");
  return make(from(begin), ast::Lambda{std::move(parameters), body});
}

ast::Parameter Parser::parameter() {
  ast::Parameter out;
  const auto bound = name("a parameter's name");
  if (!bound) {
    recover();
    return out;
  }
  out.name = *bound;
  if (!expect(TokenKind::Colon, "and a type after the parameter's name")) return out;
  if (at(TokenKind::OpenParen)) {
    out.tabular = true;
    if (peek(1).kind == TokenKind::Star) {
      take();
      take();
      expect(TokenKind::CloseParen, "");
    } else {
      out.columns = column_list();
    }
    return out;
  }
  if (const auto type = type_name("for the parameter")) out.type = *type;
  if (accept(TokenKind::Assign)) out.otherwise = unary();
  return out;
}

std::optional<Type> Parser::type_name(std::string_view why) {
  want(&Wanted::type);
  if (at(TokenKind::Name)) {
    if (const auto type = type_of_name(peek().text)) {
      take();
      return type;
    }
  }
  std::string what = fmt::format("a type {}", why);
  if (at(TokenKind::Name)) {
    static constexpr std::array<std::string_view, 10> kTypes{
        "bool",   "int",      "long",     "real", "decimal",
        "string", "datetime", "timespan", "guid", "dynamic"};
    if (const auto nearest = base::nearest(peek().text, kTypes)) {
      what += fmt::format(" (did you mean '{}'?)", *nearest);
    }
  }
  expected(what);
  if (at(TokenKind::Name)) take();
  return std::nullopt;
}

std::vector<ast::NamedType> Parser::column_list() {
  if (!expect(TokenKind::OpenParen, "before the columns")) return {};
  return column_list_rest();
}

std::vector<ast::NamedType> Parser::column_list_rest() {
  std::vector<ast::NamedType> out;
  while (!at(TokenKind::CloseParen) && !at(TokenKind::End)) {
    const auto column = name("a column's name");
    if (!column || !expect(TokenKind::Colon, "and a type after the column's name")) {
      recover();
      break;
    }
    const auto type = type_name("for the column");
    out.push_back({*column, type.value_or(Type::Dynamic)});
    if (!accept(TokenKind::Comma)) break;
  }
  expect(TokenKind::CloseParen, "after the columns");
  return out;
}

// A plain name, or ['any text'].
std::optional<ast::Name> Parser::name(std::string_view what) {
  if (at(TokenKind::Name) && peek().text.front() != '!') {
    Token token = take();
    return ast::Name{std::move(token.text), token.span};
  }
  if (at(TokenKind::OpenBracket) && peek(1).kind == TokenKind::String &&
      peek(2).kind == TokenKind::CloseBracket) {
    const Span begin = take().span;
    Token text = take();
    const Span end = take().span;
    return ast::Name{std::move(text.text), kql::join(begin, end)};
  }
  expected(what);
  return std::nullopt;
}

}  // namespace kql::parse
