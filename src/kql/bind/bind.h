#pragma once

#include <optional>

#include "kql/ast/ast.h"
#include "kql/catalogue.h"
#include "kql/plan/plan.h"
#include "kql/source.h"
#include "kql/ticks.h"

namespace kql::bind {

// Gives every name and operator of the tree its meaning: tables of the catalogue, columns, types,
// overloads. `now` is what now() means. nullopt after an error, which is in `diagnostics`; carries
// on after one as far as that makes sense, so that one run reports most of what is wrong.
std::optional<plan::Plan> bind(const ast::Tree& tree, const Catalogue& catalogue, Ticks now,
                               Diagnostics& diagnostics);

}  // namespace kql::bind
