#include "agent/baseline/verbs.h"

namespace agent::baseline {

const Verb* find_verb(std::string_view name) {
  for (const std::span<const Verb> verbs :
       {file_verbs(), kernel_verbs(), mount_verbs(), ssh_verbs(), account_verbs(), home_verbs(),
        password_verbs(), pam_verbs(), privilege_verbs(), service_verbs(), logging_verbs(),
        network_verbs(), boot_verbs()}) {
    for (const Verb& verb : verbs) {
      if (verb.name == name) return &verb;
    }
  }
  return nullptr;
}

}  // namespace agent::baseline
