// Further calls whose arguments have a form of their own.

#include <algorithm>

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

// The bytes of a value, as Kusto counts them.
std::string_view size_of(Type type) {
  switch (type) {
    case Type::Bool:
      return "1";
    case Type::Int:
      return "4";
    case Type::Long:
    case Type::Real:
    case Type::DateTime:
    case Type::TimeSpan:
      return "8";
    case Type::Decimal:
    case Type::Guid:
      return "16";
    case Type::String:
      return "strlen({0})";
    case Type::Dynamic:
      return "coalesce(strlen(CAST({0} AS VARCHAR)), 0)";
  }
  return "0";
}

// An overload of our own for each type: its size.
const functions::Overload& size_overload(Type type) {
  struct Own {
    functions::Entry entry;
    functions::Overload overload;
  };
  static const std::vector<Own> all = [] {
    std::vector<Own> out(kTypeCount);
    for (int i = 0; i < kTypeCount; ++i) {
      Own& own = out[static_cast<std::size_t>(i)];
      own.entry = {"", "(value: any): long", size_of(static_cast<Type>(i)), functions::Naming::None,
                   functions::Nulls::Never};
      own.overload.entry = &own.entry;
      own.overload.result = Type::Long;
    }
    return out;
  }();
  return all[static_cast<std::size_t>(type)].overload;
}

constexpr functions::Entry kSum{"", "(value: long...): long", "CAST(list_sum([{*}]) AS BIGINT)",
                                functions::Naming::None, functions::Nulls::Never};

}  // namespace

// What 'set' said before the query; nullptr: nothing.
const ast::Expr* Binder::option(std::string_view name) const {
  for (const ast::Option& each : tree_.query->options) {
    if (each.name.text == name) return each.value;
  }
  return nullptr;
}

ExprRef Binder::call_of(std::string_view name, std::vector<ExprRef> arguments, Span span) {
  for (const ExprRef argument : arguments) {
    if (argument == nullptr) return nullptr;
  }
  const std::vector<Span> spans(arguments.size(), span);
  auto choice = resolve({std::string(name), span}, functions::find(name, functions::Kind::Scalar),
                        std::move(arguments), span, spans);
  if (!choice) return nullptr;
  return apply_overload(*choice->overload, std::move(choice->arguments), choice->result);
}

// iscolumnexists("name")
ExprRef Binder::is_column(const ast::Call& call, Span span) {
  if (!argument_count(call, 1, 1, span)) return nullptr;
  const auto* literal = std::get_if<ast::Literal>(&call.arguments.front().value->form);
  const std::string* name = literal == nullptr ? nullptr : literal->value.if_text();
  if (name == nullptr) {
    diagnostics_.error(call.arguments.front().span, "expected a column's name as a string literal");
    return nullptr;
  }
  return constant(Value::of(rows_ != nullptr && rows_->find(*name) != nullptr));
}

// bag_pack_columns(a, b): a bag of the columns under their names.
ExprRef Binder::pack_columns(const ast::Call& call, Span span) {
  if (!argument_count(call, 1, SIZE_MAX, span)) return nullptr;
  plan::Pack form;
  std::vector<ExprRef> values;
  for (const ast::Assignment& argument : call.arguments) {
    const auto* name = std::get_if<ast::NameRef>(&argument.value->form);
    if (name == nullptr) {
      diagnostics_.error(argument.span, "expected a column's name");
      return nullptr;
    }
    const ExprRef value = expr(argument.value);
    if (value == nullptr) return nullptr;
    values.push_back(value);
    form.members.emplace_back(constant(Value::text(name->name)), as_json(value));
  }
  return make(Type::Dynamic, false, weight_of(values), std::move(form));
}

// bin_auto(x): the step and where the steps start are said before the query.
ExprRef Binder::bin_auto(const ast::Call& call, Span span) {
  if (!argument_count(call, 1, 1, span)) return nullptr;
  const ast::Expr* size = option("query_bin_auto_size");
  const ast::Expr* at = option("query_bin_auto_at");
  if (size == nullptr) {
    diagnostics_.error(
        span,
        "'bin_auto' needs a step: put 'set query_bin_auto_size=1h;' before the query, "
        "or use bin(x, 1h)");
    return nullptr;
  }
  const ExprRef value = expr(call.arguments.front().value);
  std::vector<ExprRef> arguments{value, expr(size)};
  if (at != nullptr) arguments.push_back(expr(at));
  return call_of(at == nullptr ? "bin" : "bin_at", std::move(arguments), span);
}

// hash_many(a, b, ...): hash() of each, combined.
ExprRef Binder::hash_many(const ast::Call& call, Span span) {
  if (!argument_count(call, 2, 64, span)) return nullptr;
  std::vector<ExprRef> values;
  std::vector<Span> spans;
  if (!bind_arguments(call, values, spans)) return nullptr;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = call_of("hash", {values[i]}, spans[i]);
    if (values[i] == nullptr) return nullptr;
  }
  return call_of("hash_combine", std::move(values), span);
}

// estimate_data_size(*) and estimate_data_size(a, b)
ExprRef Binder::estimate_size(const ast::Call& call, Span span) {
  if (!argument_count(call, 1, SIZE_MAX, span)) return nullptr;
  std::vector<ExprRef> values;
  std::vector<Span> spans;
  if (std::holds_alternative<ast::Star>(call.arguments.front().value->form)) {
    if (rows_ == nullptr) return form_star_without_rows(span);
    for (const plan::NamedColumn& each : rows_->columns)
      values.push_back(column(each));
  } else if (!bind_arguments(call, values, spans)) {
    return nullptr;
  }
  for (ExprRef& value : values) {
    value = apply_overload(size_overload(value->type), {value}, Type::Long);
    if (value == nullptr) return nullptr;
  }
  static const functions::Overload sum{&kSum, {}, true, Type::Long};
  return apply_overload(sum, std::move(values), Type::Long);
}

// percentile_tdigest(d, 95, typeof(datetime)): times are told as ticks.
ExprRef Binder::typed_percentile(const ast::Call& call, Span span) {
  const auto* wanted = std::get_if<ast::TypeOf>(&call.arguments[2].value->form);
  if (wanted == nullptr) {
    diagnostics_.error(call.arguments[2].span, "expected typeof(...) as the third argument");
    return nullptr;
  }
  ast::Call shorter = call;
  shorter.arguments.pop_back();
  const ExprRef value = overloaded(shorter, functions::Kind::Scalar, span);
  if (wanted->type != Type::DateTime && wanted->type != Type::TimeSpan) {
    return convert(value, wanted->type);
  }
  return convert(convert(value, Type::Long), wanted->type);
}

}  // namespace kql::bind
