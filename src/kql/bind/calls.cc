// Calls that are more than an overload: their arguments have a form of their own.

#include <algorithm>
#include <array>

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

// $.a['b'][0] as steps; nullopt when it is no such path.
std::optional<std::vector<plan::Step>> read_json_path(std::string_view text) {
  std::vector<plan::Step> steps;
  if (!text.starts_with('$')) return std::nullopt;
  text.remove_prefix(1);
  while (!text.empty()) {
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      const std::size_t end = std::min(text.find_first_of(".["), text.size());
      if (end == 0 || text.substr(0, end) == "*") return std::nullopt;
      steps.emplace_back().key = std::string(text.substr(0, end));
      text.remove_prefix(end);
      continue;
    }
    if (!text.starts_with('[')) return std::nullopt;
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close < 2) return std::nullopt;
    std::string_view inside = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    const char quote = inside.front();
    if (quote == '\'' || quote == '"') {
      if (inside.size() < 2 || inside.back() != quote) return std::nullopt;
      steps.emplace_back().key = std::string(inside.substr(1, inside.size() - 2));
      continue;
    }
    std::int64_t index = 0;
    for (const char c : inside) {
      if (c < '0' || c > '9' || index > INT32_MAX) return std::nullopt;
      index = index * 10 + (c - '0');
    }
    steps.emplace_back().key = index;
  }
  return steps;
}

}  // namespace

ExprRef Binder::form(const ast::Call& form, Span span) {
  note_call(span);
  const Binding* binding = scope_ == nullptr ? nullptr : scope_->find(form.name.text);
  if (binding != nullptr && std::holds_alternative<LetBroken>(*binding)) return nullptr;
  if (binding != nullptr) {
    if (const auto* function = std::get_if<LetFunction>(binding)) {
      return call_scalar(form, *function, span);
    }
  }
  bool known = false;
  const ExprRef special = special_call(form, span, known);
  if (known) return special;
  const bool scalar = !functions::find(form.name.text, functions::Kind::Scalar).empty();
  const bool aggregate = !functions::find(form.name.text, functions::Kind::Aggregate).empty();
  if (aggregates_ != nullptr && aggregate) return aggregate_call(form, span);
  if (scalar) return overloaded(form, functions::Kind::Scalar, span);
  unknown_function(form.name);
  return nullptr;
}

ExprRef Binder::special_call(const ast::Call& call, Span span, bool& known) {
  using Member = ExprRef (Binder::*)(const ast::Call&, Span);
  struct Special {
    std::string_view name;
    Member bind;
  };
  static constexpr std::array kSpecials{
      Special{"iff", &Binder::choose},
      Special{"iif", &Binder::choose},
      Special{"case", &Binder::choose},
      Special{"extractjson", &Binder::extract_json},
      Special{"extract_json", &Binder::extract_json},
      Special{"toscalar", &Binder::to_scalar},
      Special{"bag_pack", &Binder::pack},
      Special{"pack", &Binder::pack},
      Special{"pack_dictionary", &Binder::pack},
      Special{"pack_array", &Binder::pack_array},
      Special{"pack_all", &Binder::pack_all},
      Special{"column_ifexists", &Binder::column_if_exists},
      Special{"columnifexists", &Binder::column_if_exists},
      Special{"iscolumnexists", &Binder::is_column},
      Special{"bag_pack_columns", &Binder::pack_columns},
      Special{"bin_auto", &Binder::bin_auto},
      Special{"hash_many", &Binder::hash_many},
      Special{"estimate_data_size", &Binder::estimate_size},
      Special{"now", &Binder::now_call},
      Special{"ago", &Binder::now_call},
      Special{"format_datetime", &Binder::format_datetime_call},
      Special{"column_if_exists", &Binder::column_if_exists},
      Special{"ingestion_time", &Binder::ingestion_time},
      Special{"row_number", &Binder::window_call},
      Special{"row_cumsum", &Binder::window_call},
      Special{"row_rank_dense", &Binder::window_call},
      Special{"row_rank_min", &Binder::window_call},
      Special{"row_window_session", &Binder::window_call},
      Special{"prev", &Binder::window_call},
      Special{"next", &Binder::window_call},
  };
  for (const Special& special : kSpecials) {
    if (special.name != call.name.text) continue;
    known = true;
    return (this->*special.bind)(call, span);
  }
  if (call.name.text == "extract" && call.arguments.size() == 4) {
    known = true;
    return extract_typed(call, span);
  }
  if (call.name.text == "percentile_tdigest" && call.arguments.size() == 3) {
    known = true;
    return typed_percentile(call, span);
  }
  return nullptr;
}

