// Operators over groups and sequences of rows: partition, reduce, scan.

#include <fmt/format.h>

#include "base/text.h"
#include "kql/parse/parser.h"

namespace kql::parse {

// partition hint.strategy=native by a (top 1 by b)
ast::Operator Parser::partition() {
  hints();
  ast::Partition form;
  if (!accept_name("by")) {
    expected("'by' and the column whose values part the rows");
    return {{}, {}, ast::BadOperator{}};
  }
  // Not a call: what stands in the parentheses behind the column are operators.
  const std::uint32_t begin = peek().span.begin;
  if (const auto column = name("a column's name")) {
    form.key = {{}, make(column->span, ast::NameRef{column->text}), from(begin)};
  } else {
    return {{}, {}, ast::BadOperator{}};
  }
  if (at(TokenKind::OpenBrace)) {
    diagnostics_.error(peek().span,
                       "a query with its own table is not supported here; write the operators in "
                       "parentheses: partition by x (top 1 by y)");
    return {{}, {}, ast::BadOperator{}};
  }
  if (!expect(TokenKind::OpenParen, "before the operators of 'partition'")) {
    return {{}, {}, ast::BadOperator{}};
  }
  form.body = sourceless();
  if (!expect(TokenKind::CloseParen, "after the operators of 'partition'")) recover();
  return {{}, {}, std::move(form)};
}

// reduce by a with threshold=0.2, characters="-_"
ast::Operator Parser::reduce() {
  ast::Reduce form;
  form.properties = properties();
  if (!accept_name("by")) {
    expected("'by' and a text");
    return {{}, {}, ast::BadOperator{}};
  }
  form.by = additive();
  if (accept_name("with")) {
    do {
      const bool threshold = at_name("threshold");
      if (!threshold && !at_name("characters")) {
        expected("threshold=... or characters=...");
        return {{}, {}, ast::BadOperator{}};
      }
      take();
      if (!expect(TokenKind::Assign, "and its value")) return {{}, {}, ast::BadOperator{}};
      (threshold ? form.threshold : form.characters) = unary();
    } while (accept(TokenKind::Comma));
  }
  return {{}, {}, std::move(form)};
}

// step s1 output=last: a > 1 => x = s0.a, y = 1;
std::optional<ast::ScanStep> Parser::scan_step() {
  if (!accept_name("step")) {
    expected("'step' and its name");
    return std::nullopt;
  }
  ast::ScanStep step;
  auto bound = name("the step's name");
  if (!bound) return std::nullopt;
  step.name = std::move(*bound);
  if (at_name("output") && peek(1).kind == TokenKind::Assign) {
    take();
    take();
    if (!at_name("all") && !at_name("last") && !at_name("none")) {
      expected("all, last or none");
      return std::nullopt;
    }
    const std::string word = take().text;
    step.output = word == "all"    ? ast::ScanStep::Output::All
                  : word == "last" ? ast::ScanStep::Output::Last
                                   : ast::ScanStep::Output::None;
  }
  if (!expect(TokenKind::Colon, "and the step's condition")) return std::nullopt;
  step.condition = expression();
  if (accept(TokenKind::Arrow)) step.values = assignments();
  // The last one's semicolon may be missing.
  if (!accept(TokenKind::Semicolon) && !at(TokenKind::CloseParen)) {
    expected("';' after the step");
    return std::nullopt;
  }
  return step;
}

// scan with_match_id=m declare (x:long=0) with (step s1: true => x = x + s1.x;)
ast::Operator Parser::scan() {
  ast::Scan form;
  for (const ast::Property& property : properties()) {
    if (property.name.text == "with_match_id") {
      form.match_id = property.value;
    } else {
      diagnostics_.error(
          property.name.span,
          fmt::format("unknown property '{}': expected with_match_id=...", property.name.text));
    }
  }
  if (accept_name("declare")) {
    if (!expect(TokenKind::OpenParen, "before the columns")) return {{}, {}, ast::BadOperator{}};
    while (!at(TokenKind::CloseParen) && !at(TokenKind::End)) {
      const ast::Parameter one = parameter();
      form.declared.push_back({one.name, one.type, one.otherwise});
      if (!accept(TokenKind::Comma)) break;
    }
    if (!expect(TokenKind::CloseParen, "after the columns")) return {{}, {}, ast::BadOperator{}};
  }
  if (!accept_name("with") || !expect(TokenKind::OpenParen, "before the steps")) {
    expected("'with' and the steps in parentheses");
    return {{}, {}, ast::BadOperator{}};
  }
  while (!at(TokenKind::CloseParen) && !at(TokenKind::End)) {
    auto step = scan_step();
    if (!step) {
      recover();
      while (accept(TokenKind::Semicolon))
        recover();
      accept(TokenKind::CloseParen);
      return {{}, {}, ast::BadOperator{}};
    }
    form.steps.push_back(std::move(*step));
  }
  if (form.steps.empty()) expected("'step' and its name");
  expect(TokenKind::CloseParen, "after the steps");
  return {{}, {}, std::move(form)};
}

}  // namespace kql::parse
