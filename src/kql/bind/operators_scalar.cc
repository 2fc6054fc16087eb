// Operators between scalar values: arithmetic, comparison and text.

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

std::string_view symbol(ast::BinaryOp op) {
  switch (op) {
    case ast::BinaryOp::Add:
      return "+";
    case ast::BinaryOp::Subtract:
      return "-";
    case ast::BinaryOp::Multiply:
      return "*";
    case ast::BinaryOp::Divide:
      return "/";
    case ast::BinaryOp::Modulo:
      return "%";
  }
  return "";
}

plan::ArithmeticOp plan_op(ast::BinaryOp op) {
  switch (op) {
    case ast::BinaryOp::Add:
      return plan::ArithmeticOp::Add;
    case ast::BinaryOp::Subtract:
      return plan::ArithmeticOp::Subtract;
    case ast::BinaryOp::Multiply:
      return plan::ArithmeticOp::Multiply;
    case ast::BinaryOp::Divide:
      return plan::ArithmeticOp::Divide;
    case ast::BinaryOp::Modulo:
      return plan::ArithmeticOp::Modulo;
  }
  return plan::ArithmeticOp::Add;
}

// The result of an operator on two types, and what both operands become first.
struct Rule {
  Type left;
  Type right;
  Type result;
};

std::optional<Rule> time_rule(ast::BinaryOp op, Type left, Type right) {
  constexpr Type kDate = Type::DateTime;
  constexpr Type kSpan = Type::TimeSpan;
  const bool add = op == ast::BinaryOp::Add;
  const bool subtract = op == ast::BinaryOp::Subtract;
  if (left == kDate && right == kDate && subtract) return Rule{kDate, kDate, kSpan};
  if (left == kDate && right == kSpan && (add || subtract)) return Rule{kDate, kSpan, kDate};
  if (left == kSpan && right == kDate && add) return Rule{kSpan, kDate, kDate};
  if (left == kSpan && right == kSpan) {
    if (add || subtract || op == ast::BinaryOp::Modulo) return Rule{kSpan, kSpan, kSpan};
    if (op == ast::BinaryOp::Divide) return Rule{Type::Real, Type::Real, Type::Real};
  }
  const auto factor = [](Type type) { return is_integer(type) ? Type::Long : Type::Real; };
  if (op == ast::BinaryOp::Multiply) {
    if (left == kSpan && is_numeric(right)) return Rule{kSpan, factor(right), kSpan};
    if (right == kSpan && is_numeric(left)) return Rule{factor(left), kSpan, kSpan};
  }
  if (op == ast::BinaryOp::Divide && left == kSpan && is_numeric(right)) {
    return Rule{kSpan, factor(right), kSpan};
  }
  return std::nullopt;
}

std::optional<Rule> arithmetic_rule(ast::BinaryOp op, Type left, Type right) {
  // A dynamic operand is taken for a number, or for what stands on the other side.
  if (left == Type::Dynamic && right == Type::Dynamic) left = right = Type::Real;
  if (left == Type::Dynamic) left = right == Type::DateTime ? Type::DateTime : right;
  if (right == Type::Dynamic) right = left;
  if (is_numeric(left) && is_numeric(right)) {
    Type type = left == Type::Decimal || right == Type::Decimal ? Type::Decimal
                : left == Type::Real || right == Type::Real     ? Type::Real
                                                                : Type::Long;
    return Rule{type, type, type};
  }
  return time_rule(op, left, right);
}

}  // namespace

ExprRef Binder::form(const ast::Negate& form, Span span) {
  const ExprRef value = expr(form.operand);
  if (value == nullptr) return nullptr;
  if (const auto* known = std::get_if<plan::Constant>(&value->form)) {
    const bool whole = is_integer(value->type) || value->type == Type::TimeSpan;
    if (const auto* number = known->value.if_int(); number && whole && *number != INT64_MIN) {
      return constant(Value::of(value->type, -*number));
    }
    if (const auto* number = known->value.if_real()) return constant(Value::of(-*number));
  }
  Type type = value->type;
  if (type == Type::Int) type = Type::Long;
  if (type == Type::Dynamic) type = Type::Real;
  if (!is_numeric(type) && type != Type::TimeSpan) {
    diagnostics_.error(span,
                       fmt::format("'-' needs a number or a timespan, found {}", type_name(type)));
    return nullptr;
  }
  const ExprRef operand = convert(value, type);
  if (operand == nullptr) return nullptr;
  return make(type, operand->nullable, operand->weight + 1,
              plan::Arithmetic{plan::ArithmeticOp::Negate, {operand}});
}

