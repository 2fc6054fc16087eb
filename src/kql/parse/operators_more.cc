// Operators with a grammar of their own: make-series, top-nested, parse-kv, evaluate, invoke.

#include <fmt/format.h>

#include "kql/parse/parser.h"

namespace kql::parse {

// make-series n=count() default=0, avg(x) on t from a to b step 1h by k
ast::Operator Parser::make_series() {
  ast::MakeSeries form;
  hints();
  do {
    ast::SeriesAggregate item{assignment(), nullptr};
    if (accept_name("default")) {
      if (!expect(TokenKind::Assign, "after 'default'")) break;
      item.otherwise = unary();
    }
    form.aggregates.push_back(std::move(item));
  } while (accept(TokenKind::Comma));
  if (!accept_name("on")) {
    expected("'on' and the axis, such as a column of type datetime");
    return {{}, {}, ast::BadOperator{}};
  }
  form.axis.span = peek().span;
  if (at(TokenKind::Name) && peek(1).kind == TokenKind::Assign) {
    if (auto axis = name("a name")) form.axis.names.push_back(std::move(*axis));
    take();
  }
  form.axis.value = additive();
  form.axis.span = from(form.axis.span.begin);
  if (accept_name("in")) {
    series_range(form);
  } else {
    if (accept_name("from")) form.from = additive();
    if (accept_name("to")) form.to = additive();
    if (accept_name("step")) form.step = additive();
  }
  if (form.step == nullptr) {
    expected("'step' and the length of one (make-series count() on t step 1h)");
    return {{}, {}, ast::BadOperator{}};
  }
  if (accept_name("by")) form.keys = assignments();
  return {{}, {}, std::move(form)};
}

// The older form: on t in range(from, to, step), both ends included.
void Parser::series_range(ast::MakeSeries& form) {
  if (!accept_name("range") || !expect(TokenKind::OpenParen, "after 'range'")) {
    expected("range(from, to, step) after 'in'");
    return;
  }
  form.inclusive = true;
  form.from = expression();
  if (accept(TokenKind::Comma)) form.to = expression();
  if (accept(TokenKind::Comma)) form.step = expression();
  expect(TokenKind::CloseParen, "after the range");
}

// top-nested 3 of a by count(), top-nested of b by max(x) asc
ast::Operator Parser::top_nested() {
  ast::TopNested form;
  while (true) {
    ast::NestedLevel level;
    if (!at_name("of")) level.count = unary();
    if (!accept_name("of")) {
      expected("'of' and the value (top-nested 3 of x by count())");
      return {{}, {}, ast::BadOperator{}};
    }
    level.key = assignment();
    if (accept_name("with")) {
      if (!accept_name("others") || !accept(TokenKind::Assign)) expected("others=... after 'with'");
      level.others = expression();
    }
    if (!accept_name("by")) {
      expected("'by' and an aggregate (top-nested 3 of x by count())");
      return {{}, {}, ast::BadOperator{}};
    }
    level.by = assignment();
    if (at_name("asc") || at_name("desc")) level.descending = take().text == "desc";
    form.levels.push_back(std::move(level));
    if (!accept(TokenKind::Comma)) break;
    Span span;
    if (!at(TokenKind::Name) || operator_word(span) != "top-nested") {
      expected("'top-nested' after ','");
      return {{}, {}, ast::BadOperator{}};
    }
  }
  return {{}, {}, std::move(form)};
}

// parse-kv Text as (a:string, b:long) with (pair_delimiter=",", kv_delimiter="=")
ast::Operator Parser::parse_kv() {
  ast::ParseKv form;
  form.input = additive();
  if (!accept_name("as")) {
    expected("'as' and the columns");
    return {{}, {}, ast::BadOperator{}};
  }
  form.columns = column_list();
  if (accept_name("with")) {
    if (!expect(TokenKind::OpenParen, "after 'with'")) return {{}, {}, ast::BadOperator{}};
    do {
      for (ast::Property& property : properties())
        form.properties.push_back(std::move(property));
    } while (accept(TokenKind::Comma));
    expect(TokenKind::CloseParen, "after the properties");
  }
  return {{}, {}, std::move(form)};
}

// A call: what 'evaluate' and 'invoke' are followed by.
const ast::Expr* Parser::called(std::string_view what, bool Wanted::* flag) {
  if (!at(TokenKind::Name) || peek(1).kind != TokenKind::OpenParen) {
    want(flag);
    expected(what);
    return nullptr;
  }
  Token callee = take();
  return call(std::move(callee));
}

// evaluate bag_unpack(d) : (*, a:string)
ast::Operator Parser::evaluate() {
  hints();
  ast::Evaluate form;
  form.call = called("a plugin's call, such as bag_unpack(x)", &Wanted::plugin);
  if (form.call == nullptr) return {{}, {}, ast::BadOperator{}};
  if (accept(TokenKind::Colon)) {
    form.typed = true;
    if (at(TokenKind::OpenParen) && peek(1).kind == TokenKind::Star) {
      take();
      take();
      form.keep = true;
      if (accept(TokenKind::Comma)) {
        form.columns = column_list_rest();
      } else {
        expect(TokenKind::CloseParen, "after the columns");
      }
    } else {
      form.columns = column_list();
    }
  }
  return {{}, {}, std::move(form)};
}

ast::Operator Parser::invoke() {
  const ast::Expr* callee =
      called("a function's call, which gets the rows as its first argument", &Wanted::function);
  if (callee == nullptr) return {{}, {}, ast::BadOperator{}};
  return {{}, {}, ast::Invoke{callee}};
}

ast::Operator Parser::sample_distinct() {
  ast::SampleDistinct form{unary(), {}};
  if (!accept_name("of")) {
    expected("'of' and a column (sample-distinct 5 of x)");
    return {{}, {}, ast::BadOperator{}};
  }
  form.column = assignment();
  return {{}, {}, std::move(form)};
}

}  // namespace kql::parse
