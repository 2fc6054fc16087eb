#include "audit/syscalls.h"

#include <gtest/gtest.h>

namespace audit {
namespace {

TEST(SyscallName, IsThatOfTheArchitecture) {
  struct Case {
    std::uint32_t arch;
    std::uint64_t number;
    const char* name;
  };
  for (const Case& test : std::initializer_list<Case>{{0xC000003E, 59, "execve"},
                                                      {0xC000003E, 319, "memfd_create"},
                                                      {0xC000003E, 133, "mknod"},
                                                      {0xC000003E, 450, "set_mempolicy_home_node"},
                                                      {0x40000003, 11, "execve"},
                                                      {0x40000003, 356, "memfd_create"},
                                                      {0x40000028, 11, "execve"},
                                                      {0x40000028, 217, "getdents64"},
                                                      {0x40000028, 248, "exit_group"},
                                                      {0x40000028, 281, "socket"},
                                                      {0x40000028, 385, "memfd_create"},
                                                      {0x40000028, 387, "execveat"},
                                                      {0x40000028, 401, "kexec_file_load"},
                                                      {0x40000028, 403, "clock_gettime64"},
                                                      {0xC00000B7, 221, "execve"},
                                                      {0xC00000B7, 279, "memfd_create"},
                                                      {0xC00000F3, 281, "execveat"},
                                                      {0xC00000B7, 100'000, ""},
                                                      {0x40000028, 7, ""},
                                                      {0, 59, ""}}) {
    EXPECT_EQ(syscall_name(test.arch, test.number), test.name) << test.arch << " " << test.number;
  }
}

}  // namespace
}  // namespace audit
