#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kql {

// The scalar types of KQL. How DuckDB holds a value of each, in tables and between operators:
//
//   Bool BOOLEAN | Int INTEGER | Long BIGINT | Real DOUBLE | Decimal DECIMAL(38,12) | Guid UUID
//   String    VARCHAR, never NULL: KQL strings have no null, absent text is ''
//   DateTime  BIGINT: ticks of 100 ns since 0001-01-01T00:00:00Z (see ticks.h)
//   TimeSpan  BIGINT: ticks of 100 ns
//   Dynamic   JSON: a JSON text; a JSON null is always SQL NULL
//
// See docs/decisions/kql-representation.md for why.
enum class Type : std::uint8_t {
  Bool,
  Int,
  Long,
  Real,
  Decimal,
  String,
  DateTime,
  TimeSpan,
  Guid,
  Dynamic,
};

inline constexpr int kTypeCount = 10;

// As KQL writes it: "long".
std::string_view type_name(Type type);
// Also knows the other spellings: double, date, time, boolean, uuid...
std::optional<Type> type_of_name(std::string_view name);
// The column type of a table that holds such values: "BIGINT".
std::string_view sql_type(Type type);

constexpr bool is_integer(Type type) {
  return type == Type::Int || type == Type::Long;
}
constexpr bool is_numeric(Type type) {
  return is_integer(type) || type == Type::Real || type == Type::Decimal;
}

}  // namespace kql
