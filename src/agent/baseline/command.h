#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace agent::baseline {

// `vedette-agent baseline [--checks FILE] [--disable-group NAME] [--disable-check ID]
// [--root DIR] [-o table|json]`: the words after "baseline". Prints to standard output.
// Returns 0: nothing failed; 1: a check failed; 2: bad usage; 3: nothing failed, but something
// could not be found out or the file of checks could not be used.
int command(const std::vector<std::string_view>& words);

}  // namespace agent::baseline
