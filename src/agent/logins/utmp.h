#pragma once

#include <cstdint>
#include <optional>

#include "agent/logins/observation.h"
#include "base/bytes.h"

namespace agent::logins {

// How wtmp and btmp are laid out: most systems keep the 384 bytes of 32-bit times, also 64-bit ones
// that can run 32-bit programs; others (64-bit ARM, RISC-V) write 400 bytes.
enum class UtmpLayout : std::uint8_t { Times32, Times64 };

enum class UtmpFile : std::uint8_t { Wtmp, Btmp };

std::size_t utmp_size(UtmpLayout layout);
// This machine's own.
UtmpLayout native_utmp_layout();
// Which layout a file has, by its first records; nullopt: neither, or no whole record yet.
// Threads: pure.
std::optional<UtmpLayout> utmp_layout(base::ByteView bytes);

// Reads one record. An Observation of a login, a logout (wtmp) or a failed login (btmp); nullopt: a
// boot, a clock change, a getty that waits. Errors: Truncated, Malformed. Threads: pure.
// Source: utmp(5), glibc's bits/utmp.h.
base::Result<std::optional<Observation>> read_utmp(base::ByteView record, UtmpLayout layout,
                                                   UtmpFile file);

}  // namespace agent::logins
