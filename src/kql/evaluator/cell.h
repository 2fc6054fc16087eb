#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "kql/types.h"

// A second opinion on what a query means: rows of values in memory and the language's definitions,
// one after the other, as plain as they can be written. Slow, for tests and fuzzers only: nothing
// of the binder, the plan, the function table's SQL or DuckDB is in it.
namespace kql::evaluator {

using Json = base::json::Value;

struct Dynamic {
  Json json;
};

// One value. Every value knows its type, a null as well; strings are never null.
// Int, Long, DateTime and TimeSpan hold an int64 (ticks); Guid and Decimal their text.
struct Cell {
  Type type = Type::String;
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Dynamic> data;

  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  // Callers have looked at the type, and for null; what is not there reads as nothing.
  bool flag() const { return get<bool>(); }
  std::int64_t integer() const { return get<std::int64_t>(); }
  double real() const { return get<double>(); }
  const std::string& text() const { return get<std::string>(); }
  const Json& json() const { return get<Dynamic>().json; }

  // The null of the type; of a string, the empty one.
  static Cell null(Type type);
  static Cell of(bool flag) { return {Type::Bool, flag}; }
  static Cell of(Type type, std::int64_t number) { return {type, number}; }
  static Cell of(double number) { return {Type::Real, number}; }
  static Cell of(std::string text) { return {Type::String, std::move(text)}; }
  // A JSON null is the null.
  static Cell of(Json json);

  template <class T>
  const T& get() const {
    static const T kNothing{};
    const T* found = std::get_if<T>(&data);
    return found == nullptr ? kNothing : *found;
  }
};

struct Column {
  std::string name;  // empty: what it is called is not known here
  Type type = Type::String;
};

using Row = std::vector<Cell>;

struct Table {
  std::vector<Column> columns;
  std::vector<Row> rows;
  // What the order of the rows says: one number for each, growing; rows that share one may stand in
  // any order. Empty: the rows have no order.
  std::vector<std::size_t> ranks;

  // The place of the column; the table's width when there is none.
  std::size_t find(std::string_view name) const;
};

// -1, 0 or 1: both of one type, neither null, no dynamic. NaN is not less than anything here.
int order(const Cell& a, const Cell& b);

// JSON as the language writes it: no blanks, reals with a fraction.
std::string json_text(const Json& json);

// A text that is the same for values that count as equal in a result: reals to nine digits, members
// of bags sorted by name.
std::string canonical(const Cell& cell);

}  // namespace kql::evaluator
