#include "kql/complete.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "kql/bind/bind.h"
#include "kql/bind/visible.h"
#include "kql/functions/function.h"
#include "kql/functions/special.h"
#include "kql/kql.h"
#include "kql/lex/lexer.h"
#include "kql/parse/parse.h"
#include "kql/parse/wanted.h"

namespace kql {
namespace {

using bind::Visible;
using lex::Token;
using lex::TokenKind;
using parse::Wanted;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Inside a string, a comment or a literal such as datetime(...), where there is nothing to suggest.
bool in_text(const std::vector<Token>& tokens, std::string_view query, std::size_t at) {
  std::size_t after = 0;
  for (const Token& token : tokens) {
    if (token.span.begin >= at) break;
    after = std::min<std::size_t>(token.span.end, at);
    const bool closed = token.kind == TokenKind::TypedLiteral
                            ? true
                            : token.span.end - token.span.begin > 1 &&
                                  query[token.span.end - 1] == query[token.span.begin];
    const bool text = token.kind == TokenKind::String || token.kind == TokenKind::TypedLiteral;
    if (text && (at < token.span.end || (at == token.span.end && !closed))) return true;
  }
  const std::string_view between = query.substr(after, at - after);
  const std::size_t comment = between.rfind("//");
  return comment != std::string_view::npos && between.find('\n', comment) == std::string_view::npos;
}

// Where the word begins that ends at the place. Operators' names may have a '-' within.
std::size_t word_begin(std::string_view query, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && is_word(query[begin - 1]))
    --begin;
  if (begin > 0 && query[begin - 1] == '!') --begin;
  std::size_t longer = begin;
  while (longer > 1 && query[longer - 1] == '-' && is_word(query[longer - 2])) {
    --longer;
    while (longer > 0 && is_word(query[longer - 1]))
      --longer;
  }
  std::size_t before = longer;
  while (before > 0 && is_blank(query[before - 1]))
    --before;
  return before > 0 && query[before - 1] == '|' ? longer : begin;
}

// --- signatures ---

struct OpenCall {
  std::string name;
  std::size_t argument = 0;
};

// The innermost call whose ')' is still to come.
std::optional<OpenCall> open_call(const std::vector<Token>& tokens, std::size_t at) {
  std::vector<OpenCall> open;
  for (std::size_t i = 0; i < tokens.size() && tokens[i].span.end <= at; ++i) {
    switch (tokens[i].kind) {
      case TokenKind::OpenParen:
      case TokenKind::OpenBracket:
      case TokenKind::OpenBrace: {
        const bool call = tokens[i].kind == TokenKind::OpenParen && i > 0 &&
                          tokens[i - 1].kind == TokenKind::Name;
        open.push_back({call ? tokens[i - 1].text : "", 0});
        break;
      }
      case TokenKind::CloseParen:
      case TokenKind::CloseBracket:
      case TokenKind::CloseBrace:
        if (!open.empty()) open.pop_back();
        break;
      case TokenKind::Comma:
        if (!open.empty()) ++open.back().argument;
        break;
      case TokenKind::Semicolon:
        open.clear();
        break;
      default:
        break;
    }
  }
  if (open.empty() || open.back().name.empty()) return std::nullopt;
  return std::move(open.back());
}

// "(a: long, b: text...): string" -> "a: long", "b: text..."
std::vector<std::string> parameters_of(std::string_view signature) {
  std::vector<std::string> out;
  const std::size_t end = signature.rfind(')');
  if (signature.empty() || end == std::string_view::npos || end < 1) return out;
  const std::string_view inside = signature.substr(1, end - 1);
  if (inside.empty()) return out;
  for (const std::string_view part : base::split(inside, ','))
    out.emplace_back(base::trim(part));
  return out;
}

Signature::Form form_of(std::string_view name, std::string_view signature) {
  Signature::Form form;
  form.label = fmt::format("{}{}", name, signature);
  form.parameters = parameters_of(signature);
  form.variadic = signature.find("...") != std::string_view::npos;
  return form;
}

void add_forms(std::string_view name, functions::Kind kind, Signature& out) {
  for (const functions::Overload& each : functions::find(name, kind)) {
    out.forms.push_back(form_of(name, each.entry->signature));
    if (out.documentation.empty()) out.documentation = each.entry->summary;
  }
  for (const functions::SpecialForm& each : functions::special_forms()) {
    if (each.name != name || each.kind != kind) continue;
    out.forms.push_back(form_of(name, each.signature));
    if (out.documentation.empty()) out.documentation = each.summary;
  }
}

std::string lambda_signature(const ast::Lambda& lambda) {
  std::string out = "(";
  for (const ast::Parameter& parameter : lambda.parameters) {
    if (out.size() > 1) out += ", ";
    out += fmt::format("{}: {}", parameter.name.text,
                       parameter.tabular ? "table" : type_name(parameter.type));
  }
  return out + ")";
}

std::optional<Signature> signature_of(const OpenCall& call, const Visible& visible) {
  Signature out;
  out.name = call.name;
  out.argument = call.argument;
  for (const Visible::Bound& bound : visible.bound) {
    if (bound.name != call.name || bound.lambda == nullptr) continue;
    out.documentation = "A function of this query.";
    out.forms.push_back(form_of(call.name, lambda_signature(*bound.lambda)));
    return out;
  }
  add_forms(call.name, functions::Kind::Aggregate, out);
  add_forms(call.name, functions::Kind::Scalar, out);
  if (out.forms.empty()) return std::nullopt;
  return out;
}

// --- suggestions ---

struct FunctionWords {
  std::string detail;
  std::string documentation;
};

// Every function of a kind with its first form.
std::map<std::string_view, FunctionWords> functions_of(functions::Kind kind) {
  std::map<std::string_view, FunctionWords> out;
  for (const std::string_view name : functions::names(kind)) {
    FunctionWords& words = out[name];
    for (const functions::Overload& each : functions::find(name, kind)) {
      if (words.detail.empty()) words.detail = each.entry->signature;
      if (words.documentation.empty()) words.documentation = each.entry->summary;
    }
  }
  for (const functions::SpecialForm& each : functions::special_forms()) {
    if (each.kind != kind) continue;
    FunctionWords& words = out[each.name];
    if (words.detail.empty()) words.detail = each.signature;
    if (words.documentation.empty()) words.documentation = each.summary;
  }
  if (kind == functions::Kind::Scalar) {
    for (const std::string_view name : functions::special_names())
      out.try_emplace(name);
  }
  return out;
}

const std::map<std::string_view, FunctionWords>& known_functions(functions::Kind kind) {
  static const auto scalars = functions_of(functions::Kind::Scalar);
  static const auto aggregates = functions_of(functions::Kind::Aggregate);
  return kind == functions::Kind::Aggregate ? aggregates : scalars;
}

// Collects what fits the piece of a word that is there, each label once.
class Collector {
 public:
  explicit Collector(std::string_view typed) : typed_(base::to_lower(typed)) {}

