#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

#include "base/result.h"

namespace os {

// A user of this system.
struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// Errors: NotFound, Io.
base::Result<Account> find_account(const std::string& name);

// Capabilities as a bit for each number of capabilities(7).
using Capabilities = std::uint64_t;
constexpr Capabilities capability(unsigned number) {
  return Capabilities{1} << number;
}
// "audit_read bpf": in the order of their numbers; one without a name is its number.
std::string capability_names(Capabilities set);
// What this thread may make use of. Zero where that cannot be read.
Capabilities permitted_capabilities();

// What a process keeps of its rights.
struct Rights {
  std::optional<Account> account;  // becomes this user, if it may; groups are given up
  Capabilities keep = 0;           // of those it has: permitted and effective, none inheritable
};

// Gives up everything but that, for good: also no_new_privs, so that no program it may start gains
// any. Before there are other threads. Errors: Io, with the step; the process should end then, for
// it may have more rights than it should.
base::Result<void> keep_only(const Rights& rights);

// Writes no core file and cannot be traced by others of the same user. Errors: none that matter.
void hide_memory();

}  // namespace os