// now(), now(offset) and ago(span) are constants of the query where their argument is.
ExprRef Binder::now_call(const ast::Call& call, Span span) {
  const bool ago = call.name.text == "ago";
  if (!argument_count(call, ago ? 1 : 0, 1, span)) return nullptr;
  const ExprRef now = constant(Value::of(Type::DateTime, now_));
  if (call.arguments.empty()) return now;
  const ast::Expr& argument = *call.arguments.front().value;
  const ExprRef offset = expr(argument);
  if (offset == nullptr) return nullptr;
  if (offset->type != Type::TimeSpan && offset->type != Type::Dynamic) {
    diagnostics_.error(argument.span, fmt::format("'{}' expects a timespan such as 1d, found {}",
                                                  call.name.text, type_name(offset->type)));
    return nullptr;
  }
  return arithmetic(ago ? ast::BinaryOp::Subtract : ast::BinaryOp::Add, now,
                    convert(offset, Type::TimeSpan), span);
}

// When the hub took the row in: TimeGenerated, where the rows still have it.
ExprRef Binder::ingestion_time(const ast::Call& call, Span span) {
  if (!argument_count(call, 0, 0, span)) return nullptr;
  const plan::NamedColumn* taken = rows_ == nullptr ? nullptr : rows_->find("TimeGenerated");
  if (taken != nullptr && taken->type == Type::DateTime) return column(*taken);
  return constant(Value::null(Type::DateTime));
}

// iff(condition, a, b) and case(condition, a, condition, b, ..., otherwise).
ExprRef Binder::choose(const ast::Call& call, Span span) {
  const bool is_case = call.name.text == "case";
  if (!argument_count(call, 3, is_case ? SIZE_MAX : 3, span)) return nullptr;
  if (call.arguments.size() % 2 == 0) {
    diagnostics_.error(span,
                       "'case' takes pairs of a condition and a value, and at last a value for "
                       "the rest: found an even number of arguments");
    return nullptr;
  }
  plan::Choose form;
  std::vector<ExprRef> values;
  bool failed = false;
  for (std::size_t i = 0; i + 1 < call.arguments.size(); i += 2) {
    const ExprRef condition = boolean(*call.arguments[i].value, "a condition");
    const ExprRef value = expr(call.arguments[i + 1].value);
    failed = failed || condition == nullptr || value == nullptr;
    if (failed) continue;
    form.branches.push_back({condition, value});
    values.push_back(value);
  }
  const ExprRef otherwise = expr(call.arguments.back().value);
  if (failed || otherwise == nullptr) return nullptr;
  values.push_back(otherwise);
  Type type = values.front()->type;
  for (std::size_t i = 1; i < values.size(); ++i) {
    // Values of which one is dynamic are all dynamic.
    const bool dynamic = type == Type::Dynamic || values[i]->type == Type::Dynamic;
    const auto common = dynamic ? std::optional(Type::Dynamic) : common_type(type, values[i]->type);
    if (!common) {
      const std::size_t at = i + 1 == values.size() ? call.arguments.size() - 1 : i * 2 + 1;
      diagnostics_.error(call.arguments[at].span,
                         fmt::format("the values of '{}' must be of one type: found {} and {}",
                                     call.name.text, type_name(type), type_name(values[i]->type)));
      return nullptr;
    }
    type = *common;
  }
  bool nullable = false;
  std::uint64_t weight = 1;
  const auto ready = [&](ExprRef value) {
    const ExprRef out = type == Type::Dynamic && value->type == Type::String ? quoted_json(value)
                                                                             : convert(value, type);
    if (out != nullptr) nullable = nullable || out->nullable;
    if (out != nullptr) weight += out->weight;
    return out;
  };
  for (plan::Choose::Branch& branch : form.branches) {
    branch.value = ready(branch.value);
    if (branch.value == nullptr) return nullptr;
    weight += branch.condition->weight;
  }
  form.otherwise = ready(otherwise);
  if (form.otherwise == nullptr) return nullptr;
  return make(type, nullable,
              static_cast<std::uint32_t>(std::min<std::uint64_t>(weight, UINT32_MAX)),
              std::move(form));
}

