#pragma once

#include <string_view>
#include <vector>

#include "kql/diagnostic.h"
#include "sigma/rule.h"

// Where in a rule's YAML something is wrong, as an editor shows it. Threads: pure.
namespace detect::scheduled {

// A problem of the YAML itself. One without a place is about the first line.
kql::Diagnostic in_rule(const sigma::Problem& problem, std::string_view yaml);

// Problems with places in the query, which stands in the YAML. Where its lines cannot be found
// there as they are (folded, or with escapes), they are about the line that begins it, and say
// their place in the query.
std::vector<kql::Diagnostic> in_rule(std::vector<kql::Diagnostic> diagnostics,
                                     std::string_view query, std::string_view yaml);

}  // namespace detect::scheduled