  void add(Suggestion suggestion) {
    // A name that is still to be written: (:long) { ... }
    if (suggestion.label.empty()) return;
    const std::string lower = base::to_lower(suggestion.label);
    const std::size_t found = lower.find(typed_);
    if (found == std::string::npos || !known_.insert(suggestion.label).second) return;
    if (suggestion.insert.empty()) suggestion.insert = suggestion.label;
    (found == 0 ? first_ : rest_).push_back(std::move(suggestion));
  }
  void add(std::string_view label, SuggestionKind kind, std::string_view detail = {},
           std::string_view documentation = {}) {
    add({std::string(label), kind, "", std::string(detail), std::string(documentation)});
  }
  void column(const Column& column) {
    add({column.name, SuggestionKind::Column, quoted(column.name),
         std::string(type_name(column.type)), ""});
  }

  // Those that begin with the piece come before those that have it within.
  std::vector<Suggestion> take() && {
    std::ranges::move(rest_, std::back_inserter(first_));
    return std::move(first_);
  }

 private:
  static std::string quoted(const std::string& name) {
    const bool plain =
        !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, is_word);
    return plain ? name : fmt::format("[{}]", base::json::quoted(name));
  }

  std::string typed_;
  std::set<std::string> known_;
  std::vector<Suggestion> first_;
  std::vector<Suggestion> rest_;
};

