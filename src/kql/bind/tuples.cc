// Functions that give several columns at once: extend (a, b) = series_fit_line(x).

#include <algorithm>
#include <array>

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

struct Part {
  std::string_view suffix;
  Type type;
};

struct TupleFunction {
  std::string_view name;
  std::array<Type, 7> parameters;
  std::size_t least;
  std::size_t most;
  functions::Entry entry;  // of an array with the parts
  std::array<Part, 15> parts;
  std::size_t part_count;
};

constexpr Type D = Type::Dynamic;
constexpr Type L = Type::Long;
constexpr Type R = Type::Real;
constexpr Type S = Type::String;
constexpr Type B = Type::Bool;

constexpr std::array kFunctions{
    TupleFunction{"series_stats",
                  {D, B},
                  1,
                  2,
                  {"", "(): dynamic", "native_series_stats({0}, {1})"},
                  {{{"min", R},
                    {"min_idx", L},
                    {"max", R},
                    {"max_idx", L},
                    {"avg", R},
                    {"stdev", R},
                    {"variance", R}}},
                  7},
    TupleFunction{"series_fit_line",
                  {D},
                  1,
                  1,
                  {"", "(): dynamic", "native_series_fit_line({0})"},
                  {{{"rsquare", R},
                    {"slope", R},
                    {"variance", R},
                    {"rvariance", R},
                    {"interception", R},
                    {"line_fit", D}}},
                  6},
    TupleFunction{"series_fit_2lines",
                  {D},
                  1,
                  1,
                  {"", "(): dynamic", "native_series_fit_2lines({0})"},
                  {{{"rsquare", R},
                    {"split_idx", L},
                    {"variance", R},
                    {"rvariance", R},
                    {"line_fit", D},
                    {"right_rsquare", R},
                    {"right_slope", R},
                    {"right_interception", R},
                    {"right_variance", R},
                    {"right_rvariance", R},
                    {"left_rsquare", R},
                    {"left_slope", R},
                    {"left_interception", R},
                    {"left_variance", R},
                    {"left_rvariance", R}}},
                  15},
    TupleFunction{
        "series_fit_poly",
        {D, D, L},
        1,
        3,
        {"", "(): dynamic", "native_series_fit_poly({0}, {1}, {2})"},
        {{{"rsquare", R}, {"coefficients", D}, {"variance", R}, {"rvariance", R}, {"poly_fit", D}}},
        5},
    TupleFunction{"series_fft",
                  {D, D},
                  1,
                  2,
                  {"", "(): dynamic", "native_series_fourier({0}, {1}, false)"},
                  {{{"real", D}, {"imag", D}}},
                  2},
    TupleFunction{"series_ifft",
                  {D, D},
                  1,
                  2,
                  {"", "(): dynamic", "native_series_fourier({0}, {1}, true)"},
                  {{{"real", D}, {"imag", D}}},
                  2},
    TupleFunction{
        "series_periods_validate",
        {D, R, R, R, R, R, R},
        2,
        7,
        {"", "(): dynamic", "native_series_periods_validate({0}, {1}, {2}, {3}, {4}, {5}, {6})"},
        {{{"periods", D}, {"scores", D}}},
        2},
    TupleFunction{"series_decompose",
                  {D, L, S, L, R},
                  1,
                  5,
                  {"", "(): dynamic", "native_series_decompose({0}, {1}, {2}, {3}, {4})"},
                  {{{"baseline", D}, {"seasonal", D}, {"trend", D}, {"residual", D}}},
                  4},
    TupleFunction{"series_decompose_forecast",
                  {D, L, L, S, R},
                  2,
                  5,
                  {"", "(): dynamic", "native_series_forecast({0}, {1}, {2}, {3}, {1}, {4})"},
                  {{{"baseline", D}, {"seasonal", D}, {"trend", D}, {"residual", D}}},
                  4},
    TupleFunction{"series_decompose_anomalies",
                  {D, R, L, S, L, S, R},
                  1,
                  7,
                  {"", "(): dynamic", "native_series_anomalies({0}, {1}, {2}, {3}, {4}, {6}, {5})"},
                  {{{"ad_flag", D}, {"ad_score", D}, {"baseline", D}}},
                  3},
    TupleFunction{"series_periods_detect",
                  {D, R, R, L},
                  3,
                  4,
                  {"", "(): dynamic", "native_series_periods({0}, {1}, {2}, {3})"},
                  {{{"periods", D}, {"scores", D}}},
                  2},
};

const functions::Overload& overload_of(const functions::Entry& entry) {
  static const auto overloads = [] {
    std::array<functions::Overload, kFunctions.size()> out;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].entry = &kFunctions[i].entry;
      out[i].result = Type::Dynamic;
    }
    return out;
  }();
  for (const functions::Overload& each : overloads) {
    if (each.entry == &entry) return each;
  }
  return overloads.front();
}

const functions::Overload& sort_overload(bool descending, bool nulls_last) {
  static constexpr std::array kEntries{
      functions::Entry{"", "(): dynamic", "native_array_sort_by(false, false, {*})"},
      functions::Entry{"", "(): dynamic", "native_array_sort_by(false, true, {*})"},
      functions::Entry{"", "(): dynamic", "native_array_sort_by(true, false, {*})"},
      functions::Entry{"", "(): dynamic", "native_array_sort_by(true, true, {*})"},
  };
  static const auto overloads = [] {
    std::array<functions::Overload, kEntries.size()> out;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].entry = &kEntries[i];
      out[i].result = Type::Dynamic;
    }
    return out;
  }();
  return overloads[(descending ? 2U : 0U) + (nulls_last ? 1U : 0U)];
}

}  // namespace