// extractjson("$.a.b", text, typeof(long))
ExprRef Binder::extract_json(const ast::Call& call, Span span) {
  if (!argument_count(call, 2, 3, span)) return nullptr;
  const ExprRef path = expr(call.arguments[0].value);
  ExprRef text = expr(call.arguments[1].value);
  if (path == nullptr || text == nullptr) return nullptr;
  Type type = Type::String;
  if (call.arguments.size() == 3) {
    const auto* wanted = std::get_if<ast::TypeOf>(&call.arguments[2].value->form);
    if (wanted == nullptr) {
      diagnostics_.error(call.arguments[2].span, "expected typeof(...) as the third argument");
      return nullptr;
    }
    type = wanted->type;
  }
  const auto* known = std::get_if<plan::Constant>(&path->form);
  const std::string* path_text = known == nullptr ? nullptr : known->value.if_text();
  const auto steps = path_text == nullptr ? std::nullopt : read_json_path(*path_text);
  if (!steps) {
    diagnostics_.error(call.arguments[0].span, "expected a JSON path such as \"$.a.b[0]\"");
    return nullptr;
  }
  if (text->type != Type::String && text->type != Type::Dynamic) {
    diagnostics_.error(call.arguments[1].span,
                       fmt::format("expected JSON text, found {}", type_name(text->type)));
    return nullptr;
  }
  text = convert(text, Type::Dynamic);
  for (const plan::Step& step : *steps)
    text = member(text, step, span);
  return convert(text, type);
}

// extract(regex, group, text, typeof(long))
ExprRef Binder::extract_typed(const ast::Call& call, Span span) {
  const auto* wanted = std::get_if<ast::TypeOf>(&call.arguments[3].value->form);
  if (wanted == nullptr) {
    diagnostics_.error(call.arguments[3].span, "expected typeof(...) as the fourth argument");
    return nullptr;
  }
  ast::Call shorter = call;
  shorter.arguments.pop_back();
  return convert(overloaded(shorter, functions::Kind::Scalar, span), wanted->type);
}

ExprRef Binder::to_scalar(const ast::Call& call, Span span) {
  if (!argument_count(call, 1, 1, span)) return nullptr;
  const ast::Expr& argument = *call.arguments.front().value;
  if (!is_tabular(argument)) return expr(argument);
  if (depth_ >= kMaxDepth) {
    diagnostics_.error(span, "queries are nested too deeply");
    return nullptr;
  }
  const Relation* before = std::exchange(rows_, nullptr);
  const Relation table = relation(argument);
  rows_ = before;
  if (table.incomplete) return nullptr;
  if (table.columns.empty()) {
    diagnostics_.error(argument.span, "toscalar() needs a table with a column");
    return nullptr;
  }
  const plan::NamedColumn& first = table.columns.front();
  plan_.shared.emplace_back(plan::SharedScalar{table.node, first.id, first.type});
  return make(first.type, true, 1, plan::ScalarRef{plan_.shared.size() - 1});
}

