#pragma once

#include <expected>
#include <map>
#include <string>

#include "kql/ast/ast.h"
#include "kql/evaluator/cell.h"
#include "kql/ticks.h"

namespace kql::evaluator {

struct Refusal {
  // What the query needs whose meaning is not written down here, or has no single right answer:
  // "take without an order".
  std::string why;
};

struct Answer {
  Table table;
  // A whole number left its range on the way: the database may report that instead.
  bool overflowed = false;
};

// The query's answer over these tables. `tree` is a query without errors: what the binder would
// refuse may come out as anything. Threads: pure. Time: bounded, with a refusal at its end.
std::expected<Answer, Refusal> evaluate(const ast::Tree& tree,
                                        const std::map<std::string, Table>& tables, Ticks now);

}  // namespace kql::evaluator
