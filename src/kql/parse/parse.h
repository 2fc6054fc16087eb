#pragma once

#include <string_view>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/source.h"

namespace kql::parse {

// The query as a tree. Always answers one: what could not be understood is an error in
// `diagnostics` and a Missing or BadOperator in the tree, and what follows is still read, from the
// next '|', ';' or closing bracket on.
ast::Tree parse(Diagnostics& diagnostics);

// The names of the operators that may follow a '|', for messages, completion and the reference
// page.
const std::vector<std::string_view>& operator_names();

}  // namespace kql::parse
