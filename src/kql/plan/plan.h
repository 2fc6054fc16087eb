#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kql/ast/arena.h"
#include "kql/ast/ast.h"
#include "kql/catalogue.h"
#include "kql/functions/function.h"
#include "kql/value.h"

// The query understood: every column is a number, every expression has a type, every function is
// one overload. Nothing of the query's text is left but constants. What operators mean in SQL, the
// emitter knows; what the language means, is decided here.
namespace kql::plan {

// A column of some intermediate table, unique in the whole plan: joins never confuse two.
using ColumnId = std::uint32_t;

struct Expr;
struct Node;

// --- expressions ---

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

// --- tables ---

struct Output {
  ColumnId id;
  const Expr* value;
};

struct Scan {
  const Table* table;
  std::vector<std::pair<ColumnId, std::size_t>> columns;  // and its index in the table
};
struct Rows {  // datatable
  std::vector<std::pair<ColumnId, Type>> columns;
  std::vector<std::vector<const Expr*>> rows;
};
struct OneRow {};
struct Range {
  ColumnId id;
  Type type;
  const Expr* from;
  const Expr* to;
  const Expr* step;
};
// The rows of shared table `index` (a let), its columns under new ids.
struct SharedRef {
  std::size_t index;
  std::vector<std::pair<ColumnId, ColumnId>> columns;  // new, old
};
struct Filter {
  const Node* input;
  const Expr* predicate;
};
// Exactly these columns.
struct Project {
  const Node* input;
  std::vector<Output> outputs;
};
// The input's columns and these.
struct Extend {
  const Node* input;
  std::vector<Output> outputs;
};
struct AggregateCall {
  ColumnId id;
  const functions::Overload* overload;
  std::vector<const Expr*> arguments;
  Type type;
};
// arg_max, arg_min, take_any: values of one row of the group.
struct RowPick {
  enum class Kind : std::uint8_t { Max, Min, Any };
  Kind kind;
  const Expr* by;  // nullptr for Any
  std::vector<Output> outputs;
};
struct Aggregate {
  const Node* input;
  std::vector<Output> keys;
  std::vector<AggregateCall> calls;
  std::vector<RowPick> picks;
};
enum class JoinKind : std::uint8_t {
  InnerUnique,
  Inner,
  LeftOuter,
  RightOuter,
  FullOuter,
  LeftSemi,
  RightSemi,
  LeftAnti,
  RightAnti,
};
struct TypedColumn {
  ColumnId id;
  Type type;
};
struct Join {
  JoinKind kind;
  const Node* left;
  const Node* right;
  std::vector<std::pair<const Expr*, const Expr*>> on;  // over the left, over the right
  std::vector<TypedColumn> left_columns;
  std::vector<TypedColumn> right_columns;
};
struct SortKey {
  ColumnId id;
  bool descending;
  bool nulls_first;
};
struct Sort {
  const Node* input;
  std::vector<SortKey> keys;
};
struct Limit {
  const Node* input;
  const Expr* count;
  bool random = false;  // sample
};
struct ExpandItem {
  ColumnId id;
  const Expr* value;  // dynamic
  Type type;
};
struct Expand {
  const Node* input;
  std::vector<ExpandItem> items;
  bool bags_as_arrays;
  std::optional<ColumnId> index;
  std::optional<std::int64_t> limit;
};
struct Union {
  struct Input {
    const Node* node;
    std::vector<const Expr*> values;  // one for each of `columns`
  };
  std::vector<TypedColumn> columns;
  std::vector<Input> inputs;
};

// The row of the surrounding Lateral that is being worked on, under new ids.
struct OuterRow {
  std::vector<Output> columns;
};
// For each row of the input: that row beside every row of `body`, which starts with an OuterRow.
struct Lateral {
  const Node* input;
  const Node* body;
  std::vector<ColumnId> columns;  // of the input
  std::vector<ColumnId> added;    // of the body
};

struct Node {
  std::variant<Scan, Rows, OneRow, OuterRow, Lateral, Range, SharedRef, Filter, Project, Extend,
               Aggregate, Join, Sort, Limit, Expand, Union>
      form;
};

// A column of the result, or of a table within the query, as the language names it.
struct NamedColumn {
  std::string name;
  Type type;
  ColumnId id;
  bool nullable;
};

struct SharedTable {
  const Node* node;
  std::vector<ColumnId> columns;
};
struct SharedScalar {
  const Node* node;
  ColumnId column;
  Type type;
};

struct Plan {
  const Node* root = nullptr;
  std::vector<NamedColumn> columns;
  // Each may use those before it: one numbering for both kinds.
  std::vector<std::variant<SharedTable, SharedScalar>> shared;
  std::optional<ast::Render> render;
  Arena<Expr> exprs;
  Arena<Node> nodes;
};

}  // namespace kql::plan
