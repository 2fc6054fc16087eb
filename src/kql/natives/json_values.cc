#include "kql/natives/json_values.h"

#include <cmath>

#include <fmt/format.h>

namespace kql::natives {

std::optional<base::json::Value> json_at(Arguments arguments, std::size_t index) {
  const auto text = text_at(arguments, index);
  if (!text) return std::nullopt;
  auto value = base::json::parse(*text);
  if (!value || value->is_null()) return std::nullopt;
  return std::move(*value);
}

std::optional<Items> items_at(Arguments arguments, std::size_t index) {
  auto value = json_at(arguments, index);
  if (!value || value->if_array() == nullptr) return std::nullopt;
  return *value->if_array();
}

std::string to_json(const Items& items) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_array();
  for (const base::json::Value& each : items)
    each.write(writer);
  writer.end_array();
  return out;
}

void append_number(std::string& out, double number, bool whole) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  if (whole && std::abs(number) < 9e15) {
    out += fmt::format("{}", static_cast<std::int64_t>(number));
    return;
  }
  const std::string text = fmt::format("{}", number);
  out += text;
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
}

std::string Series::to_json() const {
  std::string out = "[";
  for (const auto& each : values) {
    if (out.size() > 1) out += ',';
    if (each) {
      append_number(out, *each, whole);
    } else {
      out += "null";
    }
  }
  return out + "]";
}

std::optional<Series> series_at(Arguments arguments, std::size_t index) {
  const auto items = items_at(arguments, index);
  if (!items) return std::nullopt;
  Series out;
  out.values.reserve(items->size());
  for (const base::json::Value& each : *items) {
    if (const std::int64_t* number = each.if_int()) {
      out.values.emplace_back(static_cast<double>(*number));
    } else if (const double* real = each.if_double()) {
      out.values.emplace_back(*real);
      out.whole = false;
    } else {
      out.values.emplace_back(std::nullopt);
    }
  }
  return out;
}

std::optional<Numbers> numbers_at(Arguments arguments, std::size_t index) {
  const auto series = series_at(arguments, index);
  if (!series) return std::nullopt;
  Numbers out;
  out.reserve(series->values.size());
  for (const auto& each : series->values)
    out.push_back(each.value_or(0));
  return out;
}

std::string array_of(const Numbers& numbers) {
  std::string out = "[";
  for (const double each : numbers) {
    if (out.size() > 1) out += ',';
    append_number(out, each, false);
  }
  return out + "]";
}

double mean_of(const Numbers& numbers) {
  double sum = 0;
  for (const double each : numbers)
    sum += each;
  return numbers.empty() ? 0 : sum / static_cast<double>(numbers.size());
}

double variance_of(const Numbers& numbers) {
  const double mean = mean_of(numbers);
  double squares = 0;
  for (const double each : numbers)
    squares += (each - mean) * (each - mean);
  return numbers.size() > 1 ? squares / static_cast<double>(numbers.size() - 1) : 0;
}

}  // namespace kql::natives
