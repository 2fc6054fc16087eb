#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/source.h"

namespace kql::parse {

struct Wanted;

// The query as a tree. Always answers one: what could not be understood is an error in
// `diagnostics` and a Missing or BadOperator in the tree, and what follows is still read, from the
// next '|', ';' or closing bracket on.
// `wanted`, if any, gets what could come where the text ends.
ast::Tree parse(Diagnostics& diagnostics, Wanted* wanted = nullptr);

// What a parameter's value given from outside as text means: a literal of the type, with or without
// its name and quotes. nullopt: none of that type; of a string, whose text is the value, always.
std::optional<Value> value_of(Type type, std::string_view text);

// The names of the operators that may follow a '|', for messages, completion and the reference
// page.
const std::vector<std::string_view>& operator_names();
// The operators between values: ==, has, !in~...
const std::vector<std::string>& comparison_words();

}  // namespace kql::parse