void add_columns(const std::vector<Column>& columns, Collector& out) {
  for (const Column& column : columns)
    out.column(column);
}

void add_bound(const Visible& visible, Visible::Kind kind, Collector& out) {
  for (const Visible::Bound& bound : visible.bound) {
    if (bound.kind != kind) continue;
    if (bound.lambda == nullptr) {
      out.add(bound.name, SuggestionKind::Variable, kind == Visible::Kind::Table ? "table" : "let");
      continue;
    }
    out.add({bound.name, SuggestionKind::Function, bound.name + "(",
             lambda_signature(*bound.lambda), "A function of this query."});
  }
}

void add_functions(functions::Kind kind, Collector& out) {
  const bool aggregate = kind == functions::Kind::Aggregate;
  for (const auto& [name, words] : known_functions(kind)) {
    out.add({std::string(name), aggregate ? SuggestionKind::Aggregate : SuggestionKind::Function,
             std::string(name) + "(", words.detail, words.documentation});
  }
}

void add_tables(const Catalogue& catalogue, const Visible& visible, Collector& out) {
  add_bound(visible, Visible::Kind::Table, out);
  for (const Table& table : catalogue.tables())
    out.add(table.name, SuggestionKind::Table, "table", table.description);
  add_bound(visible, Visible::Kind::Function, out);
}

void add_operators(Collector& out) {
  for (const std::string_view name : parse::operator_names()) {
    const OperatorDocument* document = operator_document(name);
    out.add({std::string(name), SuggestionKind::Operator, std::string(name) + " ",
             document == nullptr ? "" : std::string(document->form),
             document == nullptr ? "" : std::string(document->summary)});
  }
}

void add_comparisons(Collector& out) {
  for (const std::string_view word : parse::comparison_words())
    out.add(word, SuggestionKind::Keyword, "", "");
}

void add_plugins(Collector& out) {
  for (const std::string_view name : bind::plugin_names())
    out.add({std::string(name), SuggestionKind::Function, std::string(name) + "(", "plugin", ""});
}

void add_literals(Collector& out) {
  for (const std::string_view word : {"true", "false"})
    out.add(word, SuggestionKind::Keyword);
  for (const std::string_view word : {"datetime", "timespan", "dynamic", "guid", "typeof"})
    out.add({std::string(word), SuggestionKind::Keyword, std::string(word) + "(", "", ""});
}

void add_values(const Wanted& wanted, const Visible& visible, Collector& out) {
  if (visible.aggregates) add_functions(functions::Kind::Aggregate, out);
  if (!visible.aggregates || visible.columns.empty()) add_columns(visible.columns, out);
  add_columns(visible.left, out);
  add_columns(visible.right, out);
  add_bound(visible, Visible::Kind::Value, out);
  add_bound(visible, Visible::Kind::Function, out);
  // At the very start of a query a table is meant, though a value would do.
  if (wanted.statement) return;
  add_functions(functions::Kind::Scalar, out);
  add_literals(out);
}

// The columns of one side, behind $left. and $right.
bool add_side(const std::vector<Token>& before, const Visible& visible, Collector& out) {
  const std::size_t count = before.size();
  if (count < 1 || before[count - 1].kind != TokenKind::Dot) return false;
  const std::string_view side = count < 2 ? std::string_view() : before[count - 2].text;
  if (side == "$left") add_columns(visible.left, out);
  if (side == "$right") add_columns(visible.right, out);
  return true;
}

// kind= of a join, a lookup or a union.
bool add_kinds(const std::vector<Token>& before, Collector& out) {
  const std::size_t count = before.size();
  if (count < 3 || before[count - 1].kind != TokenKind::Assign || before[count - 2].text != "kind")
    return false;
  for (const std::string_view kind : bind::kinds_of(before[count - 3].text))
    out.add(kind, SuggestionKind::Keyword);
  return true;
}

