#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "iotql/query.h"

// The tree of a query. Inside the module only.
namespace iotql {

struct Function;

struct Span {
  std::size_t offset = 0;
  std::size_t length = 0;
};

enum class Op : std::uint8_t {
  Undefined,
  Literal,  // `literal`
  Path,     // `path`
  Array,    // operands are its items
  Not,
  Negate,
  And,  // of two or more operands, as Or
  Or,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn,
  Add,
  Subtract,
  Multiply,
  Divide,
  Modulo,
  Call,       // `function`
  Aggregate,  // `index` into Parsed::aggregates
  GroupKey,   // `index` into Parsed::group_by
};

struct Expr {
  Op op = Op::Undefined;
  Span span = {};
  base::json::Value literal = {};
  std::vector<Step> path = {};
  const Function* function = nullptr;
  std::size_t index = 0;
  std::vector<Expr> operands = {};
  int height = 1;  // of the tree below it
};

enum class Fold : std::uint8_t { Count, Sum, Min, Max, Average };

struct Aggregate {
  Fold fold = Fold::Count;
  std::optional<Expr> argument;  // COUNT() has none
};

struct Column {
  std::string name;  // empty: that of the property, until bind()
  Expr value;
};

struct Parsed {
  std::optional<std::size_t> top;
  bool all = false;  // SELECT *
  std::vector<Column> columns;
  From from = From::Devices;
  std::optional<Expr> where;
  std::vector<Expr> group_by;
  std::vector<Aggregate> aggregates;
  std::vector<Restriction> restrictions;
};

}  // namespace iotql
