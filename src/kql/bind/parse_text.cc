// parse and parse-where: the pattern becomes one regular expression for each column.

#include <algorithm>

#include <re2/re2.h>

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

enum class Mode : std::uint8_t { Simple, Relaxed, Regex };

constexpr functions::Entry kExtract{"", "(text: string, regex: string, group: long): string",
                                    "regexp_extract({0}, {1}, {2}::INTEGER)"};
constexpr functions::Entry kMatches{"", "(text: string, regex: string): bool",
                                    "regexp_matches({0}, {1})"};

const functions::Overload& overload_of(const functions::Entry& entry) {
  static const functions::Overload extract = [] {
    functions::Overload out;
    out.entry = &kExtract;
    return out;
  }();
  static const functions::Overload matches = [] {
    functions::Overload out;
    out.entry = &kMatches;
    out.result = Type::Bool;
    return out;
  }();
  return &entry == &kExtract ? extract : matches;
}

// What a column of that type takes from the text.
std::string_view piece_pattern(Type type, Mode mode, bool last) {
  if (mode != Mode::Relaxed && is_integer(type)) return "[-+]?\\d+";
  if (mode != Mode::Relaxed && type == Type::Real) return "[-+]?\\d*\\.?\\d+(?:[eE][-+]?\\d+)?";
  return last ? ".*" : ".*?";
}

// How the pieces become expressions.
struct Manner {
  Mode mode = Mode::Simple;
  std::string flags = "s";
};

std::optional<Manner> manner_of(const ast::Parse& form, Diagnostics& diagnostics) {
  Manner manner;
  for (const ast::Property& property : form.properties) {
    const std::string& value = property.value.text;
    if (property.name.text == "kind" &&
        (value == "simple" || value == "relaxed" || value == "regex")) {
      manner.mode = value == "simple"    ? Mode::Simple
                    : value == "relaxed" ? Mode::Relaxed
                                         : Mode::Regex;
    } else if (property.name.text == "flags" &&
               value.find_first_not_of("imsU") == std::string::npos) {
      manner.flags = value;
    } else {
      diagnostics.error(property.name.span,
                        "expected kind=simple, kind=relaxed or kind=regex, and "
                        "flags= of i, m, s and U");
      return std::nullopt;
    }
  }
  return manner;
}

struct Expression {
  std::string text;
  int group = 1;  // of the wanted column
};

// The expression with the piece number `wanted` as its only group of ours.
Expression expression_of(const ast::Parse& form, const Manner& manner, std::size_t wanted) {
  const bool regex = manner.mode == Mode::Regex;
  Expression out{fmt::format("(?{})^", manner.flags)};
  int groups = 0;
  for (std::size_t i = 0; i < form.pieces.size(); ++i) {
    const ast::ParsePiece& piece = form.pieces[i];
    const bool last = i + 1 == form.pieces.size();
    if (piece.text) {
      const std::string& part = *piece.text->if_text();
      out.text += regex ? fmt::format("(?:{})", part) : RE2::QuoteMeta(part);
      if (regex) groups += RE2(part, RE2::Quiet).NumberOfCapturingGroups();
    } else if (piece.name) {
      const std::string_view pattern = piece_pattern(piece.name->type, manner.mode, last);
      out.text += fmt::format("{}{})", i == wanted ? "(" : "(?:", pattern);
      if (i == wanted) out.group = groups + 1;
    } else {
      out.text += last ? ".*" : ".*?";
    }
  }
  out.text += "$";
  return out;
}

}  // namespace

// The text that parse reads; nullptr, with its error told, when there is none.
ExprRef Binder::parse_input(const ast::Parse& form, const Relation& input) {
  const Relation* before = std::exchange(rows_, &input);
  const ExprRef text = expr(form.input);
  rows_ = before;
  if (text != nullptr && text->type != Type::String && text->type != Type::Dynamic) {
    diagnostics_.error(form.input->span,
                       fmt::format("'parse' needs a string, found {}", type_name(text->type)));
    return nullptr;
  }
  return convert(text, Type::String);
}

void Binder::operate(const ast::Parse& form, Relation& input) {
  const auto manner = manner_of(form, diagnostics_);
  if (!manner) return;
  const ExprRef text = parse_input(form, input);
  if (text == nullptr || input.node == nullptr) {
    input.incomplete = true;
    return;
  }
  for (const ast::ParsePiece& piece : form.pieces) {
    if (manner->mode != Mode::Regex || !piece.text) continue;
    if (!check_regex(constant(*piece.text), piece.span)) return;
  }
  plan::Extend extend{input.node, {}};
  std::vector<plan::NamedColumn> columns = input.columns;
  std::vector<plan::NamedColumn> added;
  for (std::size_t i = 0; i < form.pieces.size(); ++i) {
    const ast::ParsePiece& piece = form.pieces[i];
    if (!piece.name || !declare(piece.name->name, added)) continue;
    const Expression expression = expression_of(form, *manner, i);
    if (expression.group > 9) {
      diagnostics_.error(piece.span, "more than 8 groups before this column");
      return;
    }
    const ExprRef part = apply_overload(overload_of(kExtract),
                                        {text, constant(Value::text(expression.text)),
                                         constant(Value::of(Type::Long, expression.group))},
                                        Type::String);
    const ExprRef value = convert(part, piece.name->type);
    if (value == nullptr) return;
    const ColumnId id = new_column();
    extend.outputs.push_back({id, value});
    added.push_back({piece.name->name.text, value->type, id, true});
    set_column(columns, added.back());
  }
  if (form.filter) {
    const Expression whole = expression_of(form, *manner, form.pieces.size());
    const ExprRef matched = apply_overload(overload_of(kMatches),
                                           {text, constant(Value::text(whole.text))}, Type::Bool);
    extend.input = node(plan::Filter{input.node, matched});
  }
  if (extend.outputs.empty()) {
    input.node = extend.input;
    return;
  }
  input.node = node(std::move(extend));
  input.columns = std::move(columns);
}

}  // namespace kql::bind
