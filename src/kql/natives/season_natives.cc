// series_*: lines, seasons, outliers.

#include <algorithm>
#include <array>
#include <cmath>

#include "kql/natives/json_values.h"

namespace kql::natives {
namespace {

struct Line {
  double slope = 0;
  double start = 0;

  double at(std::size_t index) const { return start + slope * static_cast<double>(index); }
};

// Least squares over the first `count` numbers.
Line line_of(const Numbers& numbers, std::size_t count) {
  const auto n = static_cast<double>(count);
  double sum_x = 0;
  double sum_y = 0;
  double sum_xy = 0;
  double sum_xx = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(i);
    sum_x += x;
    sum_y += numbers[i];
    sum_xy += x * numbers[i];
    sum_xx += x * x;
  }
  const double spread = n * sum_xx - sum_x * sum_x;
  const double slope = spread == 0 ? 0 : (n * sum_xy - sum_x * sum_y) / spread;
  return {slope, n == 0 ? 0 : (sum_y - slope * sum_x) / n};
}

// [rsquare, slope, variance, residual variance, interception, line]
Outcome fit_line(Arguments arguments) {
  const auto numbers = numbers_at(arguments, 0);
  if (!numbers || numbers->size() < 2) return {};
  const Line line = line_of(*numbers, numbers->size());
  Numbers fitted;
  Numbers rest;
  for (std::size_t i = 0; i < numbers->size(); ++i) {
    fitted.push_back(line.at(i));
    rest.push_back((*numbers)[i] - fitted.back());
  }
  const double variance = variance_of(*numbers);
  const double rest_variance = variance_of(rest);
  std::string out = "[";
  for (const double each : {variance == 0 ? 1 : 1 - rest_variance / variance, line.slope, variance,
                            rest_variance, line.start}) {
    append_number(out, each, false);
    out += ',';
  }
  return out + array_of(fitted) + "]";
}

// The value below which so much of the numbers lies, on a line between neighbours.
double percentile_of(Numbers numbers, double percentage) {
  if (numbers.empty()) return 0;
  std::sort(numbers.begin(), numbers.end());
  const double place = percentage / 100 * static_cast<double>(numbers.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, numbers.size() - 1);
  return numbers[low] + (numbers[high] - numbers[low]) * (place - static_cast<double>(low));
}

// Tukey's fences: how many times the range between both percentiles a number lies outside of it.
Numbers outlier_scores(const Numbers& numbers, double low_percentage, double high_percentage,
                       std::size_t known) {
  const Numbers sample(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(known));
  const double low = percentile_of(sample, low_percentage);
  const double high = percentile_of(sample, high_percentage);
  // Where most are alike, the range is nothing; a deviation stands in for it.
  double range = high - low;
  if (range == 0) range = std::sqrt(variance_of(sample));
  Numbers out;
  for (const double each : numbers) {
    const double outside = each > high ? each - high : each < low ? each - low : 0;
    out.push_back(range == 0 ? 0 : outside / range);
  }
  return out;
}

// series_outliers(series, kind, ignored, low percentile, high percentile). What is missing or to be
// ignored has the score 0, and no part in what is usual.
Outcome outliers(Arguments arguments) {
  const auto series = series_at(arguments, 0);
  const auto kind = text_at(arguments, 1).value_or("ctukey");
  const auto ignored = real_at(arguments, 2);
  if (!series || (kind != "ctukey" && kind != "tukey")) return {};
  const bool usual = kind == "tukey";
  const double low = usual ? 25 : real_at(arguments, 3).value_or(10);
  const double high = usual ? 75 : real_at(arguments, 4).value_or(90);
  if (!(low >= 2 && low < high && high <= 98)) return {};
  Numbers known;
  for (const auto& each : series->values) {
    if (each && each != ignored) known.push_back(*each);
  }
  const Numbers scores = outlier_scores(known, low, high, known.size());
  Numbers out;
  auto next = scores.begin();
  for (const auto& each : series->values)
    out.push_back(each && each != ignored ? *next++ : 0);
  return array_of(out);
}

// How alike the series is to itself so many places on, 1 at most.
double autocorrelation(const Numbers& rest, std::size_t lag) {
  double product = 0;
  double total = 0;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    total += rest[i] * rest[i];
    if (i + lag < rest.size()) product += rest[i] * rest[i + lag];
  }
  // Fewer places take part the longer the lag.
  const double share = static_cast<double>(rest.size() - lag) / static_cast<double>(rest.size());
  return total == 0 ? 0 : product / (total * share);
}

struct Period {
  std::size_t length;
  double score;
};

