// series_*: arithmetic, filling, filters and statistics over arrays of numbers.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kql/natives/json_values.h"

namespace kql::natives {
namespace {

double sign_of(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}

struct Unary {
  std::string_view name;
  double (*apply)(double);
};
constexpr std::array kUnary{
    Unary{"abs", [](double x) { return std::abs(x); }},
    Unary{"ceiling", [](double x) { return std::ceil(x); }},
    Unary{"floor", [](double x) { return std::floor(x); }},
    Unary{"exp", [](double x) { return std::exp(x); }},
    Unary{"log", [](double x) { return std::log(x); }},
    Unary{"sin", [](double x) { return std::sin(x); }},
    Unary{"cos", [](double x) { return std::cos(x); }},
    Unary{"tan", [](double x) { return std::tan(x); }},
    Unary{"asin", [](double x) { return std::asin(x); }},
    Unary{"acos", [](double x) { return std::acos(x); }},
    Unary{"atan", [](double x) { return std::atan(x); }},
    Unary{"sign", sign_of},
};

// series_map(name, series)
Outcome map_series(Arguments arguments) {
  const auto name = text_at(arguments, 0);
  auto series = series_at(arguments, 1);
  if (!name || !series) return {};
  const auto found = std::find_if(kUnary.begin(), kUnary.end(),
                                  [&name](const Unary& each) { return each.name == *name; });
  if (found == kUnary.end()) return {};
  for (auto& each : series->values) {
    if (each) each = found->apply(*each);
  }
  series->whole = series->whole && (*name == "abs" || *name == "sign");
  return series->to_json();
}

double combine(char op, double a, double b) {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b == 0 ? std::numeric_limits<double>::quiet_NaN() : a / b;
    default:
      return std::pow(a, b);
  }
}

// series_combine(op, a, b): as long as the longer, null where one has nothing.
Outcome combine_series(Arguments arguments) {
  const auto op = text_at(arguments, 0);
  const auto a = series_at(arguments, 1);
  const auto b = series_at(arguments, 2);
  if (!op || op->empty() || !a || !b) return {};
  Series out;
  out.whole = a->whole && b->whole && op->front() != '/' && op->front() != '^';
  const std::size_t size = std::max(a->values.size(), b->values.size());
  for (std::size_t i = 0; i < size; ++i) {
    const bool both = i < a->values.size() && i < b->values.size() && a->values[i] && b->values[i];
    out.values.push_back(both ? std::optional(combine(op->front(), *a->values[i], *b->values[i]))
                              : std::nullopt);
  }
  return out.to_json();
}

Outcome compare_series(Arguments arguments) {
  const auto op = text_at(arguments, 0);
  const auto a = series_at(arguments, 1);
  const auto b = series_at(arguments, 2);
  if (!op || !a || !b) return {};
  std::string out = "[";
  const std::size_t size = std::max(a->values.size(), b->values.size());
  for (std::size_t i = 0; i < size; ++i) {
    if (i > 0) out += ',';
    const bool both = i < a->values.size() && i < b->values.size() && a->values[i] && b->values[i];
    if (!both) {
      out += "null";
      continue;
    }
    const double x = *a->values[i];
    const double y = *b->values[i];
    const bool holds = *op == "=="   ? x == y
                       : *op == "!=" ? x != y
                       : *op == "<"  ? x < y
                       : *op == "<=" ? x <= y
                       : *op == ">"  ? x > y
                                     : x >= y;
    out += holds ? "true" : "false";
  }
  return out + "]";
}

// What counts as missing: null, and the value that the caller named.
void set_missing(Series& series, Arguments arguments, std::size_t index) {
  const auto missing = real_at(arguments, index);
  if (!missing) return;
  for (auto& each : series.values) {
    if (each == missing) each.reset();
  }
}

// series_fill_const(series, constant, missing)
Outcome fill_const(Arguments arguments) {
  auto series = series_at(arguments, 0);
  const auto constant = real_at(arguments, 1);
  if (!series || !constant) return {};
  set_missing(*series, arguments, 2);
  for (auto& each : series->values) {
    if (!each) each = constant;
  }
  series->whole = series->whole && *constant == std::floor(*constant);
  return series->to_json();
}

template <bool kForward>
Outcome fill_along(Arguments arguments) {
  auto series = series_at(arguments, 0);
  if (!series) return {};
  set_missing(*series, arguments, 1);
  auto& values = series->values;
  if (!kForward) std::reverse(values.begin(), values.end());
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (!values[i]) values[i] = values[i - 1];
  }
  if (!kForward) std::reverse(values.begin(), values.end());
  return series->to_json();
}