ExprRef Binder::form(const ast::Binary& form, Span) {
  const ExprRef left = expr(form.left);
  const ExprRef right = expr(form.right);
  if (left == nullptr || right == nullptr) return nullptr;
  return arithmetic(form.op, left, right, form.op_span);
}

ExprRef Binder::arithmetic(ast::BinaryOp op, ExprRef left, ExprRef right, Span span) {
  const auto rule = arithmetic_rule(op, left->type, right->type);
  if (!rule) {
    const bool text = left->type == Type::String || right->type == Type::String;
    diagnostics_.error(
        span, fmt::format("'{}' cannot be used between {} and {}{}", symbol(op),
                          type_name(left->type), type_name(right->type),
                          text && op == ast::BinaryOp::Add ? "; strcat(a, b) joins texts" : ""));
    return nullptr;
  }
  // Ticks are divided as they are: a timespan becomes a real without its unit.
  const auto ready = [this](ExprRef value, Type type) {
    if (value->type == Type::TimeSpan && type == Type::Real) {
      return make(Type::Real, value->nullable, value->weight + 1,
                  plan::Apply{functions::conversion(Type::Long, Type::Real), {value}});
    }
    return convert(value, type);
  };
  left = ready(left, rule->left);
  right = ready(right, rule->right);
  if (left == nullptr || right == nullptr) return nullptr;
  const auto* a = std::get_if<plan::Constant>(&left->form);
  const auto* b = std::get_if<plan::Constant>(&right->form);
  if (a != nullptr && b != nullptr && a->value.if_int() != nullptr &&
      b->value.if_int() != nullptr) {
    // Times known now become one literal: the store can skip what lies outside it.
    std::int64_t result = 0;
    const std::int64_t x = *a->value.if_int();
    const std::int64_t y = *b->value.if_int();
    const bool added = op == ast::BinaryOp::Add && !__builtin_add_overflow(x, y, &result);
    const bool subtracted = op == ast::BinaryOp::Subtract && !__builtin_sub_overflow(x, y, &result);
    const bool multiplied = op == ast::BinaryOp::Multiply && !__builtin_mul_overflow(x, y, &result);
    // Beyond the years 1 to 9999 there is no datetime.
    const bool date = rule->result == Type::DateTime;
    if (date && (added || subtracted) && (result < 0 || result > kMaxDateTimeTicks)) {
      return constant(Value::null(Type::DateTime));
    }
    if (added || subtracted || multiplied) return constant(Value::of(rule->result, result));
  }
  const bool date = rule->result == Type::DateTime;
  const bool nullable = left->nullable || right->nullable || op == ast::BinaryOp::Divide ||
                        op == ast::BinaryOp::Modulo || date;
  const std::uint32_t times = op == ast::BinaryOp::Modulo || date ? 4 : 1;
  const std::uint32_t weight = times * (left->weight + right->weight) + 1;
  return make(rule->result, nullable, weight, plan::Arithmetic{plan_op(op), {left, right}});
}

ExprRef Binder::form(const ast::Logic& form, Span) {
  plan::Logic logic{form.all, {}};
  bool nullable = false;
  bool failed = false;
  for (const ast::Expr* operand : form.operands) {
    const ExprRef value =
        boolean(*operand, form.all ? "an operand of 'and'" : "an operand of 'or'");
    failed = failed || value == nullptr;
    if (failed) continue;
    nullable = nullable || value->nullable;
    logic.operands.push_back(value);
  }
  if (failed) return nullptr;
  const std::uint32_t weight = weight_of(logic.operands);
  return make(Type::Bool, nullable, weight, std::move(logic));
}

// A dynamic value beside a whole number that it is to be equal to.
ExprRef Binder::whole_or_null(ExprRef value) {
  static constexpr functions::Entry kEntry{"", "(value: dynamic): long", "kql_dynamic_whole({0})",
                                           functions::Naming::None, functions::Nulls::Sometimes};
  static const functions::Overload overload{&kEntry, {}, false, Type::Long};
  return make(Type::Long, true, 4 * value->weight + 1, plan::Apply{&overload, {value}});
}

