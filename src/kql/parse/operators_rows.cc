// Operators that read further tables, make rows or take text apart.

#include <fmt/format.h>

#include "kql/parse/parser.h"

namespace kql::parse {

// A table's name, or a query in parentheses.
const ast::Expr* Parser::table_operand() {
  if (at(TokenKind::Name) || at(TokenKind::OpenParen) || at(TokenKind::OpenBracket))
    return source_operand();
  want(&Wanted::only_table);
  expected("a table's name, or a query in parentheses");
  return missing();
}

const ast::Expr* Parser::source_operand() {
  const Depth depth(*this);
  if (too_deep()) return missing();
  if (at_name("datatable") && peek(1).kind == TokenKind::OpenParen) return datatable();
  if (wanted_ != nullptr && at(TokenKind::OpenParen) && peek(1).kind == TokenKind::End) {
    take();
    want(&Wanted::only_table);
    settle();
  }
  return postfix();
}

ast::Operator Parser::join() {
  return join_like(false);
}
ast::Operator Parser::lookup() {
  return join_like(true);
}

// join kind=inner (T | where x) on a, $left.b == $right.c
ast::Operator Parser::join_like(bool is_lookup) {
  ast::Join form{is_lookup, properties(), nullptr, {}};
  form.right = table_operand();
  if (!accept_name("on")) {
    expected("'on' and the columns to join on");
    return {{}, {}, std::move(form)};
  }
  do {
    form.conditions.push_back(expression());
  } while (accept(TokenKind::Comma));
  return {{}, {}, std::move(form)};
}

ast::Operator Parser::union_tables() {
  ast::Union form{properties(), {}};
  do {
    form.tables.push_back(table_operand());
  } while (accept(TokenKind::Comma));
  return {{}, {}, std::move(form)};
}

// x = tags to typeof(string), other. Properties that stand first are left in `properties`.
std::vector<ast::ExpandItem> Parser::expand_items(std::vector<ast::Property>& found) {
  // kind=, bagexpansion=, with_itemindex= look like assignments: they come before any item.
  while (at_name("kind") || at_name("bagexpansion") || at_name("with_itemindex")) {
    if (peek(1).kind != TokenKind::Assign) break;
    ast::Property property{{take().text, {}}, {}};
    take();
    if (auto value = name("the property's value")) property.value = std::move(*value);
    found.push_back(std::move(property));
  }
  std::vector<ast::ExpandItem> out;
  do {
    ast::ExpandItem item{assignment(), std::nullopt};
    if (accept_name("to")) {
      const bool typed = at_name("typeof") && peek(1).kind == TokenKind::OpenParen;
      if (!typed) expected("typeof(...) after 'to'");
      const ast::Expr* type = typed ? type_of() : missing();
      if (const auto* known = std::get_if<ast::TypeOf>(&type->form)) item.to = known->type;
    }
    out.push_back(std::move(item));
  } while (accept(TokenKind::Comma));
  return out;
}

ast::Operator Parser::mv_expand() {
  ast::MvExpand form;
  form.items = expand_items(form.properties);
  if (accept_name("limit")) form.limit = unary();
  return {{}, {}, std::move(form)};
}

// mv-apply x = list to typeof(long) on (where x > 1 | summarize max(x))
ast::Operator Parser::mv_apply() {
  ast::MvApply form;
  form.items = expand_items(form.properties);
  if (accept_name("limit")) form.limit = unary();
  if (!accept_name("on") || !expect(TokenKind::OpenParen, "before the operators of 'mv-apply'")) {
    expected("'on' and the operators to apply, in parentheses");
    return {{}, {}, ast::BadOperator{}};
  }
  form.body = sourceless();
  if (!expect(TokenKind::CloseParen, "after the operators of 'mv-apply'")) recover();
  return {{}, {}, std::move(form)};
}

ast::Operator Parser::as() {
  auto target = name("a name for the rows so far");
  if (!target) return {{}, {}, ast::BadOperator{}};
  return {{}, {}, ast::As{std::move(*target)}};
}

ast::Operator Parser::serialize() {
  want(&Wanted::expression);
  const bool empty = at(TokenKind::Pipe) || at(TokenKind::End) || at(TokenKind::Semicolon) ||
                     at(TokenKind::CloseParen);
  if (empty) return {{}, {}, ast::Serialize{}};
  return {{}, {}, ast::Serialize{assignments()}};
}

// render timechart with (title="x", ysplit=panels)
ast::Operator Parser::render() {
  ast::Render form;
  want(&Wanted::chart);
  auto kind = name("a kind of chart, such as 'timechart'");
  if (!kind) return {{}, {}, ast::BadOperator{}};
  form.kind = std::move(*kind);
  const bool bracketed = accept_name("with");
  if (bracketed && !expect(TokenKind::OpenParen, "after 'with'"))
    return {{}, {}, ast::BadOperator{}};
  do {
    for (ast::Property& property : properties()) {
      // xcolumn=a, ycolumns=b, c: what follows a comma without '=' belongs to the last.
      while (peek().kind == TokenKind::Comma && peek(1).kind == TokenKind::Name &&
             peek(2).kind != TokenKind::Assign) {
        take();
        property.value.text += "," + take().text;
      }
      form.properties.push_back(std::move(property));
    }
  } while (accept(TokenKind::Comma));
  if (bracketed) expect(TokenKind::CloseParen, "after the chart's properties");
  return {{}, {}, std::move(form)};
}

ast::Operator Parser::parse_text() {
  return parse_like(false);
}
ast::Operator Parser::parse_where() {
  return parse_like(true);
}

// parse kind=regex Text with * "id=" Id:long " " *
ast::Operator Parser::parse_like(bool filter) {
  ast::Parse form{filter, properties(), nullptr, {}};
  form.input = additive();
  if (!accept_name("with")) {
    expected("'with' and the pattern");
    return {{}, {}, ast::BadOperator{}};
  }
  while (at(TokenKind::Star) || at(TokenKind::String) || at(TokenKind::Name) ||
         at(TokenKind::OpenBracket)) {
    ast::ParsePiece piece;
    piece.span = peek().span;
    if (at(TokenKind::String)) {
      piece.text = Value::text(take().text);
    } else if (!accept(TokenKind::Star)) {
      auto column = name("a column's name");
      if (!column) break;
      Type type = Type::String;
      if (accept(TokenKind::Colon)) type = type_name("for the column").value_or(Type::String);
      piece.name = ast::NamedType{std::move(*column), type};
    }
    form.pieces.push_back(std::move(piece));
  }
  if (form.pieces.empty()) expected("a pattern: strings, names and '*'");
  return {{}, {}, std::move(form)};
}

// search in (A, B) "text" and Column == 5
ast::Operator Parser::search() {
  ast::Search form{nullptr, {}};
  properties();
  if (at_name("in") && peek(1).kind == TokenKind::OpenParen) {
    take();
    take();
    do {
      form.tables.push_back(table_operand());
    } while (accept(TokenKind::Comma));
    expect(TokenKind::CloseParen, "after the tables");
  }
  form.predicate = expression();
  return {{}, {}, std::move(form)};
}

}  // namespace kql::parse
