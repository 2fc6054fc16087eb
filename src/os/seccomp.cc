#include "os/seccomp.h"

#include <cerrno>
#include <cstddef>

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace os {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kForeignCalls = 0x40000000;  // x32
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kForeignCalls = 0;
#elif defined(__arm__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_ARM;
constexpr std::uint32_t kForeignCalls = 0;
#elif defined(__i386__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_I386;
constexpr std::uint32_t kForeignCalls = 0;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_RISCV64;
constexpr std::uint32_t kForeignCalls = 0;
#else
#error "name the audit architecture of this processor"
#endif

sock_filter statement(unsigned code, std::uint32_t value) {
  return {static_cast<std::uint16_t>(code), 0, 0, value};
}
// Goes on with the next instruction if it fits, else passes over `otherwise` of them.
sock_filter when(unsigned comparison, std::uint32_t value, std::uint8_t otherwise) {
  return {static_cast<std::uint16_t>(BPF_JMP | comparison | BPF_K), 0, otherwise, value};
}
sock_filter load(std::size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
// The low half of an argument.
std::size_t argument_at(unsigned index) {
  constexpr bool kBig = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
  return offsetof(seccomp_data, args) + index * sizeof(std::uint64_t) + (kBig ? 4 : 0);
}

sock_filter answer(SyscallFilter::Action action) {
  switch (action) {
    case SyscallFilter::Action::Allow:
      return statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    case SyscallFilter::Action::Refuse:
      return statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    case SyscallFilter::Action::Absent:
      return statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    case SyscallFilter::Action::Kill:
      break;
  }
  return statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
}

}  // namespace

void SyscallFilter::add(std::initializer_list<int> calls, Action action) {
  for (const int call : calls)
    rules_.push_back({.call = call, .action = action, .arguments = {}});
}

void SyscallFilter::add_if(int call, std::initializer_list<Argument> arguments, Action action) {
  ASSERT(arguments.size() <= 3);
  rules_.push_back({.call = call, .action = action, .arguments = arguments});
}

std::vector<sock_filter> SyscallFilter::program() const {
  std::vector<sock_filter> program;
  program.push_back(load(offsetof(seccomp_data, arch)));
  program.push_back({BPF_JMP | BPF_JEQ | BPF_K, 1, 0, kArchitecture});
  program.push_back(answer(Action::Kill));
  program.push_back(load(offsetof(seccomp_data, nr)));
  if (kForeignCalls != 0) {
    program.push_back(when(BPF_JGE, kForeignCalls, 1));
    program.push_back(answer(Action::Kill));
  }
  for (const Rule& rule : rules_) {
    const auto call = static_cast<std::uint32_t>(rule.call);
    if (rule.arguments.empty()) {
      program.push_back(when(BPF_JEQ, call, 1));
      program.push_back(answer(rule.action));
      continue;
    }
    // Of another call, or with other arguments: to the end of this rule.
    const std::size_t rest = 3 * rule.arguments.size() + 2;
    program.push_back(when(BPF_JEQ, call, static_cast<std::uint8_t>(rest)));
    for (std::size_t i = 0; i < rule.arguments.size(); ++i) {
      const Argument& argument = rule.arguments[i];
      program.push_back(load(argument_at(argument.index)));
      program.push_back(statement(BPF_ALU | BPF_AND | BPF_K, argument.mask));
      program.push_back(when(BPF_JEQ, argument.bits, static_cast<std::uint8_t>(rest - 3 * i - 4)));
    }
    program.push_back(answer(rule.action));
    program.push_back(load(offsetof(seccomp_data, nr)));
  }
  program.push_back(answer(otherwise_));
  return program;
}

Result<void> SyscallFilter::install() const {
  std::vector<sock_filter> instructions = program();
  ASSERT(instructions.size() <= BPF_MAXINSNS);
  const sock_fprog filter{static_cast<unsigned short>(instructions.size()), instructions.data()};
  const long status =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (status == 0) return {};
  if (status > 0) return fail(Code::Conflict, "seccomp", status, "a thread has another filter");
  if (errno == ENOSYS || errno == EINVAL)
    return fail(Code::Unsupported, "seccomp", errno, "the kernel has no system call filters");
  return fail_errno("seccomp");
}

}  // namespace os
