#pragma once

#include <string>
#include <vector>

#include "detect/finding.h"
#include "sigma/correlator.h"
#include "sigma/record.h"
#include "sigma/rule.h"
#include "sigma/rule_set.h"

// What is said of something that a rule or a correlation found: why, about whom, and by which
// values; for the sources of this folder. Threads: pure.
namespace detect {

// The rule's reason, and the first of what matched.
std::string why_of(const sigma::Rule& rule, const std::vector<sigma::Matched>& matched);
// The values of the entity's fields, one after another.
std::string entity_of(const sigma::Rule& rule, const sigma::Subject& subject);

// The same of a correlation that was completed. Its entity is the group, but for the device, which
// is told beside it.
std::string why_of(const sigma::Firing& firing);
std::string entity_of(const sigma::Firing& firing);
// What it compared, as the rows that say what matched.
std::vector<Match> matches_of(const sigma::Firing& firing);

}  // namespace detect