// Part number `index` of the array that the call gives.
ExprRef Binder::tuple_part(ExprRef array, std::size_t index, Type type) {
  const ExprRef part = make(Type::Dynamic, true, array->weight + 1,
                            plan::JsonPath{array, {plan::Step{static_cast<std::int64_t>(index)}}});
  return part == nullptr ? nullptr : convert(part, type);
}

// array_sort_asc(a, b, ..., nulls_last): one column for each array.
std::optional<Binder::Tuple> Binder::sorted_arrays(const ast::Call& call) {
  std::size_t arrays = call.arguments.size();
  bool nulls_last = true;
  if (arrays > 0) {
    const auto* last = std::get_if<ast::Literal>(&call.arguments.back().value->form);
    if (const bool* flag = last == nullptr ? nullptr : last->value.if_bool()) {
      nulls_last = *flag;
      --arrays;
    }
  }
  if (arrays < 2) return std::nullopt;
  Tuple out;
  std::vector<ExprRef> values;
  for (std::size_t i = 0; i < arrays; ++i) {
    const ExprRef value = expr(call.arguments[i].value);
    if (value == nullptr) return Tuple{};
    if (value->type != Type::Dynamic) {
      diagnostics_.error(
          call.arguments[i].span,
          fmt::format("'{}' needs arrays, found {}", call.name.text, type_name(value->type)));
      return Tuple{};
    }
    values.push_back(value);
  }
  const bool descending = call.name.text == "array_sort_desc";
  const std::uint32_t weight = weight_of(values);
  const ExprRef sorted =
      make(Type::Dynamic, true, weight,
           plan::Apply{&sort_overload(descending, nulls_last), std::move(values)});
  for (std::size_t i = 0; sorted != nullptr && i < arrays; ++i) {
    const std::string name =
        implied_name(*call.arguments[i].value).value_or(fmt::format("array{}", i));
    out.emplace_back(name + "_sorted", tuple_part(sorted, i, Type::Dynamic));
  }
  return out;
}

std::optional<Binder::Tuple> Binder::tuple(const ast::Expr& node) {
  const auto* call = std::get_if<ast::Call>(&node.form);
  if (call == nullptr) return std::nullopt;
  if (call->name.text == "array_sort_asc" || call->name.text == "array_sort_desc") {
    return sorted_arrays(*call);
  }
  const auto found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                  [&](const auto& each) { return each.name == call->name.text; });
  if (found == kFunctions.end()) return std::nullopt;
  if (!argument_count(*call, found->least, found->most, node.span)) return Tuple{};
  std::vector<ExprRef> arguments;
  std::vector<Span> spans;
  if (!bind_arguments(*call, arguments, spans)) return Tuple{};
  for (std::size_t i = 0; i < found->most; ++i) {
    const Type wanted = found->parameters[i];
    if (i >= arguments.size()) {
      arguments.push_back(constant(wanted == S ? Value::text("") : Value::null(wanted)));
      continue;
    }
    const auto common = common_type(arguments[i]->type, wanted);
    if (!common || (*common != wanted && wanted != R)) {
      diagnostics_.error(spans[i], fmt::format("'{}' expects {} here, found {}", call->name.text,
                                               type_name(wanted), type_name(arguments[i]->type)));
      return Tuple{};
    }
    arguments[i] = convert(arguments[i], wanted);
    if (arguments[i] == nullptr) return Tuple{};
  }
  const std::string first = implied_name(*call->arguments.front().value).value_or("");
  const std::uint32_t weight = weight_of(arguments);
  const ExprRef all = make(Type::Dynamic, true, weight,
                           plan::Apply{&overload_of(found->entry), std::move(arguments)});
  Tuple out;
  for (std::size_t i = 0; all != nullptr && i < found->part_count; ++i) {
    const Part& part = found->parts[i];
    out.emplace_back(fmt::format("{}_{}_{}", found->name, first, part.suffix),
                     tuple_part(all, i, part.type));
  }
  return out;
}

// The columns that an assignment makes: one, or as many as the function gives. The query's names
// come first; what has none gets the function's. Empty: wrong, and reported.
std::vector<Binder::Made> Binder::made_columns(const ast::Assignment& assignment) {
  std::vector<Made> out;
  auto parts = tuple(*assignment.value);
  if (!parts) {
    const ExprRef value = expr(assignment.value);
    if (value != nullptr) out.push_back({assignment, value, false});
    return out;
  }
  const std::size_t named = assignment.names.size();
  if (named > parts->size() && !parts->empty()) {
    diagnostics_.error(assignment.span,
                       fmt::format("{} names for {} values", named, parts->size()));
    return out;
  }
  for (std::size_t i = 0; i < parts->size(); ++i) {
    auto& [name, value] = (*parts)[i];
    if (value == nullptr) return {};
    const bool own = i < named;
    ast::Assignment one = assignment;
    one.names = {own ? assignment.names[i] : ast::Name{name, assignment.span}};
    out.push_back({std::move(one), value, !own});
  }
  return out;
}

void Binder::settle(Made& made, const std::vector<plan::NamedColumn>& columns) {
  if (!made.generated) return;
  std::string& name = made.assignment.names.front().text;
  name = unique_name(std::move(name), columns);
}

}  // namespace kql::bind
