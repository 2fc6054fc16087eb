#pragma once

#include <string>

#include "kql/evaluator/cell.h"
#include "kql/evaluator/context.h"

namespace kql::evaluator {

// What tostring(), tolong(), todatetime() and their kin answer for the value; null where it is no
// such thing. To Dynamic it is parse_json().
Cell convert(Context& context, const Cell& cell, Type to);

// The value as an element of a dynamic one: text stays text.
Cell as_json(Context& context, const Cell& cell);

std::string text_of(Context& context, const Cell& cell);

// The type that both are compared in; nullopt: they cannot be compared without a word of the user.
std::optional<Type> common_type(Type a, Type b);

// A text where a datetime, a timespan or a guid is expected; others come back as they are.
Cell literal_as(Context& context, const Cell& cell, Type type);

}  // namespace kql::evaluator
