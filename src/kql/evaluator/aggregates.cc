#include "kql/evaluator/aggregates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "kql/evaluator/convert.h"
#include "kql/evaluator/operators.h"

namespace kql::evaluator {
namespace {

// What an aggregate works on: the values of its first argument that are no nulls and for which its
// condition holds.
struct Input {
  std::vector<Cell> values;
  Type type = Type::Long;
  std::size_t rows = 0;  // for which the condition holds, nulls among them
};

struct Known {
  std::string_view name;
  Cell (*call)(Context& context, const Input& input);
  int condition = -1;  // which argument is the condition
};

Cell count(Context&, const Input& input) {
  return Cell::of(Type::Long, static_cast<std::int64_t>(input.rows));
}

Cell dcount(Context&, const Input& input) {
  std::set<std::string> seen;
  for (const Cell& each : input.values)
    seen.insert(canonical(each));
  return Cell::of(Type::Long, static_cast<std::int64_t>(seen.size()));
}

Cell sum(Context& context, const Input& input) {
  const Type type = input.type == Type::Int || input.type == Type::Bool ? Type::Long : input.type;
  if (type == Type::Dynamic || type == Type::Decimal) return context.refuse("such a sum", type);
  if (type == Type::Real) {
    double out = 0;
    for (const Cell& each : input.values)
      out += each.real();
    return Cell::of(out);
  }
  Cell out = Cell::of(type, 0);
  for (const Cell& each : input.values) {
    if (out.is_null()) return out;
    const Cell both = arithmetic(context, ast::BinaryOp::Add, Cell::of(Type::Long, out.integer()),
                                 Cell::of(Type::Long, each.integer()));
    out = both.is_null() ? Cell::null(type) : Cell::of(type, both.integer());
  }
  return out;
}

// The numbers as reals; whatever is near the edge of what reals can add up is refused.
std::vector<double> reals_of(Context& context, const Input& input) {
  std::vector<double> out;
  for (const Cell& each : input.values) {
    const Cell real = convert(context, each, Type::Real);
    if (real.is_null()) continue;
    if (!std::isfinite(real.real()) || std::abs(real.real()) > 1e12) {
      context.refuse("statistics of large reals");
    }
    out.push_back(real.real());
  }
  return out;
}

Cell avg(Context& context, const Input& input) {
  const bool time = input.type == Type::DateTime || input.type == Type::TimeSpan;
  if (time || input.type == Type::Decimal)
    return context.refuse("the average of times", input.type);
  const std::vector<double> reals = reals_of(context, input);
  // Nothing by no rows.
  if (reals.empty()) return Cell::of(std::numeric_limits<double>::quiet_NaN());
  double total = 0;
  for (const double each : reals)
    total += each;
  return Cell::of(total / static_cast<double>(reals.size()));
}

Cell spread(Context& context, const Input& input, bool sample, bool root) {
  if (!is_numeric(input.type) || input.type == Type::Decimal) {
    return context.refuse("the spread of such values", Type::Real);
  }
  const std::vector<double> reals = reals_of(context, input);
  const std::size_t divisor = reals.size() - (sample ? 1 : 0);
  if (reals.size() < (sample ? 2U : 1U)) return Cell::of(0.0);
  double mean = 0;
  for (const double each : reals)
    mean += each / static_cast<double>(reals.size());
  double squares = 0;
  for (const double each : reals)
    squares += (each - mean) * (each - mean);
  if (squares < 1e-6 && squares > 0) return context.refuse("a spread of rounding", Type::Real);
  const double variance = squares / static_cast<double>(divisor);
  return Cell::of(root ? std::sqrt(variance) : variance);
}

Cell extreme(Context& context, const Input& input, int wanted) {
  if (input.type == Type::Dynamic || input.type == Type::Decimal) {
    return context.refuse("the greatest of such values", input.type);
  }
  Cell best{input.type, std::monostate{}};
  for (const Cell& each : input.values) {
    if (each.type == Type::Real && std::isnan(each.real())) {
      return context.refuse("the greatest of NaN", Type::Real);
    }
    if (best.is_null() || order(each, best) == wanted) best = each;
  }
  return best.is_null() ? Cell::null(input.type) : best;
}

// A set, sorted by text for comparing: the language promises no order.
Cell make_set(Context& context, const Input& input) {
  Json::Array out;
  std::set<std::string> seen;
  for (const Cell& each : input.values) {
    const Cell json = as_json(context, each);
    if (json.is_null()) continue;
    if (seen.insert(json_text(json.json())).second) out.push_back(json.json());
  }
  if (out.size() > 128) return context.refuse("a large set");
  std::sort(out.begin(), out.end(),
            [](const Json& a, const Json& b) { return json_text(a) < json_text(b); });
  return Cell::of(Json(std::move(out)));
}

Cell make_list(Context& context, const Input& input) {
  Json::Array out;
  for (const Cell& each : input.values) {
    const Cell json = as_json(context, each);
    if (!json.is_null()) out.push_back(json.json());
  }
  if (out.size() > 128) return context.refuse("a long list");
  return Cell::of(Json(std::move(out)));
}

template <int kWanted>
Cell extreme_of(Context& context, const Input& input) {
  return extreme(context, input, kWanted);
}
template <bool kSample, bool kRoot>
Cell spread_of(Context& context, const Input& input) {
  return spread(context, input, kSample, kRoot);
}

template <class Operation>
Cell bits(const Input& input, Operation operation) {
  if (input.values.empty()) return Cell::null(Type::Long);
  std::int64_t out = input.values.front().integer();
  for (std::size_t i = 1; i < input.values.size(); ++i)
    out = operation(out, input.values[i].integer());
  return Cell::of(Type::Long, out);
}

constexpr std::array kKnown{
    Known{"count", count},
    Known{"countif", count, 0},
    Known{"dcount", dcount},
    Known{"count_distinct", dcount},
    Known{"dcountif", dcount, 1},
    Known{"sum", sum},
    Known{"sumif", sum, 1},
    Known{"avg", avg},
    Known{"avgif", avg, 1},
    Known{"min", extreme_of<-1>},
    Known{"max", extreme_of<1>},
    Known{"minif", extreme_of<-1>, 1},
    Known{"maxif", extreme_of<1>, 1},
    Known{"stdev", spread_of<true, true>},
    Known{"stdevp", spread_of<false, true>},
    Known{"variance", spread_of<true, false>},
    Known{"variancep", spread_of<false, false>},
    Known{"make_set", make_set},
    Known{"make_set_if", make_set, 1},
    Known{"make_list", make_list},
    Known{"make_list_if", make_list, 1},
    Known{"binary_all_and",
          [](Context&, const Input& input) {
            return bits(input, [](std::int64_t a, std::int64_t b) { return a & b; });
          }},
    Known{"binary_all_or",
          [](Context&, const Input& input) {
            return bits(input, [](std::int64_t a, std::int64_t b) { return a | b; });
          }},
};

// The nearest rank: the least value that so many per cent of the values do not exceed.
Cell percentile(Context& context, const ast::Call& call, const Group& group) {
  const auto* literal = std::get_if<ast::Literal>(&call.arguments[1].value->form);
  const std::int64_t* share = literal == nullptr ? nullptr : literal->value.if_int();
  const Type type = group.type(*call.arguments[0].value);
  if (share == nullptr || *share < 1 || *share > 100 || type == Type::Dynamic) {
    return context.refuse("such a percentile", type);
  }
  std::vector<Cell> values = group.values(*call.arguments[0].value);
  std::erase_if(values, [](const Cell& each) { return each.is_null(); });
  for (const Cell& each : values) {
    if (each.type == Type::Real && std::isnan(each.real())) return context.refuse("NaN", type);
  }
  if (values.empty()) return Cell::null(type);
  std::sort(values.begin(), values.end(),
            [](const Cell& a, const Cell& b) { return order(a, b) < 0; });
  const std::size_t rank = (static_cast<std::size_t>(*share) * values.size() + 99) / 100;
  return values[rank - 1];
}

const Known* find(std::string_view name) {
  for (const Known& each : kKnown) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

}  // namespace

bool is_aggregate(std::string_view name) {
  return find(name) != nullptr || name == "percentile";
}

Cell aggregate(Context& context, const ast::Call& call, const Group& group) {
  const std::string& name = call.name.text;
  const bool list = name.starts_with("make_list");
  if (list && !group.ordered && group.rows > 1) return context.refuse("a list without an order");
  if (name == "percentile" && call.arguments.size() == 2) return percentile(context, call, group);
  const Known* known = find(name);
  const std::size_t wanted =
      known == nullptr ? 0 : static_cast<std::size_t>(std::max(known->condition + 1, 1));
  const bool plain_count = name == "count" && call.arguments.empty();
  if (known == nullptr || (call.arguments.size() != wanted && !plain_count)) {
    return context.refuse("the aggregate " + name);
  }
  Input input;
  input.rows = group.rows;
  if (plain_count) return count(context, input);
  const ast::Expr& argument = *call.arguments.front().value;
  input.type = group.type(argument);
  std::vector<Cell> values = group.values(argument);
  std::vector<Cell> conditions;
  if (known->condition >= 0) {
    conditions = group.values(*call.arguments[static_cast<std::size_t>(known->condition)].value);
  }
  input.rows = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool kept = conditions.empty() || (!conditions[i].is_null() && conditions[i].flag());
    if (!kept) continue;
    ++input.rows;
    if (!values[i].is_null()) input.values.push_back(std::move(values[i]));
  }
  return known->call(context, input);
}

}  // namespace kql::evaluator