ExprRef Binder::form(const ast::Compare& form, Span) {
  ExprRef left = expr(form.left);
  ExprRef right = expr(form.right);
  if (left == nullptr || right == nullptr) return nullptr;
  std::optional<Type> type = common_type(left->type, right->type);
  if (!type) {
    // TimeGenerated > "2020-01-01": the text is meant as a literal of the other type.
    if (const ExprRef literal = literal_as(right, left->type)) {
      right = literal;
      type = left->type;
    } else if (const ExprRef other = literal_as(left, right->type)) {
      left = other;
      type = right->type;
    }
  }
  const bool ordered = form.op != ast::CompareOp::Equal && form.op != ast::CompareOp::NotEqual;
  if (!type || *type == Type::Dynamic || (ordered && *type == Type::Guid)) {
    const bool dynamic = type == Type::Dynamic;
    diagnostics_.error(
        form.op_span,
        fmt::format("'{}' cannot compare {} with {}{}", diagnostics_.text(form.op_span),
                    type_name(left->type), type_name(right->type),
                    dynamic ? "; convert them first, for example with tostring()"
                            : "; convert one of them"));
    return nullptr;
  }
  if (is_integer(*type) && (left->type == Type::Dynamic || right->type == Type::Dynamic)) {
    // By value: 5.7 is neither 5 nor less than it. A fraction that is null then is only harmless
    // beside what is not null itself.
    const bool safe = !ordered && !(left->type == Type::Dynamic ? right : left)->nullable;
    if (!safe) type = Type::Real;
    if (safe && left->type == Type::Dynamic) left = whole_or_null(left);
    if (safe && right->type == Type::Dynamic) right = whole_or_null(right);
    if (safe) type = Type::Long;
  }
  left = convert(left, *type);
  right = convert(right, *type);
  if (left == nullptr || right == nullptr) return nullptr;
  // == and != of a null and a value are answers; of two nulls they are null.
  const bool nullable =
      ordered ? left->nullable || right->nullable : left->nullable && right->nullable;
  // With nulls on both sides each is written twice.
  const std::uint32_t times = (!ordered && nullable) || *type == Type::Real ? 3 : 1;
  return make(Type::Bool, nullable, times * (left->weight + right->weight) + 1,
              plan::Compare{form.op, left, right});
}

ExprRef Binder::form(const ast::Between& form, Span) {
  const ExprRef value = expr(form.value);
  const ExprRef low = expr(form.low);
  ExprRef high = expr(form.high);
  if (value == nullptr || low == nullptr || high == nullptr) return nullptr;
  // x between (t .. 1h): the upper bound counts from the lower.
  if (low->type == Type::DateTime && high->type == Type::TimeSpan) {
    high = arithmetic(ast::BinaryOp::Add, low, high, form.high->span);
    if (high == nullptr) return nullptr;
  }
  std::optional<Type> type = common_type(low->type, high->type);
  if (type) type = common_type(value->type, *type);
  if (!type || *type == Type::Dynamic || *type == Type::Guid || *type == Type::Bool) {
    diagnostics_.error(form.op_span, fmt::format("'between' cannot compare {} with {} and {}",
                                                 type_name(value->type), type_name(low->type),
                                                 type_name(high->type)));
    return nullptr;
  }
  plan::Between between{form.negated, convert(value, *type), convert(low, *type),
                        convert(high, *type)};
  if (between.value == nullptr || between.low == nullptr || between.high == nullptr) return nullptr;
  const bool nullable = between.value->nullable || between.low->nullable || between.high->nullable;
  // Reals are compared one by one, each with a look for NaN.
  const std::uint32_t times = *type == Type::Real ? 4 : 1;
  const std::uint32_t weight =
      times * (between.value->weight + between.low->weight + between.high->weight) + 1;
  return make(Type::Bool, nullable, weight, between);
}

ExprRef Binder::form(const ast::TextMatch& form, Span) {
  ExprRef text = expr(form.left);
  ExprRef needle = expr(form.right);
  if (text == nullptr || needle == nullptr) return nullptr;
  const auto as_text = [&](ExprRef value, const ast::Expr& node) -> ExprRef {
    if (value->type == Type::String || value->type == Type::Dynamic) {
      return convert(value, Type::String);
    }
    diagnostics_.error(node.span,
                       fmt::format("'{}' needs a string, found {}; tostring(...) makes one",
                                   diagnostics_.text(form.op_span), type_name(value->type)));
    return nullptr;
  };
  text = as_text(text, *form.left);
  needle = as_text(needle, *form.right);
  if (text == nullptr || needle == nullptr) return nullptr;
  if (form.op == ast::TextOp::MatchesRegex && !check_regex(needle, form.right->span))
    return nullptr;
  return searched_first(
      make(Type::Bool, false, text->weight + 4 * needle->weight + 1,
           plan::TextMatch{form.op, form.case_sensitive, form.negated, false, text, {needle}}));
}

}  // namespace kql::bind
