#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/functions/function.h"
#include "kql/value.h"

// Values within a plan: every column is a number, every expression has a type.
namespace kql::plan {

// A column of some intermediate table, unique in the whole plan: joins never confuse two.
using ColumnId = std::uint32_t;

struct Expr;
struct Node;

struct Constant {
  Value value;
};
struct ColumnRef {
  ColumnId id;
};
// A function's overload; arguments already have the types it wants.
struct Apply {
  const functions::Overload* overload;
  std::vector<const Expr*> arguments;
};
enum class ArithmeticOp : std::uint8_t { Add, Subtract, Multiply, Divide, Modulo, Negate };
// Operands and result as the SQL operator wants them; see emit for division.
struct Arithmetic {
  ArithmeticOp op;
  std::vector<const Expr*> operands;
};
struct Logic {
  bool all;
  std::vector<const Expr*> operands;
};
// Both sides have the same type. == and != with KQL's nulls.
struct Compare {
  ast::CompareOp op;
  const Expr* left;
  const Expr* right;
};
// left <= value <= right, in one.
struct Between {
  bool negated;
  const Expr* value;
  const Expr* low;
  const Expr* high;
};
// Strings. `needles`: one, or the list of has_any (any) and has_all (all).
struct TextMatch {
  ast::TextOp op;
  bool case_sensitive;
  bool negated;
  bool all;
  const Expr* text;
  std::vector<const Expr*> needles;
};
// The same with the needles in a dynamic array.
struct TextMatchArray {
  bool negated;
  bool all;
  const Expr* text;
  const Expr* array;
};
// value in (items), of one type.
struct InList {
  bool case_sensitive;
  bool negated;
  const Expr* value;
  std::vector<const Expr*> items;
};
// value in (a dynamic array): both as text.
struct InArray {
  bool case_sensitive;
  bool negated;
  const Expr* value;
  const Expr* array;
};
// value in (T | project x)
struct InTable {
  bool case_sensitive;
  bool negated;
  const Expr* value;
  const Node* table;
  ColumnId column;
};
// iff, case: the first branch whose condition is true.
struct Choose {
  struct Branch {
    const Expr* condition;
    const Expr* value;
  };
  std::vector<Branch> branches;
  const Expr* otherwise;
};
// A step into a dynamic value: a property's name, or an index (negative: from the end), or either
// as an expression.
struct Step {
  std::variant<std::string, std::int64_t, const Expr*> key;
};
struct JsonPath {
  const Expr* base;
  std::vector<Step> steps;
};
// bag_pack: names and dynamic values, in pairs.
struct Pack {
  std::vector<std::pair<const Expr*, const Expr*>> members;
};
// [a, b, c] of dynamic values.
struct PackArray {
  std::vector<const Expr*> items;
};
// The value of the plan's scalar number `index`: toscalar(), or a let that is more than a constant.
struct ScalarRef {
  std::size_t index;
};

struct Expr {
  Type type;
  bool nullable;
  // How many nodes it would take written out; shared parts count each time.
  std::uint32_t weight;
  std::variant<Constant, ColumnRef, Apply, Arithmetic, Logic, Compare, Between, TextMatch,
               TextMatchArray, InList, InArray, InTable, Choose, JsonPath, Pack, PackArray,
               ScalarRef>
      form;
};

}  // namespace kql::plan
