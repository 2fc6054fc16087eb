#pragma once

#include <string>
#include <vector>

#include "agent/collect/facts.h"

namespace agent {

// Whether a tier works on this device, for this user.
struct TierVerdict {
  collect::Tier tier{};
  bool works = false;
  std::string reason;  // why not, or what it cannot do
};

// Tries each tier for a moment, best first. Threads: any (it makes its own loop).
std::vector<TierVerdict> probe_tiers();

// For people, a line each; and as one JSON array of objects (tier, works, reason).
std::string table_of(const std::vector<TierVerdict>& verdicts);
std::string json_of(const std::vector<TierVerdict>& verdicts);

}  // namespace agent
