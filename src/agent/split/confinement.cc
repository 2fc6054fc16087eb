#include "agent/split/confinement.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/call_sets.h"
#include "os/seccomp.h"

namespace agent::split {

using Action = os::SyscallFilter::Action;
using base::Result;

namespace {

// Of the second argument of socket(2): the rest are flags.
constexpr std::uint32_t kSocketTypeMask = 0xf;
constexpr rlim_t kMaxDescriptors = 64;
constexpr rlim_t kMaxData = 96U << 20U;

}  // namespace

Result<void> refuse_dangerous_calls() {
  os::SyscallFilter filter(Action::Allow);
  os::kill_the_worst(filter);
  filter.add({SYS_execve, SYS_execveat, SYS_bpf, SYS_mount, SYS_umount2}, Action::Kill);
  return filter.install();
}

Result<os::Confinement> confine_network_process() {
  const rlimit descriptors{kMaxDescriptors, kMaxDescriptors};
  const rlimit data{kMaxData, kMaxData};
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  ::setrlimit(RLIMIT_DATA, &data);
  [[maybe_unused]] const int moved = ::chdir("/");
  const auto files = os::resolver_files();
  const os::Confinement confinement =
      TRY(os::confine_to({.read = {files.begin(), files.end()}, .change = {}}));
  os::SyscallFilter filter(Action::Refuse);
  os::allow_plain_work(filter);
  os::allow_socket_transfer(filter);
  os::allow_opening_to_read(filter);
  os::allow_memory(filter);
  os::allow_threads(filter);
  // Outgoing connections; the resolver also asks the kernel for addresses, and local caches.
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK})
    os::allow_sockets(filter, family);
  os::allow_connecting(filter);
  filter.add({SYS_bind, SYS_ioctl}, Action::Allow);
  os::kill_the_worst(filter);
  TRY(filter.install());
  return confinement;
}

Result<void> confine_collector() {
  os::SyscallFilter filter(Action::Allow);
  os::kill_the_worst(filter);
  // Other kinds of socket are how firewall tables and packets are read.
  for (const std::uint32_t family : {std::uint32_t{AF_INET}, std::uint32_t{AF_INET6}}) {
    filter.add_if(SYS_socket, {{0, ~0U, family}, {1, kSocketTypeMask, SOCK_STREAM}},
                  Action::Refuse);
  }
  filter.add(
      {SYS_mount,       SYS_umount2,       SYS_chroot,        SYS_settimeofday, SYS_clock_settime,
       SYS_adjtimex,    SYS_clock_adjtime, SYS_acct,          SYS_quotactl,     SYS_add_key,
       SYS_request_key, SYS_keyctl,        SYS_setuid,        SYS_setgid,       SYS_setresuid,
       SYS_setresgid,   SYS_setreuid,      SYS_setregid,      SYS_setgroups,    SYS_setfsuid,
       SYS_setfsgid,    SYS_sethostname,   SYS_setdomainname, SYS_personality,  SYS_unshare,
       SYS_execve,      SYS_execveat},
      Action::Refuse);
  return filter.install();
}

}  // namespace agent::split
