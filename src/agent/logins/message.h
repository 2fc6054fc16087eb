#pragma once

#include <optional>
#include <string_view>

#include "agent/logins/observation.h"

namespace agent::logins {

// What a program's message to the system log says about a login: of sshd, su (util-linux, shadow,
// busybox), sudo, login (util-linux, shadow, busybox), dropbear, and of PAM modules within any
// program. nullopt: nothing.
//
// Whoever connects chooses the account's name, which may imitate a message's later parts: these are
// read from the end. Kind, outcome, service, account and what else is told are set; pid and time
// are the caller's. Threads: pure. Source: the programs' sources.
std::optional<Observation> read_message(std::string_view program, std::string_view message);

}  // namespace agent::logins
