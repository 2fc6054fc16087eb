#include <array>

#include "kql/functions/function.h"

// series_*: arrays of numbers, as make-series makes them. Those that give several columns are in
// bind/tuples.cc.

namespace kql::functions {
namespace {

constexpr Nulls kSometimes = Nulls::Sometimes;
constexpr Naming kNone = Naming::None;

constexpr Entry unary(std::string_view name, std::string_view sql, std::string_view summary) {
  return {name, "(series: dynamic): dynamic", sql, kNone, kSometimes, summary};
}
constexpr Entry binary(std::string_view name, std::string_view sql, std::string_view summary) {
  return {name, "(a: dynamic, b: dynamic): dynamic", sql, kNone, kSometimes, summary};
}

constexpr std::array kEntries{
    unary("series_abs", "native_series_map('abs', {0})", "Each number without its sign."),
    unary("series_ceiling", "native_series_map('ceiling', {0})", "Each number rounded up."),
    unary("series_floor", "native_series_map('floor', {0})", "Each number rounded down."),
    unary("series_exp", "native_series_map('exp', {0})", "e to each number."),
    unary("series_log", "native_series_map('log', {0})", "Each number's natural logarithm."),
    unary("series_sign", "native_series_map('sign', {0})", "Each number's sign."),
    unary("series_sin", "native_series_map('sin', {0})", "Each number's sine."),
    unary("series_cos", "native_series_map('cos', {0})", "Each number's cosine."),
    unary("series_tan", "native_series_map('tan', {0})", "Each number's tangent."),
    unary("series_asin", "native_series_map('asin', {0})", "Each number's arc sine."),
    unary("series_acos", "native_series_map('acos', {0})", "Each number's arc cosine."),
    unary("series_atan", "native_series_map('atan', {0})", "Each number's arc tangent."),
    binary("series_add", "native_series_combine('+', {0}, {1})", "a + b, number by number."),
    binary("series_subtract", "native_series_combine('-', {0}, {1})", "a - b, number by number."),
    binary("series_multiply", "native_series_combine('*', {0}, {1})", "a * b, number by number."),
    binary("series_divide", "native_series_combine('/', {0}, {1})", "a / b, number by number."),
    binary("series_pow", "native_series_combine('^', {0}, {1})", "a to the b, number by number."),
    binary("series_equals", "native_series_compare('==', {0}, {1})", "a == b, by number."),
    binary("series_not_equals", "native_series_compare('!=', {0}, {1})", "a != b, by number."),
    binary("series_less", "native_series_compare('<', {0}, {1})", "a < b, by number."),
    binary("series_less_equals", "native_series_compare('<=', {0}, {1})", "a <= b, by number."),
    binary("series_greater", "native_series_compare('>', {0}, {1})", "a > b, by number."),
    binary("series_greater_equals", "native_series_compare('>=', {0}, {1})", "a >= b, by number."),
    Entry{"series_fill_const", "(series: dynamic, constant: real): dynamic",
          "native_series_fill_const({0}, {1}, NULL)", Naming::FirstArgument, kSometimes,
          "The series with the constant where it is null, or the value said to be missing."},
    Entry{"series_fill_const", "(series: dynamic, constant: real, missing: real): dynamic",
          "native_series_fill_const({0}, {1}, {2})", Naming::FirstArgument, kSometimes},
    Entry{"series_fill_forward", "(series: dynamic): dynamic",
          "native_series_fill_forward({0}, NULL)", Naming::FirstArgument, kSometimes,
          "The series with the number before where it is null."},
    Entry{"series_fill_forward", "(series: dynamic, missing: real): dynamic",
          "native_series_fill_forward({0}, {1})", Naming::FirstArgument, kSometimes},
    Entry{"series_fill_backward", "(series: dynamic): dynamic",
          "native_series_fill_backward({0}, NULL)", Naming::FirstArgument, kSometimes,
          "The series with the number after where it is null."},
    Entry{"series_fill_backward", "(series: dynamic, missing: real): dynamic",
          "native_series_fill_backward({0}, {1})", Naming::FirstArgument, kSometimes},
    Entry{"series_fill_linear", "(series: dynamic): dynamic",
          "native_series_fill_linear({0}, NULL, true, 0.0)", Naming::FirstArgument, kSometimes,
          "The series with numbers on a line between the neighbours where it is null; the ends "
          "too, unless told not to; the constant where there is no number at all."},
    Entry{"series_fill_linear", "(series: dynamic, missing: real): dynamic",
          "native_series_fill_linear({0}, {1}, true, 0.0)", Naming::FirstArgument, kSometimes},
    Entry{"series_fill_linear", "(series: dynamic, missing: real, edges: bool): dynamic",
          "native_series_fill_linear({0}, {1}, {2}, 0.0)", Naming::FirstArgument, kSometimes},
    Entry{"series_fill_linear",
          "(series: dynamic, missing: real, edges: bool, constant: real): dynamic",
          "native_series_fill_linear({0}, {1}, {2}, {3})", Naming::FirstArgument, kSometimes},
    Entry{"series_iir", "(series: dynamic, numerators: dynamic, denominators: dynamic): dynamic",
          "native_series_iir({0}, {1}, {2})", Naming::FirstArgument, kSometimes,
          "The series through a recursive filter; [1] and [1,-1] sum it up."},
    Entry{"series_fir", "(series: dynamic, filter: dynamic): dynamic",
          "native_series_fir({0}, {1}, NULL, false)", Naming::FirstArgument, kSometimes,
          "The series through a filter; [1,1,1] is a moving average."},
    Entry{"series_fir", "(series: dynamic, filter: dynamic, normalize: bool): dynamic",
          "native_series_fir({0}, {1}, {2}, false)", Naming::FirstArgument, kSometimes},
    Entry{"series_fir",
          "(series: dynamic, filter: dynamic, normalize: bool, center: bool): dynamic",
          "native_series_fir({0}, {1}, {2}, {3})", Naming::FirstArgument, kSometimes},
    Entry{"series_sum", "(series: dynamic): real", "native_series_fold('+', {0})", kNone,
          kSometimes, "The sum of the numbers."},
    Entry{"series_product", "(series: dynamic): real", "native_series_fold('*', {0})", kNone,
          kSometimes, "The product of the numbers."},
    Entry{"series_magnitude", "(series: dynamic): real", "native_series_fold('^', {0})", kNone,
          kSometimes, "The root of the sum of the squares."},
    Entry{"series_dot_product", "(a: dynamic, b: dynamic): real",
          "native_series_pair('dot', {0}, {1})", kNone, kSometimes, "The sum of the products."},
    Entry{"series_cosine_similarity", "(a: dynamic, b: dynamic): real",
          "native_series_pair('cosine', {0}, {1})", kNone, kSometimes,
          "The cosine of the angle between both."},
    Entry{"series_pearson_correlation", "(a: dynamic, b: dynamic): real",
          "native_series_pair('pearson', {0}, {1})", kNone, kSometimes,
          "Pearson's correlation of both."},
    Entry{"series_outliers", "(series: dynamic): dynamic",
          "native_series_outliers({0}, 'ctukey', NULL, NULL, NULL)", Naming::FirstArgument,
          kSometimes,
          "How far each number lies outside of the usual, by Tukey's fences: beyond 1.5 or below "
          "-1.5 it is an outlier."},
    Entry{"series_outliers", "(series: dynamic, kind: const string): dynamic",
          "native_series_outliers({0}, {1}, NULL, NULL, NULL)", Naming::FirstArgument, kSometimes},
    Entry{"series_outliers",
          "(series: dynamic, kind: const string, ignored: real, low: real, high: real): dynamic",
          "native_series_outliers({0}, {1}, {2}, {3}, {4})", Naming::FirstArgument, kSometimes},
    Entry{"series_seasonal", "(series: dynamic): dynamic", "native_series_seasonal({0}, -1)", kNone,
          kSometimes, "The part of the series that repeats; its period is found unless told."},
    Entry{"series_seasonal", "(series: dynamic, period: long): dynamic",
          "native_series_seasonal({0}, {1})", kNone, kSometimes},
    Entry{"series_stats_dynamic", "(series: dynamic): dynamic",
          "native_named(native_series_stats({0}, false), "
          "'min,min_idx,max,max_idx,avg,stdev,variance,sum,len')",
          kNone, kSometimes,
          "min, min_idx, max, max_idx, avg, stdev, variance, sum and len of the series, as a bag."},
    Entry{"series_stats_dynamic", "(series: dynamic, ignore_nonfinite: bool): dynamic",
          "native_named(native_series_stats({0}, {1}), "
          "'min,min_idx,max,max_idx,avg,stdev,variance,sum,len')",
          kNone, kSometimes},
    Entry{"series_fit_line_dynamic", "(series: dynamic): dynamic",
          "native_named(native_series_fit_line({0}), "
          "'rsquare,slope,variance,rvariance,interception,line_fit')",
          kNone, kSometimes,
          "The line nearest to the series: rsquare, slope, variance, rvariance, interception and "
          "line_fit, as a bag."},
    Entry{
        "series_fit_2lines_dynamic", "(series: dynamic): dynamic",
        "native_named(native_series_fit_2lines({0}), "
        "'rsquare,split_idx,variance,rvariance,line_fit,"
        "right_rsquare,right_slope,right_interception,right_variance,right_rvariance,left_rsquare,"
        "left_slope,left_interception,left_variance,left_rvariance')",
        kNone, kSometimes,
        "The two lines nearest to the series, as series_fit_2lines(), as a bag."},
};

}  // namespace

std::span<const Entry> series_functions() {
  return kEntries;
}

}  // namespace kql::functions
