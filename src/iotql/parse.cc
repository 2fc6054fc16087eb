#include "iotql/parse.h"

#include <algorithm>

#include "base/result.h"
#include "iotql/bind.h"
#include "iotql/expression.h"

namespace iotql {

using base::json::Value;

namespace {

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::string_view text) : ExpressionParser(text) {}

  Lexed<Parsed> query() {
    TRY(advance());
    if (!token().is_word("SELECT")) return expected("a query, which starts with SELECT");
    TRY(advance());
    TRY(select());
    TRY(from());
    return ended();
  }

  Lexed<Parsed> target() {
    TRY(advance());
    parsed_.all = true;
    if (token().kind == TokenKind::End) {
      Expr never;
      never.op = Op::Literal;
      never.literal = Value(false);
      parsed_.where = std::move(never);
      return std::move(parsed_);
    }
    if (token().is("*")) {
      TRY(advance());
    } else if (token().is_word("FROM")) {
      TRY(from());
      if (!parsed_.group_by.empty()) return fault("targets are not grouped", {});
    } else {
      parsed_.where = TRY(expression(Place::Elsewhere));
    }
    return ended();
  }

 private:
  Lexed<Parsed> ended() {
    if (token().is_word("ORDER"))
      return fault("there is no ORDER BY: rows come in the order of device and module ids",
                   token().span);
    if (token().kind != TokenKind::End) return expected("the end of the query");
    parsed_.aggregates = take_aggregates();
    return std::move(parsed_);
  }

  Lexed<void> select() {
    if (token().is_word("TOP")) {
      TRY(advance());
      const std::int64_t* number =
          token().kind == TokenKind::Number ? token().number.if_int() : nullptr;
      if (number == nullptr || *number < 1) return expected("a whole number above 0 after TOP");
      parsed_.top = static_cast<std::size_t>(*number);
      TRY(advance());
    }
    if (token().is("*")) {
      parsed_.all = true;
      return advance();
    }
    for (;;) {
      if (parsed_.columns.size() == kMaxColumns)
        return fault("there are more than " + std::to_string(kMaxColumns) + " columns",
                     token().span);
      parsed_.columns.push_back(TRY(column()));
      if (!token().is(",")) return {};
      TRY(advance());
    }
  }

  Lexed<Column> column() {
    Column column;
    column.value = TRY(expression(Place::Column));
    if (!token().is_word("AS")) {
      // The property's own name; what was computed is numbered.
      const bool named = column.value.op == Op::Path && !column.value.path.back().name.empty();
      if (!named) column.name = "$" + std::to_string(++unnamed_columns_);
      return column;
    }
    TRY(advance());
    const bool is_name = token().kind == TokenKind::Name || token().kind == TokenKind::Text;
    if (!is_name || token().text.empty()) return expected("a name after AS");
    column.name = token().text;
    TRY(advance());
    return column;
  }

  Lexed<void> from() {
    if (!token().is_word("FROM")) return expected("FROM");
    TRY(advance());
    const Token collection = token();
    if (!collection.is_word("devices")) return expected("devices, devices.modules or devices.jobs");
    TRY(advance());
    if (token().is(".")) {
      TRY(advance());
      if (!token().is_word("modules") && !token().is_word("jobs"))
        return expected("modules or jobs");
      parsed_.from = token().is_word("jobs") ? From::Jobs : From::Modules;
      TRY(advance());
    }
    if (token().is_word("WHERE")) {
      TRY(advance());
      parsed_.where = TRY(expression(Place::Elsewhere));
    }
    return token().is_word("GROUP") ? group_by() : Lexed<void>();
  }

  Lexed<void> group_by() {
    TRY(advance());
    if (!token().is_word("BY")) return expected("BY after GROUP");
    do {
      TRY(advance());
      if (parsed_.group_by.size() == kMaxColumns)
        return fault("there are too many expressions to group by", token().span);
      parsed_.group_by.push_back(TRY(expression(Place::Elsewhere)));
    } while (token().is(","));
    return {};
  }

  Parsed parsed_;
  std::size_t unnamed_columns_ = 0;
};

Problem problem_of(std::string_view text, const Fault& fault) {
  Problem problem;
  problem.message = fault.message;
  problem.offset = std::min(fault.span.offset, text.size());
  problem.length = std::min(fault.span.length, text.size() - problem.offset);
  const std::string_view before = text.substr(0, problem.offset);
  problem.line = 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
  const std::size_t newline = before.rfind('\n');
  problem.column = 1 + (newline == before.npos ? before.size() : before.size() - newline - 1);
  return problem;
}

}  // namespace

std::expected<std::shared_ptr<const Parsed>, Problem> parse(std::string_view text,
                                                            Grammar grammar) {
  if (text.size() > kMaxQueryBytes) {
    return std::unexpected(
        problem_of(text, {"a query has at most " + std::to_string(kMaxQueryBytes) + " bytes", {}}));
  }
  Parser parser(text);
  auto parsed = grammar == Grammar::Query ? parser.query() : parser.target();
  if (!parsed) return std::unexpected(problem_of(text, parsed.error()));
  if (auto bound = bind(*parsed); !bound) return std::unexpected(problem_of(text, bound.error()));
  return std::make_shared<const Parsed>(std::move(*parsed));
}

}  // namespace iotql
