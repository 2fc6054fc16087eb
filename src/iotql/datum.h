#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/json.h"

// The values that expressions have.
namespace iotql {

struct Nothing {};  // undefined: there is no such property
struct Null {};

// A value of a document is borrowed from it; what was computed is owned.
class Datum {
 public:
  Datum() = default;
  explicit Datum(bool flag) : content_(flag) {}
  explicit Datum(std::int64_t number) : content_(number) {}
  explicit Datum(double number);  // undefined unless finite
  explicit Datum(std::string text) : content_(std::move(text)) {}
  explicit Datum(base::json::Value::Array items) : content_(base::json::Value(std::move(items))) {}
  // Borrows; nullptr is undefined.
  explicit Datum(const base::json::Value* value);

  bool is_undefined() const { return std::holds_alternative<Nothing>(content_); }
  bool is_null() const { return std::holds_alternative<Null>(content_); }
  bool is_true() const;
  std::optional<bool> flag() const;
  std::optional<std::string_view> text() const;
  const std::int64_t* whole() const { return std::get_if<std::int64_t>(&content_); }
  std::optional<double> number() const;
  const base::json::Value* node() const;  // an object or array
  const base::json::Value::Array* array() const;

  // Not of what is undefined.
  void write(base::json::Writer& writer) const;
  base::json::Value to_value() const;

 private:
  std::variant<Nothing, Null, bool, std::int64_t, double, std::string_view, std::string,
               const base::json::Value*, base::json::Value>
      content_;
};

// The same value; values of different types never are. Neither is undefined.
bool same(const Datum& a, const Datum& b);
// Less than, equal to, greater than 0; nullopt where there is no order: of different types, of
// objects and arrays.
std::optional<int> order(const Datum& a, const Datum& b);
// A total order, by type first; for MIN and MAX. Only of null, booleans, numbers and texts.
int order_any(const Datum& a, const Datum& b);

}  // namespace iotql
