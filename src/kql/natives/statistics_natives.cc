// Distributions and tests, sketches of percentiles, likeness of sets.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kql/natives/json_values.h"

namespace kql::natives {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// std::lgamma() leaves the sign in a global.
double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

// The continued fraction of the incomplete beta function, by Lentz's method.
// Source: Numerical methods as in DLMF 8.17.22.
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double out = d;
  for (int m = 1; m < 1000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      if (std::abs(c) < kTiny) c = kTiny;
      out *= c * d;
    }
    if (std::abs(c * d - 1) < 1e-15) break;
  }
  return out;
}

// The regularised incomplete beta function; NaN outside of its domain.
double beta_distribution(double x, double a, double b) {
  if (!(x >= 0 && x <= 1 && a > 0 && b > 0)) return kNaN;
  if (x == 0 || x == 1) return x;
  const double front = std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) +
                                b * std::log1p(-x));
  // The fraction converges quickly on one side of the mean only.
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
  return 1 - front * beta_fraction(1 - x, b, a) / b;
}

struct Triple {
  double x;
  double a;
  double b;
};
std::optional<Triple> triple_at(Arguments arguments) {
  const auto x = real_at(arguments, 0);
  const auto a = real_at(arguments, 1);
  const auto b = real_at(arguments, 2);
  if (!x || !a || !b) return std::nullopt;
  return Triple{*x, *a, *b};
}

Outcome beta_cdf(Arguments arguments) {
  const auto given = triple_at(arguments);
  if (!given) return {};
  return beta_distribution(given->x, given->a, given->b);
}

Outcome beta_pdf(Arguments arguments) {
  const auto given = triple_at(arguments);
  if (!given) return {};
  const auto [x, a, b] = *given;
  if (!(x >= 0 && x <= 1 && a > 0 && b > 0)) return kNaN;
  return std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + (a - 1) * std::log(x) +
                  (b - 1) * std::log1p(-x));
}

