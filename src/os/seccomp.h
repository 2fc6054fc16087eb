#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include <linux/filter.h>

#include "base/result.h"

namespace os {

// What the kernel does with system calls of this process from now on (seccomp(2)).
//
// Rules are tried in the order they were added; the first that fits decides. Calls of another
// architecture than ours (32-bit ones, x32) end the process. Threads: one.
class SyscallFilter {
 public:
  enum class Action : std::uint8_t {
    Allow,
    Refuse,  // EPERM
    Absent,  // ENOSYS, for calls that the C library replaces by older ones
    Kill,    // ends the process with SIGSYS
  };

  explicit SyscallFilter(Action otherwise) : otherwise_(otherwise) {}

  void add(std::initializer_list<int> calls, Action action);
  // An argument (0 to 5), of which 32 bits count, that has those bits under the mask.
  struct Argument {
    unsigned index = 0;
    std::uint32_t mask = 0;
    std::uint32_t bits = 0;
  };
  // Only when all of these hold; three at most.
  void add_if(int call, std::initializer_list<Argument> arguments, Action action);

  std::vector<sock_filter> program() const;

  // For all threads, for good. Needs no_new_privs. Errors: Unsupported, Io.
  base::Result<void> install() const;

 private:
  struct Rule {
    int call = 0;
    Action action{};
    std::vector<Argument> arguments;
  };
  Action otherwise_;
  std::vector<Rule> rules_;
};

}  // namespace os
