#include "agent/collect/facts.h"

#include <array>
#include <utility>

namespace agent::collect {

std::string_view tier_name(Tier tier) {
  switch (tier) {
    case Tier::Ebpf:
      return "ebpf";
    case Tier::Audit:
      return "audit";
    case Tier::Connector:
      return "connector";
    case Tier::Proc:
      return "proc";
  }
  return {};
}

std::string Gaps::to_string() const {
  constexpr std::array<std::pair<Gap, std::string_view>, 6> kNames = {
      {{Gap::Argv, "Argv"},
       {Gap::Executable, "Executable"},
       {Gap::Cwd, "Cwd"},
       {Gap::User, "User"},
       {Gap::Cgroup, "Cgroup"},
       {Gap::Parent, "Parent"}}};
  std::string text;
  for (const auto& [gap, name] : kNames) {
    if (!has(gap)) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text;
}

}  // namespace agent::collect
