#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sigma/correlator.h"

// Correlations tied to what they listen to; for the sources of this folder.
namespace sigma {

// Who is told of a hit: a correlation, and as which of its rules.
struct Listener {
  std::size_t correlation = 0;
  std::uint32_t position = 0;
};

struct Linked {
  Correlation correlation;
  // By the rule's position: the names of the fields that make the group and the value, there.
  std::vector<std::vector<std::string>> group_fields;
  std::vector<std::vector<std::string>> value_fields;
  // Ids of its rules, and what listens to itself.
  std::vector<std::string> rule_ids;
  std::vector<Listener> listeners;
  std::size_t depth = 0;  // correlations below it, one upon another
  // Fields that those who listen read of its last event.
  std::vector<std::string> carried;
  // Everything that its state depends on: the same text, the same meaning.
  std::string meaning;
};

struct LinkOutcome {
  std::vector<Linked> linked;  // what is listened to stands before who listens
  std::vector<Unlinked> unlinked;
};

// Correlations of correlations of correlations; deeper ones are a mistake.
inline constexpr std::size_t kMaxDepth = 32;

LinkOutcome link_correlations(std::vector<Correlation> correlations, const RuleSet& rules);

}  // namespace sigma