// Local peaks of the autocorrelation, the best first; multiples of a better one are left out.
std::vector<Period> periods_of(const Numbers& numbers, std::size_t least, std::size_t most,
                               std::size_t count) {
  const Line line = line_of(numbers, numbers.size());
  Numbers rest;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    rest.push_back(numbers[i] - line.at(i));
  const std::size_t end = std::min(most, numbers.size() / 2);
  // The work grows with both; a series this long has its period in a part of it.
  if (rest.size() > 10'000) rest.resize(10'000);
  Numbers scores(end + 2, 0);
  for (std::size_t lag = 1; lag <= std::min(end + 1, rest.size() - 1); ++lag)
    scores[lag] = autocorrelation(rest, lag);
  std::vector<Period> found;
  for (std::size_t lag = std::max<std::size_t>(least, 2); lag <= end; ++lag) {
    const bool peak =
        scores[lag] > 0 && scores[lag] >= scores[lag - 1] && scores[lag] >= scores[lag + 1];
    if (peak) found.push_back({lag, std::min(scores[lag], 1.0)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Period& a, const Period& b) { return a.score > b.score + 0.05; });
  std::vector<Period> out;
  for (const Period& each : found) {
    const bool multiple = std::any_of(out.begin(), out.end(), [&each](const Period& better) {
      return each.length % better.length == 0;
    });
    if (!multiple && out.size() < count) out.push_back(each);
  }
  return out;
}

// [[periods], [scores]]
Outcome periods_detect(Arguments arguments) {
  const auto numbers = numbers_at(arguments, 0);
  const double least = real_at(arguments, 1).value_or(2);
  const double most = real_at(arguments, 2).value_or(0);
  const std::int64_t count = long_at(arguments, 3).value_or(1);
  if (!numbers || numbers->size() < 4 || !(least >= 0) || !(most >= least) || most > 1e6 ||
      count < 1)
    return {};
  Numbers lengths;
  Numbers scores;
  for (const Period& each :
       periods_of(*numbers, static_cast<std::size_t>(least), static_cast<std::size_t>(most),
                  static_cast<std::size_t>(count))) {
    lengths.push_back(static_cast<double>(each.length));
    scores.push_back(each.score);
  }
  while (lengths.size() < static_cast<std::size_t>(std::min<std::int64_t>(count, 100))) {
    lengths.push_back(0);
    scores.push_back(0);
  }
  return "[" + array_of(lengths) + "," + array_of(scores) + "]";
}

// periods_validate(series, period...): [[periods], [scores]], those that it has.
Outcome periods_validate(Arguments arguments) {
  const auto numbers = numbers_at(arguments, 0);
  if (!numbers || numbers->size() < 4) return {};
  Numbers lengths;
  Numbers scores;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto wanted = real_at(arguments, i);
    if (!wanted || !(*wanted >= 2) || *wanted > static_cast<double>(numbers->size()) / 2) continue;
    const auto length = static_cast<std::size_t>(std::llround(*wanted));
    const auto found = periods_of(*numbers, length, length, 1);
    lengths.push_back(*wanted);
    scores.push_back(found.empty() ? 0 : found.front().score);
  }
  return "[" + array_of(lengths) + "," + array_of(scores) + "]";
}

struct Decomposition {
  Numbers baseline;
  Numbers seasonal;
  Numbers trend;
  Numbers residual;
};

struct Manner {
  std::int64_t seasonality = -1;  // -1: find it, 0: none, else its length
  std::string_view trend = "avg";
  std::size_t held_back = 0;  // at the end, not learned from
  double threshold = 0.6;     // of the autocorrelation, for a season that was found
};

// The middle of the values, or of the two in the middle.
double median_of(Numbers numbers) {
  return percentile_of(std::move(numbers), 50);
}