// The distribution turned round, by halving.
Outcome beta_inverse(Arguments arguments) {
  const auto given = triple_at(arguments);
  if (!given) return {};
  const auto [probability, a, b] = *given;
  if (!(probability >= 0 && probability <= 1 && a > 0 && b > 0)) return kNaN;
  double low = 0;
  double high = 1;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = (low + high) / 2;
    if (middle == low || middle == high) break;
    (beta_distribution(middle, a, b) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

// welch_test(mean, variance, count, mean, variance, count): the two-sided probability that both
// samples have the same mean.
Outcome welch_test(Arguments arguments) {
  std::array<double, 6> v{};
  for (std::size_t i = 0; i < v.size(); ++i) {
    const auto value = real_at(arguments, i);
    if (!value) return {};
    v[i] = *value;
  }
  const auto& [mean1, variance1, count1, mean2, variance2, count2] = v;
  if (count1 < 2 || count2 < 2 || variance1 < 0 || variance2 < 0) return {};
  const double a = variance1 / count1;
  const double b = variance2 / count2;
  if (a + b == 0) return mean1 == mean2 ? 1.0 : 0.0;
  const double t = (mean1 - mean2) / std::sqrt(a + b);
  const double freedom = (a + b) * (a + b) / (a * a / (count1 - 1) + b * b / (count2 - 1));
  return beta_distribution(freedom / (freedom + t * t), freedom / 2, 0.5);
}

template <double (*kFunction)(double)>
Outcome apply(Arguments arguments) {
  const auto value = real_at(arguments, 0);
  if (!value) return {};
  return kFunction(*value);
}
double error_function(double x) {
  return std::erf(x);
}
double error_complement(double x) {
  return std::erfc(x);
}

// --- sketches: [[value, weight], ...], in order of the values ---

struct Point {
  double value;
  double weight;
};
using Sketch = std::vector<Point>;

constexpr std::size_t kMostPoints = 1000;

// Neighbours become one until there are few enough; those at the ends, which say most of extreme
// percentiles, last.
void compress(Sketch& sketch) {
  std::ranges::stable_sort(sketch, {}, &Point::value);
  double total = 0;
  for (const Point& each : sketch)
    total += each.weight;
  if (sketch.size() <= kMostPoints) return;
  Sketch out;
  double before = 0;
  for (const Point& each : sketch) {
    if (!out.empty()) {
      const double middle = (before - out.back().weight / 2) / total;
      const double room =
          4 * total * middle * (1 - middle) / (static_cast<double>(kMostPoints) / 2);
      if (out.back().weight + each.weight <= room) {
        const double weight = out.back().weight + each.weight;
        out.back().value += (each.value - out.back().value) * each.weight / weight;
        out.back().weight = weight;
        before += each.weight;
        continue;
      }
    }
    out.push_back(each);
    before += each.weight;
  }
  sketch = std::move(out);
}

std::optional<double> number_of(const base::json::Value& value) {
  if (const std::int64_t* whole = value.if_int()) return static_cast<double>(*whole);
  if (const double* real = value.if_double()) return *real;
  return std::nullopt;
}

void append_sketch(Sketch& out, const Items& items) {
  for (const base::json::Value& each : items) {
    const Items* pair = each.if_array();
    if (pair == nullptr || pair->size() != 2) continue;
    const auto value = number_of((*pair)[0]);
    const auto weight = number_of((*pair)[1]);
    if (value && weight && *weight > 0) out.push_back({*value, *weight});
  }
}

std::string to_json(const Sketch& sketch) {
  std::string out = "[";
  for (const Point& each : sketch) {
    if (out.size() > 1) out += ',';
    out += '[';
    append_number(out, each.value, each.value == std::floor(each.value));
    out += ',';
    append_number(out, each.weight, each.weight == std::floor(each.weight));
    out += ']';
  }
  return out + "]";
}

// tdigest([values], [weights] or null)
Outcome make_sketch(Arguments arguments) {
  const auto values = series_at(arguments, 0);
  const auto weights = series_at(arguments, 1);
  if (!values) return {};
  Sketch out;
  for (std::size_t i = 0; i < values->values.size(); ++i) {
    double weight = 1;
    if (weights) {
      const bool known = i < weights->values.size() && weights->values[i].has_value();
      weight = known ? *weights->values[i] : 0;
    }
    if (values->values[i] && weight > 0) out.push_back({*values->values[i], weight});
  }
  compress(out);
  return to_json(out);
}

// Several sketches, as arguments or as the elements of one array, as one.
Outcome merge_sketches(Arguments arguments) {
  Sketch out;
  bool any = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto items = items_at(arguments, i);
    if (!items) continue;
    any = true;
    append_sketch(out, *items);
    for (const base::json::Value& each : *items) {
      if (const Items* inner = each.if_array()) append_sketch(out, *inner);
    }
  }
  if (!any) return {};
  compress(out);
  return to_json(out);
}

std::optional<Sketch> sketch_at(Arguments arguments, std::size_t index) {
  const auto items = items_at(arguments, index);
  if (!items) return std::nullopt;
  Sketch out;
  append_sketch(out, *items);
  std::ranges::stable_sort(out, {}, &Point::value);
  return out;
}

double weight_of(const Sketch& sketch) {
  double total = 0;
  for (const Point& each : sketch)
    total += each.weight;
  return total;
}

// The least value that so many per cent of the weight do not exceed.
double percentile_of(const Sketch& sketch, double percentage) {
  const double wanted = weight_of(sketch) * std::clamp(percentage, 0.0, 100.0) / 100;
  double sum = 0;
  for (const Point& each : sketch) {
    sum += each.weight;
    // Sums of weights are not exact.
    if (sum >= wanted * (1 - 1e-12)) return each.value;
  }
  return sketch.back().value;
}

// percentile(sketch, percentage): a JSON number.
Outcome sketch_percentile(Arguments arguments) {
  const auto sketch = sketch_at(arguments, 0);
  const auto percentage = real_at(arguments, 1);
  if (!sketch || sketch->empty() || !percentage) return {};
  std::string out;
  const double value = percentile_of(*sketch, *percentage);
  append_number(out, value, value == std::floor(value));
  return out;
}

// percentiles(sketch, [percentages])
Outcome sketch_percentiles(Arguments arguments) {
  const auto sketch = sketch_at(arguments, 0);
  const auto wanted = series_at(arguments, 1);
  if (!sketch || sketch->empty() || !wanted) return {};
  std::string out = "[";
  for (const auto& each : wanted->values) {
    if (out.size() > 1) out += ',';
    const double value = percentile_of(*sketch, each.value_or(0));
    append_number(out, value, value == std::floor(value));
  }
  return out + "]";
}

// rank(sketch, value, of a hundred): how much of the weight is not above the value.
Outcome sketch_rank(Arguments arguments) {
  const auto sketch = sketch_at(arguments, 0);
  const auto value = real_at(arguments, 1);
  const bool share = bool_at(arguments, 2).value_or(false);
  if (!sketch || sketch->empty() || !value) return {};
  double sum = 0;
  for (const Point& each : *sketch)
    sum += each.value <= *value ? each.weight : 0;
  return share ? 100 * sum / weight_of(*sketch) : sum;
}

// weighted_place([weights], percentage): which element, from 1 on, is at that part of the sum.
Outcome weighted_place(Arguments arguments) {
  const auto weights = series_at(arguments, 0);
  const auto percentage = real_at(arguments, 1);
  if (!weights || weights->values.empty() || !percentage) return {};
  Sketch places;
  for (std::size_t i = 0; i < weights->values.size(); ++i)
    places.push_back({static_cast<double>(i + 1), weights->values[i].value_or(0)});
  return static_cast<std::int64_t>(percentile_of(places, *percentage));
}

constexpr std::array kNatives{
    Native{"native_beta_cdf", "RRR:R", beta_cdf},
    Native{"native_beta_pdf", "RRR:R", beta_pdf},
    Native{"native_beta_inv", "RRR:R", beta_inverse},
    Native{"native_welch_test", "RRRRRR:R", welch_test},
    Native{"native_erf", "R:R", apply<error_function>},
    Native{"native_erfc", "R:R", apply<error_complement>},
    Native{"native_tdigest", "TT:J", make_sketch},
    Native{"native_tdigest_merge", "T*:J", merge_sketches},
    Native{"native_tdigest_percentile", "TR:J", sketch_percentile},
    Native{"native_tdigest_percentiles", "TT:J", sketch_percentiles},
    Native{"native_tdigest_rank", "TRB:R", sketch_rank},
    Native{"native_weighted_place", "TR:L", weighted_place},
};

}  // namespace

std::span<const Native> statistics_natives() {
  return kNatives;
}

}  // namespace kql::natives
