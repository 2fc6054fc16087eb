#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "detect/custom/definition.h"

// Files of custom alerts: YAML, or JSON, which is YAML as well.
//
//   customAlerts:
//     - group: pumps
//       type: ActiveConnectionsNotInAllowedRange
//       window: PT1H
//       max: 100
namespace detect::custom {

inline constexpr std::size_t kMaxDocument = std::size_t{4} << 20U;
inline constexpr std::size_t kMaxDefinitions = 10'000;

// Errors: Invalid (the detail begins with "line 7: " where a place is known, and says what was
// expected), TooLarge. Definitions that are of one id are refused. Threads: pure.
base::Result<std::vector<Definition>> read_document(std::string_view text);
// What read_document() reads.
std::string write_document(std::span<const Definition> definitions);

}  // namespace detect::custom
