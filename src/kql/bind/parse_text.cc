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

}  // namespace

void Binder::operate(const ast::Parse& form, Relation& input) {
  Mode mode = Mode::Simple;
  std::string flags = "s";
  for (const ast::Property& property : form.properties) {
    const std::string& value = property.value.text;
    if (property.name.text == "kind" &&
        (value == "simple" || value == "relaxed" || value == "regex")) {
      mode = value == "simple" ? Mode::Simple : value == "relaxed" ? Mode::Relaxed : Mode::Regex;
    } else if (property.name.text == "flags" &&
               value.find_first_not_of("imsU") == std::string::npos) {
      flags = value;
    } else {
      diagnostics_.error(property.name.span,
                         "expected kind=simple, kind=relaxed or kind=regex, and "
                         "flags= of i, m, s and U");
      return;
    }
  }
  const Relation* before = std::exchange(rows_, &input);
  ExprRef text = expr(form.input);
  rows_ = before;
  if (text != nullptr && text->type != Type::String && text->type != Type::Dynamic) {
    diagnostics_.error(form.input->span,
                       fmt::format("'parse' needs a string, found {}", type_name(text->type)));
    text = nullptr;
  }
  text = convert(text, Type::String);
  if (text == nullptr || input.node == nullptr) {
    input.incomplete = true;
    return;
  }
  // The expression with the column number `wanted` as its only group of ours.
  int group = 1;
  const auto expression = [&](std::size_t wanted) {
    std::string out = fmt::format("(?{})^", flags);
    int groups = 0;
    for (std::size_t i = 0; i < form.pieces.size(); ++i) {
      const ast::ParsePiece& piece = form.pieces[i];
      const bool last = i + 1 == form.pieces.size();
      if (piece.text) {
        const std::string& part = *piece.text->if_text();
        out += mode == Mode::Regex ? fmt::format("(?:{})", part) : RE2::QuoteMeta(part);
        if (mode == Mode::Regex) groups += RE2(part, RE2::Quiet).NumberOfCapturingGroups();
      } else if (piece.name) {
        const std::string_view pattern = piece_pattern(piece.name->type, mode, last);
        out += fmt::format("{}{})", i == wanted ? "(" : "(?:", pattern);
        if (i == wanted) group = groups + 1;
      } else {
        out += last ? ".*" : ".*?";
      }
    }
    return out + "$";
  };
  for (const ast::ParsePiece& piece : form.pieces) {
    if (mode != Mode::Regex || !piece.text) continue;
    if (!check_regex(constant(*piece.text), piece.span)) return;
  }
  plan::Extend extend{input.node, {}};
  std::vector<plan::NamedColumn> columns = input.columns;
  std::vector<plan::NamedColumn> added;
  for (std::size_t i = 0; i < form.pieces.size(); ++i) {
    const ast::ParsePiece& piece = form.pieces[i];
    if (!piece.name || !declare(piece.name->name, added)) continue;
    const ExprRef pattern = constant(Value::text(expression(i)));
    if (group > 9) {
      diagnostics_.error(piece.span, "more than 8 groups before this column");
      return;
    }
    const ExprRef part =
        apply_overload(overload_of(kExtract),
                       {text, pattern, constant(Value::of(Type::Long, group))}, Type::String);
    const ExprRef value = convert(part, piece.name->type);
    if (value == nullptr) return;
    const ColumnId id = new_column();
    extend.outputs.push_back({id, value});
    plan::NamedColumn column{piece.name->name.text, value->type, id, true};
    added.push_back(column);
    const auto known = std::find_if(columns.begin(), columns.end(), [&column](const auto& each) {
      return each.name == column.name;
    });
    if (known != columns.end()) {
      *known = std::move(column);
    } else {
      columns.push_back(std::move(column));
    }
  }
  if (form.filter) {
    const ExprRef pattern = constant(Value::text(expression(form.pieces.size())));
    const ExprRef matched = apply_overload(overload_of(kMatches), {text, pattern}, Type::Bool);
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
