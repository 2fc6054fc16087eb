#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "audit/event.h"

namespace audit {

// The arguments of an execve, put together again from its EXECVE records: the kernel splits them
// over records (a0=, a1=), and a long one over several of them (a1_len=, a1[0]=, a1[1]=).
struct Arguments {
  std::string bytes;        // each argument with its NUL
  std::size_t head = 0;     // bytes before what the assembler left out; bytes.size(): nothing
  std::size_t total = 0;    // with what was left out
  std::uint64_t count = 0;  // argc, as the kernel counts
  bool damaged = false;     // a piece is missing that the assembler did not leave out
};

// Threads: pure.
Arguments read_arguments(const Event& event);

// Bytes of argv, NULs included, that one EXECVE record stands for; without keeping them.
std::size_t argument_bytes(std::string_view body);

}  // namespace audit
