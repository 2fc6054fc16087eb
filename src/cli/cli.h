#pragma once

#include <string>
#include <vector>

#include "cli/environment.h"

namespace cli {

// The program `vedette`: reads the command line (without the program's name), does it, answers the
// exit status (cli/exit.h). Data goes to environment.out, everything else to environment.err.
int run(const std::vector<std::string>& arguments, Environment& environment);

}  // namespace cli
