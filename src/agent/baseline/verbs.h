#pragma once

#include <span>
#include <string_view>

#include "agent/baseline/check.h"
#include "agent/baseline/facts.h"
#include "base/result.h"

namespace agent::baseline {

// How checks of one kind are judged. An error is the check's Err: it could not be found out.
// docs/explanation/os-baseline.md says what each looks at.
struct Verb {
  std::string_view name;
  base::Result<Outcome> (*judge)(Facts& facts, const Parameters& parameters);
};

std::span<const Verb> file_verbs();
std::span<const Verb> kernel_verbs();
std::span<const Verb> mount_verbs();
std::span<const Verb> ssh_verbs();
std::span<const Verb> account_verbs();
std::span<const Verb> home_verbs();
std::span<const Verb> password_verbs();
std::span<const Verb> pam_verbs();
std::span<const Verb> privilege_verbs();
std::span<const Verb> service_verbs();
std::span<const Verb> logging_verbs();
std::span<const Verb> network_verbs();
std::span<const Verb> boot_verbs();

// Of that name; nullptr: there is none.
const Verb* find_verb(std::string_view name);

// The value of an answer that is kept in Facts, or return its error from the enclosing function.
#define TRY_REF(...) TRY_REF_NAMED(TRY_JOIN(try_ref_, __COUNTER__), __VA_ARGS__)
#define TRY_REF_NAMED(name, ...)                     \
  (*__extension__({                                  \
    const auto& name = (__VA_ARGS__);                \
    if (!name) return std::unexpected(name.error()); \
    &*name;                                          \
  }))

}  // namespace agent::baseline
