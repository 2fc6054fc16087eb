#include <fmt/format.h>

#include "kql/parse/parser.h"

namespace kql::parse {

const ast::Expr* Parser::pipeline() {
  const Depth depth(*this);
  if (too_deep()) return missing();
  return pipeline_from(source());
}

// Operators that take their rows from around them: mv-apply's body, and a query that does not name
// its table.
const ast::Expr* Parser::sourceless() {
  const Depth depth(*this);
  if (too_deep()) return missing();
  const Span here{peek().span.begin, peek().span.begin};
  ast::Pipeline form{nullptr, {}};
  if (!at(TokenKind::Pipe)) form.operators.push_back(one_operator());
  if (!at(TokenKind::Pipe) && !at(TokenKind::Semicolon) && !at(TokenKind::End) &&
      !at(TokenKind::CloseParen)) {
    if (!diagnostics_.has_errors()) expected_end("'|', ';' or the end of the query");
    recover();
  }
  return pipeline_from(make(from(here.begin), std::move(form)));
}

const ast::Expr* Parser::pipeline_from(const ast::Expr* start) {
  if (!at(TokenKind::Pipe)) return start;
  const std::uint32_t begin = start->span.begin;
  ast::Pipeline form{start, {}};
  // A pipeline without a source goes on as one, rather than as the source of another.
  if (const auto* open = std::get_if<ast::Pipeline>(&start->form);
      open && open->source == nullptr) {
    form = *open;
  }
  while (at(TokenKind::Pipe)) {
    const Span bar = take().span;
    if (at(TokenKind::Semicolon) || at(TokenKind::End) || at(TokenKind::CloseParen)) {
      want(&Wanted::operators);
      settle();
      diagnostics_.error(bar, "expected an operator after '|', found nothing");
      break;
    }
    if (form.operators.size() == kMaxOperators) {
      diagnostics_.error(bar, fmt::format("more than {} operators in one query", kMaxOperators));
      while (!at(TokenKind::End))
        take();
      break;
    }
    const std::size_t errors = diagnostics_.errors();
    form.operators.push_back(one_operator());
    const bool ended = at(TokenKind::Pipe) || at(TokenKind::Semicolon) || at(TokenKind::End) ||
                       at(TokenKind::CloseParen) || at(TokenKind::CloseBrace) ||
                       at(TokenKind::Comma);
    if (diagnostics_.errors() != errors) {
      recover();
    } else if (!ended) {
      expected_end("'|', ';' or the end of the query");
      // Half of it was read, which says nothing about the rows behind it.
      form.operators.back().form = ast::BadOperator{};
      recover();
    }
  }
  return make(from(begin), std::move(form));
}

const ast::Expr* Parser::source() {
  if (at_name("datatable") && peek(1).kind == TokenKind::OpenParen) return datatable();
  const bool call = peek(1).kind == TokenKind::OpenParen;
  if (at_name("print") && peek(1).kind != TokenKind::Pipe) return print();
  if (at_name("range") && peek(1).kind == TokenKind::Name) return range();
  // Tables may be called like this; who is still writing means the operator.
  const bool ended = peek(1).kind == TokenKind::End && wanted_ == nullptr;
  const bool plain =
      peek(1).kind == TokenKind::Pipe || ended || peek(1).kind == TokenKind::Semicolon;
  if (at_name("union") && !plain) {
    const std::uint32_t begin = peek().span.begin;
    const ast::Operator* op = tree_.operators.make(one_operator());
    return make(from(begin), ast::SourceOperator{op});
  }
  if (at_name("search") && !plain) {
    const std::uint32_t begin = peek().span.begin;
    const ast::Operator* op = tree_.operators.make(one_operator());
    return make(from(begin), ast::SourceOperator{op});
  }
  if ((at_name("externaldata") && call) || (at_name("external_table") && call)) {
    diagnostics_.error(
        peek().span,
        fmt::format("'{}' is refused: queries read only this hub's own tables", peek().text));
    take();
    recover();
    return missing();
  }
  if (at_name("find") && !plain && !call) {
    diagnostics_.error(peek().span, "'find' is not supported; use 'search' or 'union'");
    take();
    recover();
    return missing();
  }
  return expression();
}

// datatable (a:string, b:long) ["x", 1]
const ast::Expr* Parser::datatable() {
  const std::uint32_t begin = take().span.begin;
  ast::DataTable form{column_list(), {}};
  if (!expect(TokenKind::OpenBracket, "before the values")) return missing();
  while (!at(TokenKind::CloseBracket) && !at(TokenKind::End)) {
    const std::size_t before = at_;
    form.values.push_back(expression());
    if (!accept(TokenKind::Comma) || at_ == before) break;
  }
  if (!expect(TokenKind::CloseBracket, "or ',' after the value")) {
    recover();
    accept(TokenKind::CloseBracket);
  }
  return make(from(begin), std::move(form));
}

const ast::Expr* Parser::print() {
  const std::uint32_t begin = take().span.begin;
  return make(from(begin), ast::Print{assignments()});
}

// range x from 1 to 5 step 1
const ast::Expr* Parser::range() {
  const std::uint32_t begin = take().span.begin;
  const auto column = name("a column's name");
  ast::Range form{column.value_or(ast::Name{}), nullptr, nullptr, nullptr};
  struct Part {
    std::string_view word;
    const ast::Expr** value;
  };
  for (const Part part :
       {Part{"from", &form.from}, Part{"to", &form.to}, Part{"step", &form.step}}) {
    if (!accept_name(part.word)) {
      expected(fmt::format("'{}' (range x from A to B step C)", part.word));
      recover();
      return missing();
    }
    *part.value = expression();
  }
  return make(from(begin), std::move(form));
}

}  // namespace kql::parse
