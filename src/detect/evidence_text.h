#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "detect/alerts.h"

// Evidence that rules and detectors remember, as text.
namespace detect {

void write_evidence(base::json::Writer& writer, const Evidence& evidence);
std::string evidence_text(const Evidence& evidence);
// Errors: Malformed.
base::Result<Evidence> read_evidence(const base::json::Value& value);
base::Result<Evidence> parse_evidence(std::string_view text);

}  // namespace detect
