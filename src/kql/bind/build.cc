#include "kql/bind/build.h"

#include <algorithm>

namespace kql::bind {
namespace {

int numeric_rank(Type type) {
  switch (type) {
    case Type::Int:
      return 0;
    case Type::Long:
      return 1;
    case Type::Real:
      return 2;
    case Type::Decimal:
      return 3;
    default:
      return -1;
  }
}

// The constant as a value of another type, where that can be done now.
std::optional<Value> fold(const Value& value, Type to) {
  if (value.is_null()) return to == Type::String ? Value::text("") : Value::null(to);
  if (is_integer(value.type) && is_integer(to)) {
    const std::int64_t number = *value.if_int();
    if (to == Type::Int && (number < INT32_MIN || number > INT32_MAX)) return std::nullopt;
    return Value::of(to, number);
  }
  if (is_integer(value.type) && to == Type::Real) {
    return Value::of(static_cast<double>(*value.if_int()));
  }
  return std::nullopt;
}

}  // namespace

ExprRef Binder::constant(Value value) {
  const Type type = value.type;
  const bool null = value.is_null();
  return make(type, null, 1, plan::Constant{std::move(value)});
}

ExprRef Binder::column(const plan::NamedColumn& column) {
  return make(column.type, column.nullable, 1, plan::ColumnRef{column.id});
}

std::uint32_t Binder::weight_of(std::span<const ExprRef> values) {
  std::uint64_t sum = 1;
  for (const ExprRef value : values)
    sum += value->weight;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX));
}

// SQL that names an argument several times holds it several times, macros inside the database.
std::uint32_t Binder::weight_of(std::span<const ExprRef> values,
                                const functions::Overload& overload) {
  const std::string_view sql = overload.entry->sql;
  std::uint64_t times = sql.find("kql_") == std::string_view::npos ? 1 : 4;
  std::size_t named = 0;
  for (std::size_t at = sql.find("{0}"); at != std::string_view::npos;
       at = sql.find("{0}", at + 1)) {
    ++named;
  }
  times = std::max<std::uint64_t>(times, named);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(times * weight_of(values), UINT32_MAX));
}

ExprRef Binder::apply_overload(const functions::Overload& overload, std::vector<ExprRef> arguments,
                               Type result) {
  // tostring(x.P), where P is a column.
  const bool conversion = functions::is_conversion(overload) && arguments.size() == 1;
  if (conversion && arguments.front()->type == Type::Dynamic) {
    if (const ExprRef value = shredded_value(arguments.front(), result)) return value;
  }
  bool nullable = overload.entry->nulls == functions::Nulls::Sometimes;
  if (overload.entry->nulls == functions::Nulls::Propagate) {
    for (const ExprRef argument : arguments)
      nullable = nullable || argument->nullable;
  }
  const std::uint32_t weight = weight_of(arguments, overload);
  return make(result, nullable, weight, plan::Apply{&overload, std::move(arguments)});
}

ExprRef Binder::convert(ExprRef value, Type to) {
  if (value == nullptr || value->type == to) return value;
  if (const auto* known = std::get_if<plan::Constant>(&value->form)) {
    if (auto folded = fold(known->value, to)) return constant(std::move(*folded));
  }
  if (value->type == Type::Dynamic) {
    if (const ExprRef column = shredded_value(value, to)) return column;
  }
  const functions::Overload* overload = functions::conversion(value->type, to);
  ASSERT(overload != nullptr);
  return apply_overload(*overload, {value}, to);
}

std::optional<Type> Binder::common_type(Type a, Type b) {
  if (a == b) return a;
  if (is_numeric(a) && is_numeric(b)) return numeric_rank(a) > numeric_rank(b) ? a : b;
  // A dynamic value is taken for what stands on the other side.
  if (a == Type::Dynamic) return b;
  if (b == Type::Dynamic) return a;
  return std::nullopt;
}

ExprRef Binder::literal_as(ExprRef value, Type type) {
  const auto* known = std::get_if<plan::Constant>(&value->form);
  if (known == nullptr || value->type != Type::String) return nullptr;
  const std::string& text = *known->value.if_text();
  if (type == Type::DateTime) {
    if (const auto ticks = parse_datetime(text)) return constant(Value::of(type, *ticks));
  }
  if (type == Type::TimeSpan) {
    if (const auto ticks = parse_timespan(text)) return constant(Value::of(type, *ticks));
  }
  if (type == Type::Guid) return convert(value, Type::Guid);
  return nullptr;
}

}  // namespace kql::bind
