#include "iotql/eval.h"

#include <array>
#include <cmath>

#include "base/result.h"
#include "iotql/functions.h"

namespace iotql {

using base::json::Value;

namespace {

const Value* step_into(const Value& value, const Step& step) {
  if (step.index < 0) return value.find(step.name);
  const auto* items = value.if_array();
  const auto index = static_cast<std::size_t>(step.index);
  return items == nullptr || index >= items->size() ? nullptr : &(*items)[index];
}

Datum follow(const Expr& expr, const Scope& scope) {
  if (scope.document == nullptr) return {};
  std::span<const Step> path = expr.path;
  const Document::Found found = scope.document->find(path);
  const Value* value = found.value;
  for (const Step& step : path.subspan(std::min(found.steps, path.size()))) {
    if (value == nullptr) break;
    value = step_into(*value, step);
  }
  return Datum(value);
}

// FALSE AND undefined is false, TRUE OR undefined is true; otherwise undefined stays so.
Datum logical(const Expr& expr, const Scope& scope) {
  const bool decides = expr.op == Op::Or;
  bool known = true;
  for (const Expr& operand : expr.operands) {
    const auto flag = evaluate(operand, scope).flag();
    if (flag && *flag == decides) return Datum(decides);
    known = known && flag;
  }
  return known ? Datum(!decides) : Datum();
}

Datum compare(const Expr& expr, const Scope& scope) {
  const Datum left = evaluate(expr.operands[0], scope);
  if (left.is_undefined()) return {};
  const Datum right = evaluate(expr.operands[1], scope);
  if (right.is_undefined()) return {};
  if (expr.op == Op::Equal) return Datum(same(left, right));
  if (expr.op == Op::NotEqual) return Datum(!same(left, right));
  const auto compared = order(left, right);
  if (!compared) return {};
  switch (expr.op) {
    case Op::Less:
      return Datum(*compared < 0);
    case Op::LessEqual:
      return Datum(*compared <= 0);
    case Op::Greater:
      return Datum(*compared > 0);
    default:
      return Datum(*compared >= 0);
  }
}

Datum is_in(const Expr& expr, const Scope& scope) {
  const bool wanted = expr.op == Op::In;
  const Datum left = evaluate(expr.operands[0], scope);
  if (left.is_undefined()) return {};
  const Expr& list = expr.operands[1];
  // Without making an array of it first.
  if (list.op == Op::Array) {
    for (const Expr& operand : list.operands) {
      const Datum item = evaluate(operand, scope);
      if (!item.is_undefined() && same(left, item)) return Datum(wanted);
    }
    return Datum(!wanted);
  }
  const Datum right = evaluate(list, scope);
  const auto* items = right.array();
  if (items == nullptr) return {};
  for (const Value& item : *items) {
    if (same(left, Datum(&item))) return Datum(wanted);
  }
  return Datum(!wanted);
}

Datum whole_arithmetic(Op op, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  const auto reals = [&](double value) { return Datum(value); };
  const auto a = static_cast<double>(left);
  const auto b = static_cast<double>(right);
  switch (op) {
    case Op::Add:
      return __builtin_add_overflow(left, right, &result) ? reals(a + b) : Datum(result);
    case Op::Subtract:
      return __builtin_sub_overflow(left, right, &result) ? reals(a - b) : Datum(result);
    case Op::Multiply:
      return __builtin_mul_overflow(left, right, &result) ? reals(a * b) : Datum(result);
    case Op::Divide:
      if (right == 0) return {};
      if (right == -1) return whole_arithmetic(Op::Subtract, 0, left);
      return left % right == 0 ? Datum(left / right) : reals(a / b);
    default:
      if (right == 0) return {};
      return right == -1 ? Datum(std::int64_t{0}) : Datum(left % right);
  }
}

Datum arithmetic(Op op, const Datum& left, const Datum& right) {
  if (left.whole() != nullptr && right.whole() != nullptr)
    return whole_arithmetic(op, *left.whole(), *right.whole());
  const auto a = left.number();
  const auto b = right.number();
  if (!a || !b) return {};
  switch (op) {
    case Op::Add:
      return Datum(*a + *b);
    case Op::Subtract:
      return Datum(*a - *b);
    case Op::Multiply:
      return Datum(*a * *b);
    case Op::Divide:
      return Datum(*a / *b);
    default:
      return Datum(std::fmod(*a, *b));
  }
}

Datum call(const Expr& expr, const Scope& scope) {
  constexpr std::size_t kMostArguments = 16;
  std::array<Datum, kMostArguments> arguments;
  ASSERT(expr.operands.size() <= arguments.size());
  for (std::size_t i = 0; i < expr.operands.size(); ++i)
    arguments[i] = evaluate(expr.operands[i], scope);
  return expr.function->call(std::span(arguments).first(expr.operands.size()));
}

// Parts of the document that are objects or arrays themselves are left out: a short query could
// make much of a large document.
Datum array(const Expr& expr, const Scope& scope) {
  Value::Array items;
  for (const Expr& operand : expr.operands) {
    const Datum item = evaluate(operand, scope);
    const bool takes = item.node() == nullptr || operand.op == Op::Array;
    if (takes && !item.is_undefined()) items.push_back(item.to_value());
  }
  return Datum(std::move(items));
}

// A key or an aggregate of a group, as it is.
Datum of_group(std::span<const Datum> all, std::size_t index) {
  return index < all.size() ? all[index] : Datum();
}

}  // namespace

Datum evaluate(const Expr& expr, const Scope& scope) {
  switch (expr.op) {
    case Op::Undefined:
      return {};
    case Op::Literal:
      return Datum(&expr.literal);
    case Op::Path:
      return follow(expr, scope);
    case Op::Array:
      return array(expr, scope);
    case Op::Not: {
      const auto flag = evaluate(expr.operands[0], scope).flag();
      return flag ? Datum(!*flag) : Datum();
    }
    case Op::Negate:
      return arithmetic(Op::Subtract, Datum(std::int64_t{0}), evaluate(expr.operands[0], scope));
    case Op::And:
    case Op::Or:
      return logical(expr, scope);
    case Op::In:
    case Op::NotIn:
      return is_in(expr, scope);
    case Op::Add:
    case Op::Subtract:
    case Op::Multiply:
    case Op::Divide:
    case Op::Modulo:
      return arithmetic(expr.op, evaluate(expr.operands[0], scope),
                        evaluate(expr.operands[1], scope));
    case Op::Call:
      return call(expr, scope);
    case Op::Aggregate:
      return of_group(scope.aggregates, expr.index);
    case Op::GroupKey:
      return of_group(scope.group_keys, expr.index);
    default:
      return compare(expr, scope);
  }
}

}  // namespace iotql
