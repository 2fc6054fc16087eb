#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/plan/plan.h"

// What the binder knows while it follows a query: tables with their names, and what names mean.
namespace kql::bind {

using plan::ColumnId;
// nullptr: wrong, and reported.
using ExprRef = const plan::Expr*;

// A column whose value is a table's JSON object as it was stored, while the hidden columns with the
// object's properties are at hand.
struct ShreddedColumn {
  ColumnId id;
  bool parsed;  // dynamic, not a text
  plan::Hidden hidden;
};

// A table while the query is followed: its plan, and the names that its columns go by.
struct Relation {
  const plan::Node* node = nullptr;
  std::vector<plan::NamedColumn> columns;
  std::vector<ShreddedColumn> shredded = {};
  // An operator before was wrong: names that are missing may be its doing, and are not reported.
  bool incomplete = false;

  const plan::NamedColumn* find(std::string_view name) const;
};

struct LetTable {
  std::size_t shared;
  std::vector<plan::NamedColumn> columns;
  bool incomplete;
  std::vector<ShreddedColumn> shredded = {};
};
struct LetScalar {
  ExprRef value;
};
struct LetBroken {};
struct Scope;
struct LetFunction {
  const ast::Lambda* lambda;
  const Scope* scope;  // where it was written
};
using Binding = std::variant<LetBroken, LetScalar, LetTable, LetFunction>;

// What let has bound, innermost first.
struct Scope {
  const Scope* outer = nullptr;
  std::map<std::string, Binding, std::less<>> names;

  const Binding* find(std::string_view name) const;
};

// A level of top-nested: its value over the operator's input, and its columns.
struct NestedKey {
  ExprRef over_input;
  plan::NamedColumn column;
  plan::NamedColumn by;
};

// A scan while its steps are bound: whose state names such as s1.x look into.
struct ScanContext {
  const ast::Scan* form;
  const Relation* rows;
  plan::Sequence* sequence;
  std::size_t of;  // SIZE_MAX: that of no step
  std::map<std::pair<std::size_t, std::string>, std::vector<ColumnId>>
      states;  // by step and column
};

// Aggregates found while a summarize binds its expressions.
struct AggregateContext {
  std::vector<plan::AggregateCall> calls;
};

}  // namespace kql::bind
