// parse-kv: names and values within text become columns.

#include <re2/re2.h>

#include "base/json.h"
#include "kql/bind/build.h"

namespace kql::bind {
namespace {

constexpr functions::Entry kPairs{"", "(): dynamic",
                                  "native_parse_kv({0}, {1}, {2}, {3}, {4}, {5}, {6})"};

constexpr functions::Entry kRegexPairs{"", "(): dynamic", "native_regex_pairs({0}, {1})"};

}  // namespace

// How names and values are told apart.
struct Binder::PairsManner {
  std::string pair;
  std::string middle;
  std::string quote;
  std::string escape;
  bool greedy = false;
  std::string regex;  // two groups: the name, the value
};

std::optional<Binder::PairsManner> Binder::pairs_manner(const ast::ParseKv& form,
                                                        Diagnostics& diagnostics) {
  PairsManner out;
  for (const ast::Property& property : form.properties) {
    const std::string& name = property.name.text;
    const std::string& value = property.value.text;
    if (name == "pair_delimiter") {
      out.pair = value;
    } else if (name == "kv_delimiter") {
      out.middle = value;
    } else if (name == "quote" && value.size() <= 2) {
      out.quote = value;
    } else if (name == "escape" && value.size() <= 1) {
      out.escape = value;
    } else if (name == "greedy" && (value == "true" || value == "false")) {
      out.greedy = value == "true";
    } else if (name == "regex") {
      const RE2 compiled(value, RE2::Quiet);
      if (!compiled.ok() || compiled.NumberOfCapturingGroups() != 2) {
        diagnostics.error(
            property.value.span,
            "expected a regular expression (RE2) with two groups, for the name and the "
            "value");
        return std::nullopt;
      }
      out.regex = value;
    } else {
      diagnostics.error(property.name.span,
                        "expected pair_delimiter, kv_delimiter, quote (one or two characters), "
                        "escape (one), greedy (true, false) or regex");
      return std::nullopt;
    }
  }
  return out;
}

// The names and values that the text has, as a bag.
ExprRef Binder::pairs_bag(const ast::ParseKv& form, const PairsManner& manner, ExprRef text) {
  if (text == nullptr) return nullptr;
  static const functions::Overload by_delimiters{&kPairs, {}, false, Type::Dynamic};
  static const functions::Overload by_regex{&kRegexPairs, {}, false, Type::Dynamic};
  const std::uint32_t weight = text->weight + 8;
  if (!manner.regex.empty()) {
    return make(Type::Dynamic, true, weight,
                plan::Apply{&by_regex, {text, constant(Value::text(manner.regex))}});
  }
  std::string names = "[";
  for (const ast::NamedType& each : form.columns)
    names += (names.size() > 1 ? "," : "") + base::json::quoted(each.name.text);
  return make(
      Type::Dynamic, true, weight,
      plan::Apply{&by_delimiters,
                  {text, constant(Value::text(names + "]")), constant(Value::text(manner.pair)),
                   constant(Value::text(manner.middle)), constant(Value::text(manner.quote)),
                   constant(Value::text(manner.escape)), constant(Value::of(manner.greedy))}});
}

void Binder::operate(const ast::ParseKv& form, Relation& input) {
  const auto manner = pairs_manner(form, diagnostics_);
  const Relation* before = std::exchange(rows_, &input);
  ExprRef text = expr(form.input);
  rows_ = before;
  if (text != nullptr && text->type != Type::String && text->type != Type::Dynamic) {
    diagnostics_.error(form.input->span,
                       fmt::format("'parse-kv' needs a string, found {}", type_name(text->type)));
    text = nullptr;
  }
  if (!manner || text == nullptr || input.node == nullptr) {
    input.incomplete = true;
    return;
  }
  const ExprRef bag = pairs_bag(form, *manner, convert(text, Type::String));
  // The bag as a column of its own, so that it is made once for each row.
  const ColumnId bag_id = new_column();
  plan::Extend first{input.node, {{bag_id, bag}}};
  plan::Extend extend{node(std::move(first)), {}};
  const ExprRef held = make(Type::Dynamic, true, 1, plan::ColumnRef{bag_id});
  std::vector<plan::NamedColumn> added;
  std::vector<plan::NamedColumn> columns = input.columns;
  for (const ast::NamedType& each : form.columns) {
    if (!declare(each.name, added)) continue;
    const ExprRef value = convert(member(held, {each.name.text}, each.name.span), each.type);
    if (value == nullptr) return;
    const ColumnId id = new_column();
    extend.outputs.push_back({id, value});
    added.push_back({each.name.text, each.type, id, true});
    set_column(columns, added.back());
  }
  if (extend.outputs.empty()) return;
  input.node = node(std::move(extend));
  input.columns = std::move(columns);
}

}  // namespace kql::bind
