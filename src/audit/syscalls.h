#pragma once

#include <cstdint>
#include <string_view>

namespace audit {

// The name of a system call by its number on an architecture (AUDIT_ARCH_*, as in `arch=c000003e`):
// x86_64, i386, 32 bit ARM (EABI), and those that use the generic numbers (64 bit ARM, RISC-V,
// LoongArch). Empty: not known. Threads: pure.
std::string_view syscall_name(std::uint32_t arch, std::uint64_t number);

}  // namespace audit
