#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "kql/parse/parse.h"
#include "kql/parse/parser.h"

namespace kql::parse {

// The operators that may follow a '|'.
struct OperatorTable {
  struct Entry {
    std::string_view name;
    ast::Operator (Parser::*read)();
  };
  static constexpr std::array kEntries{
      Entry{"where", &Parser::where},
      Entry{"filter", &Parser::where},
      Entry{"extend", &Parser::extend},
      Entry{"project", &Parser::project},
      Entry{"project-away", &Parser::project_away},
      Entry{"project-keep", &Parser::project_keep},
      Entry{"project-rename", &Parser::project_rename},
      Entry{"project-reorder", &Parser::project_reorder},
      Entry{"summarize", &Parser::summarize},
      Entry{"distinct", &Parser::distinct},
      Entry{"take", &Parser::take_rows},
      Entry{"limit", &Parser::take_rows},
      Entry{"sample", &Parser::sample},
      Entry{"count", &Parser::count},
      Entry{"sort", &Parser::sort},
      Entry{"order", &Parser::sort},
      Entry{"top", &Parser::top},
      Entry{"join", &Parser::join},
      Entry{"lookup", &Parser::lookup},
      Entry{"mv-expand", &Parser::mv_expand},
      Entry{"mvexpand", &Parser::mv_expand},
      Entry{"mv-apply", &Parser::mv_apply},
      Entry{"mvapply", &Parser::mv_apply},
      Entry{"union", &Parser::union_tables},
      Entry{"as", &Parser::as},
      Entry{"serialize", &Parser::serialize},
      Entry{"render", &Parser::render},
      Entry{"parse", &Parser::parse_text},
      Entry{"parse-where", &Parser::parse_where},
      Entry{"search", &Parser::search},
      Entry{"getschema", &Parser::getschema},
      Entry{"make-series", &Parser::make_series},
      Entry{"top-nested", &Parser::top_nested},
      Entry{"parse-kv", &Parser::parse_kv},
      Entry{"evaluate", &Parser::evaluate},
      Entry{"invoke", &Parser::invoke},
      Entry{"sample-distinct", &Parser::sample_distinct},
      Entry{"partition", &Parser::partition},
      Entry{"reduce", &Parser::reduce},
      Entry{"scan", &Parser::scan},
  };
  static const Entry* find(std::string_view name) {
    for (const Entry& entry : kEntries) {
      if (entry.name == name) return &entry;
    }
    return nullptr;
  }
};

const std::vector<std::string_view>& operator_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> out;
    for (const auto& entry : OperatorTable::kEntries)
      out.push_back(entry.name);
    return out;
  }();
  return names;
}

void Parser::expected_end(std::string_view what) {
  const Token& token = peek();
  struct Habit {
    std::string_view word;
    std::string_view instead;
  };
  static constexpr std::array kHabits{
      Habit{"like", "'contains', 'startswith' or 'matches regex' look into text"},
      Habit{"is", "isnull(x), isempty(x) and their opposites tell whether there is a value"},
      Habit{"not", "not(...) is a function, and !in, !has and so on are operators"},
      Habit{"group", "'summarize ... by' groups rows"},
      Habit{"from", "a query starts with its table: T | where ... | project ..."},
      Habit{"asc", "'sort by' is what sorts"},
      Habit{"desc", "'sort by' is what sorts"},
  };
  if (token.kind == TokenKind::Assign) {
    diagnostics_.error(token.span,
                       "expected '==', which compares; '=' only gives a column its name");
    return;
  }
  if (token.kind != TokenKind::Name) return expected(what);
  if (OperatorTable::find(token.text) != nullptr && !at_name("as")) {
    diagnostics_.error(token.span, fmt::format("expected '|' before '{}'", token.text));
    return;
  }
  for (const Habit& habit : kHabits) {
    if (!base::equal_ignore_case(habit.word, token.text)) continue;
    diagnostics_.error(token.span,
                       fmt::format("expected {}, found '{}': {}", what, token.text, habit.instead));
    return;
  }
  const TokenKind next = peek(1).kind;
  const bool operand = next == TokenKind::String || next == TokenKind::Long ||
                       next == TokenKind::Name || next == TokenKind::OpenParen;
  const auto nearest = nearest_comparison(token.text);
  if (!operand || !nearest) return expected(what);
  diagnostics_.error(token.span,
                     fmt::format("'{}' is no operator; did you mean '{}'?", token.text, *nearest));
}

