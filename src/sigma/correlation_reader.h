#pragma once

#include <expected>

#include "sigma/rule.h"
#include "sigma/yaml.h"

namespace sigma {

// Reads what is under `correlation:`, and `generate` beside it, into `out`.
std::expected<void, Problem> read_correlation(const YAML::Node& root, Correlation& out);

}  // namespace sigma