// Words that the grammar knows only to refuse them or to take them as they come from Kusto's own
// portal; and conditions, where there are no rows.
bool is_shown(std::string_view word, const Visible& visible) {
  constexpr std::array<std::string_view, 8> kHidden{
      "alias", "restrict", "hint", "externaldata", "find", "view", "external_table", "granny-asc"};
  if (std::ranges::find(kHidden, word) != kHidden.end()) return false;
  return visible.rows || (word != "and" && word != "or");
}

void add_wanted(const Wanted& wanted, const Visible& visible, const Catalogue& catalogue,
                Collector& out) {
  constexpr std::array kTypes{Type::Bool,    Type::Int,    Type::Long,     Type::Real,
                              Type::Decimal, Type::String, Type::DateTime, Type::TimeSpan,
                              Type::Guid,    Type::Dynamic};
  if (wanted.operators) add_operators(out);
  if (wanted.type) {
    for (const Type type : kTypes)
      out.add(type_name(type), SuggestionKind::Type);
  }
  for (const std::string& word : wanted.words) {
    if (is_shown(word, visible)) out.add(word, SuggestionKind::Keyword);
  }
  if (wanted.only_table) add_tables(catalogue, visible, out);
  if (wanted.column) add_columns(visible.columns, out);
  if (wanted.plugin) add_plugins(out);
  if (wanted.function) add_bound(visible, Visible::Kind::Function, out);
  if (wanted.chart) {
    for (const std::string_view chart : bind::chart_names())
      out.add(chart, SuggestionKind::Keyword);
  }
  if (wanted.expression && !wanted.only_table) add_values(wanted, visible, out);
  if (wanted.table) add_tables(catalogue, visible, out);
  if (wanted.comparisons && visible.rows) add_comparisons(out);
}

bool acceptable(std::string_view query) {
  return query.size() <= kMaxQueryBytes && base::is_utf8(query) &&
         query.find('\0') == std::string_view::npos;
}

}  // namespace

std::string_view to_string(SuggestionKind kind) {
  constexpr std::array<std::string_view, 8> kNames{"table",     "column",   "variable", "function",
                                                   "aggregate", "operator", "keyword",  "type"};
  return kNames[static_cast<std::size_t>(kind)];
}

Completion complete(std::string_view query, std::size_t at, const Catalogue& catalogue) {
  Completion out;
  at = std::min(at, query.size());
  out.offset = at;
  if (!acceptable(query)) return out;
  // What follows the place may be anything: a later line, or the rest of the word.
  const std::string_view text = query.substr(0, at);
  if (!base::is_utf8(text)) return out;
  Diagnostics ignored(text);
  std::vector<Token> tokens = lex::tokenize(ignored);
  tokens.pop_back();
  const bool silent = in_text(tokens, text, at);
  const std::size_t begin = silent ? at : word_begin(text, at);
  const std::string_view typed = text.substr(begin, at - begin);

  const std::string_view head = text.substr(0, begin);
  std::erase_if(tokens, [begin](const Token& token) { return token.span.begin >= begin; });
  Diagnostics diagnostics(head);
  Wanted wanted;
  const ast::Tree tree = parse::parse(diagnostics, &wanted);
  Visible visible;
  visible.end = static_cast<std::uint32_t>(head.size());
  visible.last_token_end = tokens.empty() ? 0 : tokens.back().span.end;
  bind::Settings settings;
  settings.lenient = true;
  settings.visible = &visible;
  (void)bind::bind(tree, catalogue, settings, diagnostics);

  const auto call = open_call(tokens, begin);
  if (call) out.signature = signature_of(*call, visible);
  const bool number = !typed.empty() && typed.front() >= '0' && typed.front() <= '9';
  // datetime(2020-: not a call but a literal that is still open.
  const bool literal = call && type_of_name(call->name).has_value();
  if (silent || number || literal) return out;
  out.offset = begin;
  out.length = at - begin;
  Collector found(typed);
  if (!add_side(tokens, visible, found) && !add_kinds(tokens, found))
    add_wanted(wanted, visible, catalogue, found);
  out.items = std::move(found).take();
  return out;
}

}  // namespace kql
