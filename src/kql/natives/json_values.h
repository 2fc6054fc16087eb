#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "kql/natives/native.h"

// Arrays and numbers within dynamic values.
namespace kql::natives {

using Items = base::json::Value::Array;

// The argument as a JSON value; nullopt when it is null or no JSON.
std::optional<base::json::Value> json_at(Arguments arguments, std::size_t index);
// The argument as a JSON array; nullopt when it is none.
std::optional<Items> items_at(Arguments arguments, std::size_t index);
std::string to_json(const Items& items);

// A number of the language's in JSON: 1.0 stays a real; null for what is not finite.
void append_number(std::string& out, double number, bool whole);

// An array of numbers, null where the element is none.
struct Series {
  std::vector<std::optional<double>> values;
  bool whole = true;  // every number is a whole one

  std::string to_json() const;
};
std::optional<Series> series_at(Arguments arguments, std::size_t index);

// An array of numbers where null counts as 0.
using Numbers = std::vector<double>;
std::optional<Numbers> numbers_at(Arguments arguments, std::size_t index);
// As JSON, every one a real.
std::string array_of(const Numbers& numbers);
double mean_of(const Numbers& numbers);
// Of a sample; 0 for fewer than two numbers.
double variance_of(const Numbers& numbers);

}  // namespace kql::natives