// Whether an operator stands here, where a table is expected. Words that may also name a table
// count only when something follows that no table would have.
bool Parser::starts_operator() const {
  if (!at(TokenKind::Name)) return false;
  const Token& next = peek(1);
  if (next.kind == TokenKind::Minus && adjacent(1)) {
    return OperatorTable::find(peek().text + "-" + peek(2).text) != nullptr;
  }
  if (at_name("union") || at_name("search") || OperatorTable::find(peek().text) == nullptr) {
    return false;
  }
  return next.kind == TokenKind::Name || next.kind == TokenKind::Long ||
         next.kind == TokenKind::Star;
}

// The operator's whole name: some are words joined by '-'.
std::string Parser::operator_word(Span& span) {
  const Token first = take();
  std::string word = first.text;
  span = first.span;
  while (at(TokenKind::Minus) && peek().span.begin == span.end && adjacent(1) &&
         peek(1).kind == TokenKind::Name) {
    take();
    const Token part = take();
    word += "-" + part.text;
    span.end = part.span.end;
  }
  return word;
}

ast::Operator Parser::one_operator() {
  if (!at(TokenKind::Name)) {
    want(&Wanted::operators);
    expected("an operator such as 'where'");
    return {peek().span, peek().span, ast::BadOperator{}};
  }
  const std::uint32_t begin = peek().span.begin;
  Span name_span;
  const std::string word = operator_word(name_span);
  const OperatorTable::Entry* entry = OperatorTable::find(word);
  if (entry == nullptr) {
    std::string message = fmt::format("'{}' is no operator", word);
    if (const auto nearest = base::nearest(word, operator_names())) {
      message += fmt::format("; did you mean '{}'?", *nearest);
    }
    diagnostics_.error(name_span, message);
    return {name_span, name_span, ast::BadOperator{}};
  }
  ast::Operator out = (this->*entry->read)();
  out.span = from(begin);
  out.name_span = name_span;
  return out;
}

// kind=inner, hint.strategy=broadcast; nothing is taken where none stands.
std::optional<ast::Property> Parser::property() {
  if (!at(TokenKind::Name)) return std::nullopt;
  std::size_t ahead = 1;
  while (peek(ahead).kind == TokenKind::Dot && peek(ahead + 1).kind == TokenKind::Name)
    ahead += 2;
  if (peek(ahead).kind != TokenKind::Assign) return std::nullopt;
  ast::Property property;
  property.name.span = peek().span;
  while (!at(TokenKind::Assign)) {
    property.name.text += at(TokenKind::Dot) ? "." : peek().text;
    property.name.span.end = take().span.end;
  }
  take();
  const Token value = peek();
  if (value.kind == TokenKind::Name || value.kind == TokenKind::String ||
      value.kind == TokenKind::Long) {
    take();
    property.value = {value.text, value.span};
    if (value.kind == TokenKind::Long) property.value.text = diagnostics_.text(value.span);
  } else {
    expected("the property's value");
  }
  return property;
}

std::vector<ast::Property> Parser::properties() {
  std::vector<ast::Property> out;
  while (auto one = property())
    out.push_back(std::move(*one));
  return out;
}

// name = value, (a, b) = value, or a value.
ast::Assignment Parser::assignment() {
  ast::Assignment out;
  const std::uint32_t begin = peek().span.begin;
  const bool bracketed = at(TokenKind::OpenBracket) && peek(1).kind == TokenKind::String &&
                         peek(3).kind == TokenKind::Assign;
  if ((at(TokenKind::Name) && peek(1).kind == TokenKind::Assign) || bracketed) {
    if (auto target = name("a name")) out.names.push_back(std::move(*target));
    take();
  } else if (at(TokenKind::OpenParen)) {
    std::size_t ahead = 1;
    while (peek(ahead).kind == TokenKind::Name && peek(ahead + 1).kind == TokenKind::Comma)
      ahead += 2;
    if (peek(ahead).kind == TokenKind::Name && peek(ahead + 1).kind == TokenKind::CloseParen &&
        peek(ahead + 2).kind == TokenKind::Assign) {
      take();
      do {
        if (auto target = name("a name")) out.names.push_back(std::move(*target));
      } while (accept(TokenKind::Comma));
      take();
      take();
    }
  }
  out.value = expression();
  out.span = from(begin);
  return out;
}

std::vector<ast::Assignment> Parser::assignments() {
  std::vector<ast::Assignment> out;
  do {
    out.push_back(assignment());
  } while (accept(TokenKind::Comma));
  return out;
}

