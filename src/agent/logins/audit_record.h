#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "agent/logins/observation.h"
#include "audit/event.h"

namespace agent::logins {

// The types of audit records that tell about logins.
std::span<const audit::RecordType> login_records();

// What a record of one of these types says; nullopt: nothing about a login. Threads: pure.
// Source: linux-pam's and OpenSSH's audit messages; the audit project's event specifications.
std::optional<Observation> read_audit(const audit::Record& record);

}  // namespace agent::logins