// bag_pack("a", x, "b", y)
ExprRef Binder::pack(const ast::Call& call, Span span) {
  if (!argument_count(call, 2, SIZE_MAX, span)) return nullptr;
  std::vector<ExprRef> values;
  std::vector<Span> spans;
  if (!bind_arguments(call, values, spans)) return nullptr;
  if (values.size() % 2 != 0) {
    diagnostics_.error(span,
                       fmt::format("'{}' takes pairs of a name and a value: found an odd number "
                                   "of arguments",
                                   call.name.text));
    return nullptr;
  }
  plan::Pack form;
  for (std::size_t i = 0; i < values.size(); i += 2) {
    if (values[i]->type != Type::String) {
      diagnostics_.error(spans[i], fmt::format("expected a string as the property's name, found {}",
                                               type_name(values[i]->type)));
      return nullptr;
    }
    form.members.emplace_back(values[i], as_json(values[i + 1]));
  }
  return make(Type::Dynamic, false, weight_of(values), std::move(form));
}

ExprRef Binder::pack_array(const ast::Call& call, Span span) {
  plan::PackArray form;
  if (call.arguments.size() == 1 &&
      std::holds_alternative<ast::Star>(call.arguments.front().value->form)) {
    if (rows_ == nullptr) return form_star_without_rows(span);
    for (const plan::NamedColumn& each : rows_->columns)
      form.items.push_back(as_json(column(each)));
  } else {
    std::vector<Span> spans;
    std::vector<ExprRef> values;
    if (!bind_arguments(call, values, spans)) return nullptr;
    for (const ExprRef value : values)
      form.items.push_back(as_json(value));
  }
  const std::uint32_t weight = weight_of(form.items);
  return make(Type::Dynamic, false, weight, std::move(form));
}

ExprRef Binder::pack_all(const ast::Call& call, Span span) {
  if (!argument_count(call, 0, 1, span)) return nullptr;
  if (rows_ == nullptr) return form_star_without_rows(span);
  plan::Pack form;
  for (const plan::NamedColumn& each : rows_->columns) {
    form.members.emplace_back(constant(Value::text(each.name)), as_json(column(each)));
  }
  const auto weight = static_cast<std::uint32_t>(form.members.size() * 2 + 1);
  const ExprRef all = make(Type::Dynamic, false, weight, std::move(form));
  // pack_all(true): without nulls and empty texts.
  const auto* ignore = call.arguments.empty()
                           ? nullptr
                           : std::get_if<ast::Literal>(&call.arguments.front().value->form);
  const bool* wanted = ignore == nullptr ? nullptr : ignore->value.if_bool();
  if (call.arguments.size() == 1 && wanted == nullptr) {
    diagnostics_.error(call.arguments.front().span, "expected true or false");
    return nullptr;
  }
  if (wanted == nullptr || !*wanted || all == nullptr) return all;
  static constexpr functions::Entry kEntry{"", "(bag: dynamic): dynamic",
                                           "native_bag_without_empty({0})"};
  static const functions::Overload overload{&kEntry, {}, false, Type::Dynamic};
  return make(Type::Dynamic, false, weight + 1, plan::Apply{&overload, {all}});
}

ExprRef Binder::form_star_without_rows(Span span) {
  diagnostics_.error(span, "there are no columns here");
  return nullptr;
}

// The value as a dynamic one; text stays text.
ExprRef Binder::as_json(ExprRef value) {
  return value->type == Type::String ? quoted_json(value) : convert(value, Type::Dynamic);
}

// column_ifexists("name", otherwise)
ExprRef Binder::column_if_exists(const ast::Call& call, Span span) {
  if (!argument_count(call, 2, 2, span)) return nullptr;
  const ExprRef name = expr(call.arguments[0].value);
  if (name == nullptr) return nullptr;
  const auto* known = std::get_if<plan::Constant>(&name->form);
  if (known == nullptr || name->type != Type::String) {
    diagnostics_.error(call.arguments[0].span, "expected a column's name as a string literal");
    return nullptr;
  }
  if (rows_ != nullptr) {
    if (const auto* found = rows_->find(*known->value.if_text())) return column(*found);
  }
  return expr(call.arguments[1].value);
}

}  // namespace kql::bind