ast::Operator Parser::where() {
  return {{}, {}, ast::Where{expression()}};
}
ast::Operator Parser::extend() {
  return {{}, {}, ast::Extend{assignments()}};
}
ast::Operator Parser::project() {
  // "project" alone keeps no column; the language allows it.
  want(&Wanted::expression);
  if (at(TokenKind::Pipe) || at(TokenKind::End)) return {{}, {}, ast::Project{}};
  return {{}, {}, ast::Project{assignments()}};
}
ast::Operator Parser::project_away() {
  return pick(ast::ColumnPick::Away);
}
ast::Operator Parser::project_keep() {
  return pick(ast::ColumnPick::Keep);
}
ast::Operator Parser::project_reorder() {
  return pick(ast::ColumnPick::Reorder);
}
ast::Operator Parser::project_rename() {
  return {{}, {}, ast::ProjectRename{assignments()}};
}
ast::Operator Parser::getschema() {
  return {{}, {}, ast::GetSchema{}};
}
ast::Operator Parser::count() {
  return {{}, {}, ast::Count{}};
}

// A column's name, possibly with '*' in it: device*, *Id, ["a b"].
std::optional<ast::Pattern> Parser::pattern(bool ordered) {
  ast::Pattern out;
  if (at(TokenKind::OpenBracket)) {
    auto quoted = name("a column's name");
    if (!quoted) return std::nullopt;
    out.name = std::move(*quoted);
  } else {
    out.name.span = peek().span;
    bool first = true;
    while ((at(TokenKind::Name) || at(TokenKind::Star)) && (first || adjacent_to_last())) {
      out.name.text += at(TokenKind::Star) ? "*" : peek().text;
      out.name.span.end = take().span.end;
      first = false;
    }
    if (first) {
      want(&Wanted::column);
      expected("a column's name, or a pattern such as Device*");
      return std::nullopt;
    }
  }
  if (ordered && (at_name("asc") || at_name("desc") || at_name("granny-asc"))) {
    out.descending = take().text == "desc";
  }
  return out;
}

ast::Operator Parser::pick(ast::ColumnPick kind) {
  ast::ProjectPick form{kind, {}};
  do {
    auto one = pattern(kind == ast::ColumnPick::Reorder);
    if (!one) break;
    form.patterns.push_back(std::move(*one));
  } while (accept(TokenKind::Comma));
  return {{}, {}, std::move(form)};
}

// summarize a=count(), max(x) by y, bin(t, 1h)
ast::Operator Parser::summarize() {
  ast::Summarize form;
  hints();
  if (!at_name("by")) form.aggregates = assignments();
  if (accept_name("by")) form.keys = assignments();
  return {{}, {}, std::move(form)};
}

// hint.shufflekey=x and the like: they only tell Kusto's cluster how to run it. What follows them
// may look like a property too (n = count()).
void Parser::hints() {
  while (at_name("hint") && peek(1).kind == TokenKind::Dot) {
    if (!property()) return;  // no '=': whoever called says what it expected
  }
}

ast::Operator Parser::distinct() {
  hints();
  if (at(TokenKind::Star)) {
    take();
    return {{}, {}, ast::Distinct{{}, true}};
  }
  return {{}, {}, ast::Distinct{assignments(), false}};
}

ast::Operator Parser::take_rows() {
  return {{}, {}, ast::Take{expression()}};
}
ast::Operator Parser::sample() {
  return {{}, {}, ast::Sample{expression()}};
}

ast::SortKey Parser::sort_key() {
  ast::SortKey out;
  out.value = expression();
  if (at_name("asc") || at_name("desc")) out.descending = take().text == "desc";
  if (accept_name("nulls")) {
    if (at_name("first") || at_name("last")) {
      out.nulls_first = take().text == "first";
    } else {
      expected("'first' or 'last' after 'nulls'");
    }
  }
  return out;
}

ast::Operator Parser::sort() {
  ast::Sort form;
  hints();
  if (!accept_name("by")) expected("'by' and the columns to sort by");
  do {
    form.keys.push_back(sort_key());
  } while (accept(TokenKind::Comma));
  return {{}, {}, std::move(form)};
}

// top 5 by x desc
ast::Operator Parser::top() {
  ast::Top form{expression(), {}};
  if (!accept_name("by")) {
    expected("'by' and the column that decides (top 5 by x)");
    return {{}, {}, ast::BadOperator{}};
  }
  form.key = sort_key();
  return {{}, {}, form};
}

}  // namespace kql::parse
