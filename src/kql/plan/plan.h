#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kql/ast/arena.h"
#include "kql/ast/ast.h"
#include "kql/catalogue.h"
#include "kql/functions/function.h"
#include "kql/plan/expression.h"

// The query understood: every column is a number, every expression has a type, every function is
// one overload. Nothing of the query's text is left but constants. What operators mean in SQL, the
// emitter knows; what the language means, is decided here.
namespace kql::plan {

struct Output {
  ColumnId id;
  const Expr* value;
};

// Columns of a scanned relation that the query does not see (Shredded::hidden_column()), under ids
// from `first` on. Nodes carry them along; they are there where Plan::hidden_used has the id.
struct Hidden {
  const Shredded* parts;
  ColumnId first;
};

struct Scan {
  const Table* table;
  std::vector<std::pair<ColumnId, std::size_t>> columns;  // and its index in the table
  std::optional<Hidden> hidden = {};
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
  std::vector<std::pair<ColumnId, ColumnId>> columns;    // new, old
  std::vector<std::pair<Hidden, ColumnId>> hidden = {};  // new, first of the old ids
};
struct Filter {
  const Node* input;
  const Expr* predicate;
};
// Exactly these columns.
struct Project {
  const Node* input;
  std::vector<Output> outputs;
  std::vector<Hidden> hidden = {};
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
  bool null_safe = false;  // null keys match null ones
  std::vector<Hidden> hidden = {};
};
struct SortKey {
  ColumnId id;
  bool descending;
  bool nulls_first;
  bool nan_beside_nulls = false;  // of a real: NaN stands at that end, too
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

// A column that looks at other rows, in the input's order: row_number(), prev()... The rows are
// numbered on the way (`row`); where `restart` holds, `group` grows and counts begin anew.
struct Window {
  enum class Kind : std::uint8_t {
    RowNumber,
    CumulativeSum,
    Previous,
    Next,
    RankDense,
    RankMin,
    Session,
  };
  const Node* input;
  Kind kind;
  ColumnId id;
  Type type;
  ColumnId row;
  ColumnId group;
  const Expr* value;      // nullptr for RowNumber
  std::int64_t offset;    // RowNumber: of the first row; Previous, Next: how far
  const Expr* otherwise;  // Previous, Next: where there is no such row; Session: its longest
  const Expr* between;    // Session: the longest from row to row
  const Expr* restart;    // nullptr: never
};
// The rows whose axis is within the bounds, and the number of its step, from `from` or 0 on.
struct SeriesIndex {
  const Node* input;
  const Expr* axis;
  Type type;
  const Expr* from;  // nullptr: no bound
  const Expr* to;
  const Expr* step;
  bool inclusive;
  ColumnId index;
};
// A row for each combination of keys: for each value an array over the steps of the axis.
struct MakeSeries {
  struct Value {
    ColumnId id;
    ColumnId source;        // dynamic, of the input
    const Expr* otherwise;  // dynamic, where there is none
  };
  const Node* input;
  std::vector<ColumnId> keys;
  std::vector<Value> values;
  ColumnId axis;
  Type axis_type;
  const Expr* from;  // nullptr: the first step that has rows
  const Expr* to;
  const Expr* step;
  bool inclusive;
  ColumnId index;
};
// Rows in their order against steps, from the last step to the first: a row goes on to a step when
// the step before has a match and `promoted` holds, taking that step's state along; else it repeats
// a step that has one (the first step also without) when `repeated` holds. Source: scan operator,
// "Scan logic".
struct Sequence {
  struct Value {
    ColumnId id;
    Type type;
    const Expr* promoted;  // nullptr for the first step
    const Expr* repeated;
  };
  struct Step {
    const Expr* promoted;  // over the row and the state of the step before; nullptr for the first
    const Expr* repeated;  // over the row and the step's own state
    std::vector<Value> values;  // of the declared columns, in their order
    ast::ScanStep::Output output;
  };
  // In the state of step `of`: what `from` was in the row that step `step` matched last.
  struct State {
    ColumnId id;
    std::size_t of;
    std::size_t step;
    ColumnId from;  // a column of the input, or a Value's
    Type type;
    const Expr* empty;  // before there is a match
  };
  const Node* input;
  std::vector<ColumnId> columns;  // of the input
  std::vector<TypedColumn> declared;
  std::optional<ColumnId> match_id;
  ColumnId row;
  std::vector<Step> steps;
  std::vector<State> states;
};
// The first rows of each group.
struct TopWithin {
  const Node* input;
  std::vector<ColumnId> within;
  SortKey by;
  const Expr* count;
};

struct Node {
  std::variant<Scan, Rows, OneRow, OuterRow, Lateral, Range, SharedRef, Filter, Project, Extend,
               Aggregate, Join, Sort, Limit, Expand, Union, Window, SeriesIndex, MakeSeries,
               TopWithin, Sequence>
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
  std::vector<Hidden> hidden = {};
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
  std::set<ColumnId> hidden_used;
  Arena<Expr> exprs;
  Arena<Node> nodes;
};

}  // namespace kql::plan
