#pragma once

#include <span>

#include "iotql/ast.h"
#include "iotql/datum.h"

namespace iotql {

// What an expression is asked about: a document, or a group of them.
struct Scope {
  const Document* document = nullptr;
  std::span<const Datum> group_keys = {};
  std::span<const Datum> aggregates = {};
};

// The value of an expression, which may borrow from the scope and the expression.
Datum evaluate(const Expr& expr, const Scope& scope);

}  // namespace iotql
