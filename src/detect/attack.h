#pragma once

#include <optional>
#include <span>
#include <string_view>

// Techniques of MITRE ATT&CK as rules name them: content/attack.yml at the time of the build.
namespace detect {

struct Technique {
  std::string_view id;     // "T1562.004"
  std::string_view name;   // "Disable or Modify System Firewall"
  std::string_view later;  // its number in later_attack_version(); empty: the same
};

// Sorted by id. Threads: any.
std::span<const Technique> techniques();
// nullopt: no rule of ours names it.
std::optional<Technique> find_technique(std::string_view id);

std::string_view attack_version();  // "18": the one whose numbers rules use
std::string_view later_attack_version();

}  // namespace detect
