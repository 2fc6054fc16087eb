#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "detect/alerts.h"

// How alerts are written down: in SQLite, and as rows of SecurityAlert. For the sources of this
// folder.
namespace detect {

std::string rule_json(const RuleInfo& rule);
base::Result<RuleInfo> parse_rule_json(std::string_view json);
std::string matched_json(const std::vector<Match>& matched);
base::Result<std::vector<Match>> parse_matched_json(std::string_view json);

// KQL for the events that the alert stands on. `event_ids` are the newest known, not empty.
std::string query_text(const Alert& alert, const std::vector<std::string>& event_ids);

enum class RowKind : std::uint8_t { First, Later };
// The alert as it is now; `evidence` is the newest.
store::AlertRow alert_row(const Alert& alert, const Evidence& evidence, RowKind kind,
                          base::WallTime now, std::string_view link_base);

}  // namespace detect
