#pragma once

#include <optional>
#include <string_view>

namespace advisories {

// The base score of a vector, 0 to 10: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" is 9.8.
// nullopt: not a whole vector of version 3.0 or 3.1. Source: CVSS 3.1, sections 7.1 and 7.4 and
// appendix A. Threads: pure.
std::optional<double> cvss3_base_score(std::string_view vector);

}  // namespace advisories
