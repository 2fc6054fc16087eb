#pragma once

#include <string>
#include <vector>

#include "cli/failure.h"

namespace cli {

// Runs `vedette-hub` with these arguments: the one beside this program, else that of PATH. What it
// writes to standard output; its standard error is ours. Errors: its exit status where that is one
// of ours, with nothing to add to what it said; Failure (there is no such program).
Outcome<std::string> run_hub_program(const std::vector<std::string>& arguments);

}  // namespace cli