// First the season, the median of each of its phases; then the trend, of what is left without it.
// Source: series_decompose() in Kusto's reference, "Component execution order".
Decomposition decompose(const Numbers& numbers, const Manner& manner) {
  const std::size_t known = numbers.size() - std::min(manner.held_back, numbers.size());
  const Numbers learned(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(known));
  std::size_t period = manner.seasonality > 0 ? static_cast<std::size_t>(manner.seasonality) : 0;
  if (manner.seasonality < 0 && known >= 4) {
    const auto found = periods_of(learned, 2, known / 2, 1);
    if (!found.empty() && found.front().score >= manner.threshold) period = found.front().length;
  }
  Numbers phases(std::max<std::size_t>(period, 1), 0);
  if (period > 1 && period <= known) {
    for (std::size_t phase = 0; phase < period; ++phase) {
      Numbers values;
      for (std::size_t i = phase; i < known; i += period)
        values.push_back(learned[i]);
      phases[phase] = median_of(std::move(values));
    }
  }
  Numbers rest;
  for (std::size_t i = 0; i < known; ++i)
    rest.push_back(learned[i] - phases[i % phases.size()]);
  Line line{0, mean_of(rest)};
  if (manner.trend == "linefit") line = line_of(rest, known);
  if (manner.trend == "none") line = {0, 0};
  Decomposition out;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    out.trend.push_back(line.at(i));
    out.seasonal.push_back(phases[i % phases.size()]);
    out.baseline.push_back(out.trend.back() + out.seasonal.back());
    out.residual.push_back(numbers[i] - out.baseline.back());
  }
  return out;
}

// Arguments from `first` on: seasonality, trend, points held back, threshold of the season.
Manner manner_at(Arguments arguments, std::size_t first) {
  Manner out;
  out.seasonality = long_at(arguments, first).value_or(-1);
  out.trend = text_at(arguments, first + 1).value_or("avg");
  out.held_back = static_cast<std::size_t>(
      std::max<std::int64_t>(long_at(arguments, first + 2).value_or(0), 0));
  out.threshold = real_at(arguments, first + 3).value_or(0.6);
  return out;
}

// [baseline, seasonal, trend, residual]
Outcome decompose_series(Arguments arguments) {
  const auto numbers = numbers_at(arguments, 0);
  if (!numbers || numbers->size() < 2) return {};
  const Decomposition parts = decompose(*numbers, manner_at(arguments, 1));
  return "[" + array_of(parts.baseline) + "," + array_of(parts.seasonal) + "," +
         array_of(parts.trend) + "," + array_of(parts.residual) + "]";
}

// [flags, scores, baseline]
Outcome decompose_anomalies(Arguments arguments) {
  const auto numbers = numbers_at(arguments, 0);
  if (!numbers || numbers->size() < 2) return {};
  const double threshold = real_at(arguments, 1).value_or(1.5);
  const Manner manner = manner_at(arguments, 2);
  const bool usual = text_at(arguments, 6) == "tukey";
  const Decomposition parts = decompose(*numbers, manner);
  const std::size_t known = numbers->size() - std::min(manner.held_back, numbers->size());
  const Numbers scores = outlier_scores(parts.residual, usual ? 25 : 10, usual ? 75 : 90, known);
  std::string flags = "[";
  for (const double each : scores) {
    if (flags.size() > 1) flags += ',';
    flags += each > threshold ? "1" : each < -threshold ? "-1" : "0";
  }
  return "[" + flags + "]," + array_of(scores) + "," + array_of(parts.baseline) + "]";
}

// series_decompose_forecast(series, points, seasonality, trend, points, threshold): as
// decompose_series(), the last points foretold, along a line unless told.
Outcome decompose_forecast(Arguments arguments) {
  const auto numbers = numbers_at(arguments, 0);
  const auto points = long_at(arguments, 1);
  if (!numbers || numbers->size() < 2 || !points || *points < 0) return {};
  Manner manner = manner_at(arguments, 2);
  if (manner.trend.empty()) manner.trend = "linefit";
  const Decomposition parts = decompose(*numbers, manner);
  return "[" + array_of(parts.baseline) + "," + array_of(parts.seasonal) + "," +
         array_of(parts.trend) + "," + array_of(parts.residual) + "]";
}

Outcome seasonal(Arguments arguments) {
  const auto numbers = numbers_at(arguments, 0);
  if (!numbers || numbers->size() < 2) return {};
  Manner manner;
  manner.seasonality = long_at(arguments, 1).value_or(-1);
  manner.trend = "none";
  return array_of(decompose(*numbers, manner).seasonal);
}

constexpr std::array kNatives{
    Native{"native_series_fit_line", "T:J", fit_line},
    Native{"native_series_outliers", "TTRRR:J", outliers},
    Native{"native_series_periods", "TRRL:J", periods_detect},
    Native{"native_series_periods_validate", "TR*:J", periods_validate},
    Native{"native_series_decompose", "TLTLR:J", decompose_series},
    Native{"native_series_anomalies", "TRLTLRT:J", decompose_anomalies},
    Native{"native_series_forecast", "TLLTLR:J", decompose_forecast},
    Native{"native_series_seasonal", "TL:J", seasonal},
};

}  // namespace

std::span<const Native> season_natives() {
  return kNatives;
}

}  // namespace kql::natives
