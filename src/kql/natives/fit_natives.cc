// series_*: polynomials, two lines, Fourier's transform.

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "kql/natives/json_values.h"

namespace kql::natives {
namespace {

// Solves the symmetric system by elimination; nullopt when it has no single solution.
std::optional<Numbers> solve(std::vector<Numbers> rows, Numbers right) {
  const std::size_t size = right.size();
  for (std::size_t column = 0; column < size; ++column) {
    std::size_t best = column;
    for (std::size_t i = column + 1; i < size; ++i) {
      if (std::abs(rows[i][column]) > std::abs(rows[best][column])) best = i;
    }
    if (rows[best][column] == 0 || !std::isfinite(rows[best][column])) return std::nullopt;
    std::swap(rows[best], rows[column]);
    std::swap(right[best], right[column]);
    for (std::size_t i = column + 1; i < size; ++i) {
      const double factor = rows[i][column] / rows[column][column];
      for (std::size_t j = column; j < size; ++j)
        rows[i][j] -= factor * rows[column][j];
      right[i] -= factor * right[column];
    }
  }
  for (std::size_t i = size; i-- > 0;) {
    for (std::size_t j = i + 1; j < size; ++j)
      right[i] -= rows[i][j] * right[j];
    right[i] /= rows[i][i];
  }
  return right;
}

double polynomial_at(const Numbers& coefficients, double x) {
  double out = 0;
  for (std::size_t i = coefficients.size(); i-- > 0;)
    out = out * x + coefficients[i];
  return out;
}

// fit_poly(y, x or null, degree): [rsquare, [coefficients, the highest power last], variance,
// residual variance, [fitted]]
Outcome fit_polynomial(Arguments arguments) {
  const auto y = numbers_at(arguments, 0);
  auto x = numbers_at(arguments, 1);
  const std::int64_t degree = long_at(arguments, 2).value_or(5);
  if (!y || degree < 1 || degree > 7) return {};
  if (!x) {
    x.emplace();
    for (std::size_t i = 0; i < y->size(); ++i)
      x->push_back(static_cast<double>(i));
  }
  const auto terms = static_cast<std::size_t>(degree) + 1;
  if (x->size() != y->size() || y->size() < terms) return {};
  // Least squares; around the middle and within its span, so that powers stay small.
  const auto [least, most] = std::ranges::minmax(*x);
  const double middle = (least + most) / 2;
  const double span = most == least ? 1 : (most - least) / 2;
  std::vector<Numbers> rows(terms, Numbers(terms, 0));
  Numbers right(terms, 0);
  for (std::size_t k = 0; k < y->size(); ++k) {
    const double u = ((*x)[k] - middle) / span;
    for (std::size_t i = 0; i < terms; ++i) {
      for (std::size_t j = 0; j < terms; ++j)
        rows[i][j] += std::pow(u, static_cast<double>(i + j));
      right[i] += std::pow(u, static_cast<double>(i)) * (*y)[k];
    }
  }
  const auto scaled = solve(std::move(rows), std::move(right));
  if (!scaled) return {};
  // Back to powers of x: a polynomial in (x - middle) / span, multiplied out by Horner's scheme.
  Numbers coefficients(terms, 0);
  for (std::size_t i = terms; i-- > 0;) {
    Numbers next(terms, 0);
    for (std::size_t j = 0; j < terms; ++j) {
      next[j] -= coefficients[j] * middle / span;
      if (j + 1 < terms) next[j + 1] += coefficients[j] / span;
    }
    next[0] += (*scaled)[i];
    coefficients = std::move(next);
  }
  Numbers fitted;
  Numbers rest;
  for (std::size_t k = 0; k < y->size(); ++k) {
    fitted.push_back(polynomial_at(*scaled, ((*x)[k] - middle) / span));
    rest.push_back((*y)[k] - fitted.back());
  }
  const double variance = variance_of(*y);
  const double rest_variance = variance_of(rest);
  std::string out = "[";
  append_number(out, variance == 0 ? 1 : 1 - rest_variance / variance, false);
  out += ',';
  out += array_of(coefficients);
  for (const double each : {variance, rest_variance}) {
    out += ',';
    append_number(out, each, false);
  }
  out += ',';
  out += array_of(fitted);
  return out + "]";
}

// Sums over a stretch of the series, from which its line follows.
struct Sums {
  double n = 0;
  double x = 0;
  double y = 0;
  double xy = 0;
  double xx = 0;
  double yy = 0;