// series_fill_linear(series, missing, edges, constant): on a line between neighbours.
Outcome fill_linear(Arguments arguments) {
  auto series = series_at(arguments, 0);
  if (!series) return {};
  set_missing(*series, arguments, 1);
  const bool edges = bool_at(arguments, 2).value_or(true);
  auto& values = series->values;
  const auto present = [](const std::optional<double>& each) { return each.has_value(); };
  if (std::none_of(values.begin(), values.end(), present)) {
    series->whole = false;
    std::fill(values.begin(), values.end(), real_at(arguments, 3).value_or(0));
    return series->to_json();
  }
  std::size_t last = values.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    for (std::size_t j = last == values.size() ? 0 : last + 1; j < i; ++j) {
      if (last == values.size()) {
        if (edges) values[j] = values[i];
        continue;
      }
      const double part = static_cast<double>(j - last) / static_cast<double>(i - last);
      const double value = *values[last] + (*values[i] - *values[last]) * part;
      values[j] = series->whole ? std::trunc(value) : value;
    }
    last = i;
  }
  for (std::size_t j = last + 1; edges && j < values.size(); ++j)
    values[j] = values[last];
  return series->to_json();
}

// The numbers alone; nullopt when one is missing.
std::optional<std::vector<double>> plain(const std::optional<Series>& series) {
  if (!series) return std::nullopt;
  std::vector<double> out;
  for (const auto& each : series->values)
    out.push_back(each.value_or(0));
  return out;
}

// series_iir(series, numerators, denominators)
Outcome filter_iir(Arguments arguments) {
  const auto x = plain(series_at(arguments, 0));
  const auto b = plain(series_at(arguments, 1));
  const auto a = plain(series_at(arguments, 2));
  if (!x || !a || !b || a->empty() || a->front() == 0) return {};
  if (x->size() * (a->size() + b->size()) > 100 * kMaxElements) return {};
  Series out;
  out.whole = false;
  for (std::size_t i = 0; i < x->size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < b->size() && j <= i; ++j)
      sum += (*b)[j] * (*x)[i - j];
    for (std::size_t k = 1; k < a->size() && k <= i; ++k)
      sum -= (*a)[k] * *out.values[i - k];
    out.values.emplace_back(sum / a->front());
  }
  return out.to_json();
}

// series_fir(series, filter, normalize, center)
Outcome filter_fir(Arguments arguments) {
  const auto x = plain(series_at(arguments, 0));
  auto filter = plain(series_at(arguments, 1));
  if (!x || !filter || x->size() * filter->size() > 100 * kMaxElements) return {};
  double sum = 0;
  for (const double each : *filter)
    sum += each;
  const bool normalize = bool_at(arguments, 2).value_or(sum != 0);
  for (double& each : *filter)
    each = normalize && sum != 0 ? each / sum : each;
  const std::size_t ahead = bool_at(arguments, 3).value_or(false) ? filter->size() / 2 : 0;
  Series out;
  out.whole = false;
  for (std::size_t i = 0; i < x->size(); ++i) {
    double value = 0;
    for (std::size_t j = 0; j < filter->size(); ++j) {
      if (i + ahead < j || i + ahead - j >= x->size()) continue;
      value += (*filter)[j] * (*x)[i + ahead - j];
    }
    out.values.emplace_back(value);
  }
  return out.to_json();
}

