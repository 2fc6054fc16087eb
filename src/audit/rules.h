#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace audit {

// The key that all rules of ours bear, for ausearch -k and auditctl -l -k.
inline constexpr std::string_view kKey = "vedette";

// One rule of the kernel's audit filter. Numbers are those of linux/audit.h. Threads: pure.
struct Rule {
  struct Match {
    std::uint32_t field = 0;
    std::uint32_t op = 0;
    std::uint32_t value = 0;
    std::string text{};  // instead of the value, for fields of text
    bool operator==(const Match&) const = default;
  };
  std::uint32_t list = 0;
  std::uint32_t action = 0;
  std::vector<std::uint32_t> syscalls;  // ascending; all 2,048 bits: every one
  std::vector<Match> matches;
  bool operator==(const Rule&) const = default;

  // Of its key field; empty: none.
  std::string_view key() const;
  // The value of that field, when the rule has it.
  std::optional<std::uint32_t> value(std::uint32_t field) const;
};

// As struct audit_rule_data. Errors of reading: Truncated, Malformed.
base::ByteVec write_rule(const Rule& rule);
base::Result<Rule> read_rule(base::ByteView bytes);

// Rules for what the processes of this device do, with `self` (the pid that asks) left out, for
// each ABI of this processor: system calls have other numbers in 32-bit programs.
// Starting of programs, when it succeeded.
std::vector<Rule> exec_rules(std::uint32_t self);
// Connections begun (done, or on their way) and accepted, those to unix sockets left out; and the
// making of IPv4 and IPv6 sockets.
std::vector<Rule> connection_rules(std::uint32_t self);
// Writing to, changing, or (with `execute`) executing the file, or anything below the folder; both
// must exist. Without the slash at the end of a folder.
enum class PathKind : std::uint8_t { File, Folder };
std::vector<Rule> path_rules(std::uint32_t self, const std::string& path, PathKind kind,
                             bool execute);

// Whether the rule makes the kernel leave out events of system calls before our rules, which stand
// behind it, are asked: all of them, those of some.
enum class Silences : std::uint8_t { Nothing, Some, All };
Silences silences(const Rule& rule);

// Does this system call of this architecture ("c000003e" in a SYSCALL record) start a program, make
// a socket, connect, or accept? The last two through socketcall(2) of 32-bit programs too, whose
// first argument says.
enum class Activity : std::uint8_t { Other, Exec, Socket, Connect, Accept };
Activity activity_of(std::uint32_t arch, std::uint64_t syscall, std::uint64_t first_argument);

}  // namespace audit