  void add(double at, double value, double sign) {
    n += sign;
    x += sign * at;
    y += sign * value;
    xy += sign * at * value;
    xx += sign * at * at;
    yy += sign * value * value;
  }
  double slope() const {
    const double spread = n * xx - x * x;
    return spread <= 0 ? 0 : (n * xy - x * y) / spread;
  }
  double start() const { return n == 0 ? 0 : (y - slope() * x) / n; }
  // What is left of the squares around the line.
  double rest() const {
    const double mean_x = x / n;
    const double mean_y = y / n;
    return std::max(0.0, yy - n * mean_y * mean_y - slope() * (xy - n * mean_x * mean_y));
  }
};

// rsquare, slope, interception, variance, residual variance of a stretch
Numbers line_values(const Numbers& numbers, std::size_t begin, std::size_t end, Numbers& fitted) {
  Sums sums;
  for (std::size_t i = begin; i < end; ++i)
    sums.add(static_cast<double>(i), numbers[i], 1);
  Numbers own(numbers.begin() + static_cast<std::ptrdiff_t>(begin),
              numbers.begin() + static_cast<std::ptrdiff_t>(end));
  Numbers rest;
  for (std::size_t i = begin; i < end; ++i) {
    fitted.push_back(sums.start() + sums.slope() * static_cast<double>(i));
    rest.push_back(numbers[i] - fitted.back());
  }
  const double variance = variance_of(own);
  const double rest_variance = variance_of(rest);
  return {variance == 0 ? 1 : 1 - rest_variance / variance, sums.slope(), sums.start(), variance,
          rest_variance};
}

// Two lines with the least left over: rsquare, split, variance, residual variance, [line], then of
// the right and of the left side rsquare, slope, interception, variance, residual variance.
Outcome fit_two_lines(Arguments arguments) {
  const auto numbers = numbers_at(arguments, 0);
  if (!numbers || numbers->size() < 4) return {};
  Sums left;
  Sums right;
  for (std::size_t i = 0; i < numbers->size(); ++i)
    right.add(static_cast<double>(i), (*numbers)[i], 1);
  std::size_t split = 2;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i + 2 < numbers->size(); ++i) {
    left.add(static_cast<double>(i), (*numbers)[i], 1);
    right.add(static_cast<double>(i), (*numbers)[i], -1);
    const double rest = left.rest() + right.rest();
    if (i >= 1 && rest < least) {
      least = rest;
      split = i + 1;
    }
  }
  Numbers fitted;
  const Numbers before = line_values(*numbers, 0, split, fitted);
  const Numbers after = line_values(*numbers, split, numbers->size(), fitted);
  Numbers rest;
  for (std::size_t i = 0; i < numbers->size(); ++i)
    rest.push_back((*numbers)[i] - fitted[i]);
  const double variance = variance_of(*numbers);
  const double rest_variance = variance_of(rest);
  std::string out = "[";
  append_number(out, variance == 0 ? 1 : 1 - rest_variance / variance, false);
  out += ',' + std::to_string(split) + ',';
  append_number(out, variance, false);
  out += ',';
  append_number(out, rest_variance, false);
  out += ',';
  out += array_of(fitted);
  for (const Numbers* side : {&after, &before}) {
    for (const double each : *side) {
      out += ',';
      append_number(out, each, false);
    }
  }
  return out + "]";
}

using Complex = std::complex<double>;

// In place, for a power of two: Cooley and Tukey's.
void transform(std::vector<Complex>& values, bool inverse) {
  const std::size_t size = values.size();
  for (std::size_t i = 1, j = 0; i < size; ++i) {
    std::size_t bit = size >> 1;
    for (; (j & bit) != 0; bit >>= 1)
      j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  for (std::size_t length = 2; length <= size; length <<= 1) {
    const double angle = 2 * std::numbers::pi / static_cast<double>(length) * (inverse ? 1 : -1);
    for (std::size_t k = 0; k < length / 2; ++k) {
      const Complex turn = std::polar(1.0, angle * static_cast<double>(k));
      for (std::size_t i = k; i < size; i += length) {
        const Complex odd = values[i + length / 2] * turn;
        values[i + length / 2] = values[i] - odd;
        values[i] += odd;
      }
    }
  }
}

// fourier(real, imaginary or null, inverse): [[real], [imaginary]], filled with zeros to the next
// power of two.
Outcome fourier(Arguments arguments) {
  const auto real = numbers_at(arguments, 0);
  const auto imaginary = numbers_at(arguments, 1);
  const bool inverse = bool_at(arguments, 2).value_or(false);
  if (!real || real->empty() || (imaginary && imaginary->size() != real->size())) return {};
  std::size_t size = 1;
  while (size < real->size())
    size <<= 1;
  if (size > kMaxElements) return {};
  std::vector<Complex> values(size);
  for (std::size_t i = 0; i < real->size(); ++i)
    values[i] = {(*real)[i], imaginary ? (*imaginary)[i] : 0};
  transform(values, inverse);
  Numbers x;
  Numbers y;
  const double scale = inverse ? 1 / static_cast<double>(size) : 1;
  for (const Complex& each : values) {
    x.push_back(each.real() * scale);
    y.push_back(each.imag() * scale);
  }
  std::string out = "[";
  out += array_of(x);
  out += ',';
  out += array_of(y);
  return out + "]";
}

// named([values], "a,b,c"): a bag of them.
Outcome named(Arguments arguments) {
  const auto items = items_at(arguments, 0);
  auto names = text_at(arguments, 1);
  if (!items || !names) return {};
  base::json::Value::Object out;
  for (const base::json::Value& each : *items) {
    const std::size_t comma = std::min(names->find(','), names->size());
    if (comma == 0) break;
    out.push_back({std::string(names->substr(0, comma)), each});
    names->remove_prefix(std::min(comma + 1, names->size()));
  }
  return base::json::Value(std::move(out)).to_json();
}

constexpr std::array kNatives{
    Native{"native_series_fit_poly", "TTL:J", fit_polynomial},
    Native{"native_series_fit_2lines", "T:J", fit_two_lines},
    Native{"native_series_fourier", "TTB:J", fourier},
    Native{"native_named", "TT:J", named},
};

}  // namespace

std::span<const Native> fit_natives() {
  return kNatives;
}

}  // namespace kql::natives
