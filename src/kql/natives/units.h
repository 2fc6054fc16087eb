#pragma once

#include <string_view>
#include <vector>

namespace kql::natives {

// The units that convert_<family>() knows: "angle", "length"... Empty for another family.
// Source: the conversions of Kusto's reference; values by SI and NIST SP 811. Threads: pure.
std::vector<std::string_view> unit_names(std::string_view family);

}  // namespace kql::natives