Outcome fold_series(Arguments arguments) {
  const auto op = text_at(arguments, 0);
  const auto series = series_at(arguments, 1);
  if (!op || !series) return {};
  double out = *op == "*" ? 1 : 0;
  for (const auto& each : series->values) {
    if (!each) return {};
    if (*op == "*") {
      out *= *each;
    } else {
      out += *op == "^" ? *each * *each : *each;
    }
  }
  return *op == "^" ? std::sqrt(out) : out;
}

// series_pair(what, a, b): dot product, cosine similarity, Pearson's correlation.
Outcome pair_series(Arguments arguments) {
  const auto what = text_at(arguments, 0);
  const auto x = plain(series_at(arguments, 1));
  const auto y = plain(series_at(arguments, 2));
  if (!what || !x || !y || x->size() != y->size() || x->empty()) return {};
  double mean_x = 0;
  double mean_y = 0;
  if (*what == "pearson") {
    for (std::size_t i = 0; i < x->size(); ++i) {
      mean_x += (*x)[i] / static_cast<double>(x->size());
      mean_y += (*y)[i] / static_cast<double>(y->size());
    }
  }
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x->size(); ++i) {
    const double a = (*x)[i] - mean_x;
    const double b = (*y)[i] - mean_y;
    xy += a * b;
    xx += a * a;
    yy += b * b;
  }
  if (*what == "dot") return xy;
  if (xx == 0 || yy == 0) return {};
  return xy / std::sqrt(xx * yy);
}

// series_stats: [min, its index, max, its index, average, deviation, variance, sum, length]
Outcome statistics(Arguments arguments) {
  const auto series = series_at(arguments, 0);
  if (!series) return {};
  const bool ignore = bool_at(arguments, 1).value_or(false);
  double count = 0;
  double sum = 0;
  std::optional<std::size_t> least;
  std::optional<std::size_t> most;
  const auto& values = series->values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) {
      if (!ignore) return {};
      continue;
    }
    ++count;
    sum += *values[i];
    if (!least || *values[i] < *values[*least]) least = i;
    if (!most || *values[i] > *values[*most]) most = i;
  }
  if (count == 0) return {};
  const double mean = sum / count;
  double squares = 0;
  for (const auto& each : values)
    squares += each ? (*each - mean) * (*each - mean) : 0;
  const double variance = count > 1 ? squares / (count - 1) : 0;
  std::string out = "[";
  append_number(out, *values[*least], false);
  out += ',' + std::to_string(*least) + ',';
  append_number(out, *values[*most], false);
  out += ',' + std::to_string(*most);
  for (const double each : {mean, std::sqrt(variance), variance, sum}) {
    out += ',';
    append_number(out, each, false);
  }
  return out + ',' + std::to_string(values.size()) + ']';
}

constexpr std::array kNatives{
    Native{"native_series_map", "TT:J", map_series},
    Native{"native_series_combine", "TTT:J", combine_series},
    Native{"native_series_compare", "TTT:J", compare_series},
    Native{"native_series_fill_const", "TRR:J", fill_const},
    Native{"native_series_fill_forward", "TR:J", fill_along<true>},
    Native{"native_series_fill_backward", "TR:J", fill_along<false>},
    Native{"native_series_fill_linear", "TRBR:J", fill_linear},
    Native{"native_series_iir", "TTT:J", filter_iir},
    Native{"native_series_fir", "TTBB:J", filter_fir},
    Native{"native_series_fold", "TT:R", fold_series},
    Native{"native_series_pair", "TTT:R", pair_series},
    Native{"native_series_stats", "TB:J", statistics},
};

}  // namespace

std::span<const Native> series_natives() {
  return kNatives;
}

}  // namespace kql::natives
