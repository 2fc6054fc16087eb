#include <array>
#include <bit>
#include <cmath>

#include "kql/evaluator/convert.h"
#include "kql/evaluator/functions.h"
#include "kql/evaluator/operators.h"

namespace kql::evaluator {
namespace {

using Cells = std::span<const Cell>;
constexpr Type kReal = Type::Real;
constexpr Type kLong = Type::Long;

template <double (*kFunction)(double)>
Cell real_of(Context&, Cells cells) {
  return Cell::of(kFunction(cells[0].real()));
}

double exp10_of(double value) {
  return std::pow(10.0, value);
}

// Not defined from there on down: null.
template <double (*kFunction)(double), bool kAtZero>
Cell above_zero(Context&, Cells cells) {
  const double value = cells[0].real();
  const bool defined = kAtZero ? value >= 0 : value > 0;
  if (std::isnan(value)) return Cell::of(value);
  return defined ? Cell::of(kFunction(value)) : Cell::null(kReal);
}

Cell absolute(Context& context, Cells cells) {
  const Cell& cell = cells[0];
  if (cell.type == Type::Dynamic) return context.refuse("abs of a dynamic value", kReal);
  if (cell.is_null()) return cell;
  if (cell.type == kReal) return Cell::of(std::abs(cell.real()));
  if (cell.type == Type::Decimal) return context.refuse("decimals", Type::Decimal);
  if (cell.integer() >= 0) return cell;
  if (cell.type == Type::Int) {
    return cell.integer() == INT32_MIN ? context.overflow(Type::Int)
                                       : Cell::of(Type::Int, -cell.integer());
  }
  return negate(context, cell);
}

Cell rounded(Context& context, Cells cells) {
  const double value = cells[0].real();
  const std::int64_t digits = cells.size() > 1 ? cells[1].integer() : 0;
  if (!std::isfinite(value)) return Cell::of(value);
  if (digits < -6 || digits > 6 || std::abs(value) > 1e9) {
    return context.refuse("rounding to so many digits", kReal);
  }
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = value * scale;
  const double rest = std::abs(scaled - std::trunc(scaled));
  if (std::abs(rest - 0.5) < 1e-6) return context.refuse("rounding from the middle", kReal);
  return Cell::of(std::round(scaled) / scale);
}

Cell sign(Context& context, Cells cells) {
  const double value = cells[0].real();
  if (std::isnan(value)) return context.refuse("the sign of NaN", kReal);
  return Cell::of(value > 0 ? 1.0 : (value < 0 ? -1.0 : 0.0));
}

Cell power(Context& context, Cells cells) {
  const double out = std::pow(cells[0].real(), cells[1].real());
  if (std::isnan(out)) return context.refuse("a power that is no number", kReal);
  return Cell::of(out);
}

// The greatest (or the least) of what is there.
Cell extreme(Context& context, Cells cells, int wanted) {
  std::optional<Type> type = cells[0].type;
  for (const Cell& each : cells)
    type = type ? common_type(*type, each.type) : type;
  if (!type || *type == Type::Dynamic || *type == Type::Decimal) {
    return context.refuse("the greatest of such values");
  }
  Cell best = Cell{*type, std::monostate{}};
  for (const Cell& each : cells) {
    const Cell cell = convert(context, each, *type);
    if (cell.is_null()) continue;
    if (*type == kReal && std::isnan(cell.real()))
      return context.refuse("the greatest of NaN", kReal);
    if (best.is_null() || order(cell, best) == wanted) best = cell;
  }
  return best;
}
Cell max_of(Context& context, Cells cells) {
  return extreme(context, cells, 1);
}
Cell min_of(Context& context, Cells cells) {
  return extreme(context, cells, -1);
}

Cell coalesce(Context& context, Cells cells) {
  std::optional<Type> type = cells[0].type;
  for (const Cell& each : cells)
    type = type ? common_type(*type, each.type) : type;
  if (!type) return context.refuse("coalesce of such values");
  for (const Cell& each : cells) {
    Cell cell = convert(context, each, *type);
    const bool empty = cell.is_null() || (*type == Type::String && cell.text().empty());
    if (!empty) return cell;
  }
  return Cell::null(*type);
}

// Rounded toward minus infinity to a multiple of the step.
Cell binned(Context& context, const Cell& value, const Cell& step, Type type) {
  if (value.is_null() || step.is_null()) return Cell::null(type);
  if (type == kReal) {
    const double by = step.real();
    if (!(by > 0)) return Cell::null(type);
    return Cell::of(std::floor(value.real() / by) * by);
  }
  if (step.integer() <= 0) return Cell::null(type);
  const Cell rest = arithmetic(context, ast::BinaryOp::Modulo, Cell::of(kLong, value.integer()),
                               Cell::of(kLong, step.integer()));
  const Cell out =
      arithmetic(context, ast::BinaryOp::Subtract, Cell::of(kLong, value.integer()), rest);
  return out.is_null() ? Cell::null(type) : Cell::of(type, out.integer());
}

Cell bin(Context& context, Cells cells) {
  Cell value = cells[0];
  Cell step = cells[1];
  if (value.type == Type::DateTime || value.type == Type::TimeSpan) {
    step = convert(context, step, Type::TimeSpan);
    return binned(context, value, step, value.type);
  }
  if (!is_numeric(value.type) || !is_numeric(step.type)) {
    return context.refuse("bin of such values");
  }
  const Type type = value.type == kReal || step.type == kReal ? kReal : kLong;
  value = convert(context, value, type);
  step = convert(context, step, type);
  return binned(context, value, step, type);
}

template <class Operation>
Cell bits(Cells cells, Operation operation) {
  const auto a = static_cast<std::uint64_t>(cells[0].integer());
  const auto b = static_cast<std::uint64_t>(cells[1].integer());
  return Cell::of(kLong, static_cast<std::int64_t>(operation(a, b)));
}

constexpr std::array kFunctions{
    Function{"not", Type::Bool, "?B", [](Context&, Cells cells) { return opposite(cells[0]); }},
    Function{"abs", kReal, "?A", absolute},
    Function{"round", kReal, "R", rounded},
    Function{"round", kReal, "RL", rounded},
    Function{"ceiling", kReal, "R", real_of<std::ceil>},
    Function{"sign", kReal, "R", sign},
    Function{"sqrt", kReal, "R", above_zero<std::sqrt, true>},
    Function{"log", kReal, "R", above_zero<std::log, false>},
    Function{"log2", kReal, "R", above_zero<std::log2, false>},
    Function{"log10", kReal, "R", above_zero<std::log10, false>},
    Function{"exp", kReal, "R", real_of<std::exp>},
    Function{"exp2", kReal, "R", real_of<std::exp2>},
    Function{"exp10", kReal, "R", real_of<exp10_of>},
    Function{"pow", kReal, "RR", power},
    Function{"isnan", Type::Bool, "R",
             [](Context&, Cells cells) { return Cell::of(std::isnan(cells[0].real())); }},
    Function{"isinf", Type::Bool, "R",
             [](Context&, Cells cells) { return Cell::of(std::isinf(cells[0].real())); }},
    Function{"isfinite", Type::Bool, "R",
             [](Context&, Cells cells) { return Cell::of(std::isfinite(cells[0].real())); }},
    Function{"max_of", kReal, "?A*", max_of},
    Function{"min_of", kReal, "?A*", min_of},
    Function{"coalesce", kReal, "?A*", coalesce},
    Function{"bin", kReal, "?AA", bin},
    Function{"floor", kReal, "?AA", bin},
    Function{
        "binary_and", kLong, "LL",
        [](Context&, Cells cells) { return bits(cells, [](auto a, auto b) { return a & b; }); }},
    Function{
        "binary_or", kLong, "LL",
        [](Context&, Cells cells) { return bits(cells, [](auto a, auto b) { return a | b; }); }},
    Function{
        "binary_xor", kLong, "LL",
        [](Context&, Cells cells) { return bits(cells, [](auto a, auto b) { return a ^ b; }); }},
    Function{"binary_not", kLong, "L",
             [](Context&, Cells cells) { return Cell::of(kLong, ~cells[0].integer()); }},
    Function{"bitset_count_ones", kLong, "L",
             [](Context&, Cells cells) {
               const auto value = static_cast<std::uint64_t>(cells[0].integer());
               return Cell::of(kLong, static_cast<std::int64_t>(std::popcount(value)));
             }},
};

}  // namespace

std::span<const Function> number_functions() {
  return kFunctions;
}

}  // namespace kql::evaluator
