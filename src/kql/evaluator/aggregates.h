#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "kql/ast/ast.h"
#include "kql/evaluator/cell.h"
#include "kql/evaluator/context.h"

namespace kql::evaluator {

// The rows of one group as an aggregate sees them.
struct Group {
  // The values of an argument, one for each row of the group, and its type, which also stands where
  // there are no rows.
  std::function<std::vector<Cell>(const ast::Expr& argument)> values;
  std::function<Type(const ast::Expr& argument)> type;
  std::size_t rows = 0;
  // The rows stand in an order that no tie leaves open.
  bool ordered = false;
};

bool is_aggregate(std::string_view name);

// The value of the aggregate over the group. Refuses what it does not know.
Cell aggregate(Context& context, const ast::Call& call, const Group& group);

}  // namespace kql::evaluator
