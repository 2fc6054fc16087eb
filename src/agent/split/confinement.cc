#include "agent/split/confinement.h"

#include <array>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/seccomp.h"

namespace agent::split {

using Action = os::SyscallFilter::Action;
using base::Result;

namespace {

// Of the second argument of socket(2): the rest are flags.
constexpr std::uint32_t kSocketTypeMask = 0xf;
constexpr rlim_t kMaxDescriptors = 64;
constexpr rlim_t kMaxData = 96U << 20U;

// For the resolver and TLS: where their configuration and certificates are, and may be links to.
constexpr std::array<const char*, 19> kReadable = {"/etc/hosts",
                                                   "/etc/host.conf",
                                                   "/etc/resolv.conf",
                                                   "/etc/nsswitch.conf",
                                                   "/etc/gai.conf",
                                                   "/etc/services",
                                                   "/etc/localtime",
                                                   "/etc/ssl",
                                                   "/etc/pki",
                                                   "/etc/ca-certificates",
                                                   "/etc/crypto-policies",
                                                   "/usr/share/ca-certificates",
                                                   "/usr/share/zoneinfo",
                                                   "/usr/lib/ssl",
                                                   "/usr/local/share/ca-certificates",
                                                   "/run/systemd/resolve",
                                                   "/run/resolvconf",
                                                   "/run/NetworkManager",
                                                   "/usr/share/pki"};

// What no part of the agent has a use for.
void kill_the_worst(os::SyscallFilter& filter) {
  filter.add({SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kexec_load,
              SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot, SYS_swapon,
              SYS_swapoff, SYS_pivot_root, SYS_userfaultfd},
             Action::Kill);
}

void allow_plain_work(os::SyscallFilter& filter) {
  filter.add({SYS_futex,
              SYS_epoll_pwait,
              SYS_read,
              SYS_write,
              SYS_recvfrom,
              SYS_sendto,
              SYS_recvmsg,
              SYS_sendmsg,
              SYS_sendmmsg,
              SYS_recvmmsg,
              SYS_readv,
              SYS_writev,
              SYS_pread64,
              SYS_ppoll,
              SYS_epoll_ctl,
              SYS_epoll_create1,
              SYS_eventfd2,
              SYS_signalfd4,
              SYS_close,
              SYS_lseek,
              SYS_fstat,
              SYS_statx,
              SYS_getdents64,
              SYS_fcntl,
              SYS_brk,
              SYS_munmap,
              SYS_mremap,
              SYS_madvise,
              SYS_clock_gettime,
              SYS_clock_getres,
              SYS_clock_nanosleep,
              SYS_gettimeofday,
              SYS_nanosleep,
              SYS_getrandom,
              SYS_getpid,
              SYS_gettid,
              SYS_getppid,
              SYS_getuid,
              SYS_geteuid,
              SYS_getgid,
              SYS_getegid,
              SYS_uname,
              SYS_sysinfo,
              SYS_rt_sigaction,
              SYS_rt_sigprocmask,
              SYS_rt_sigreturn,
              SYS_sigaltstack,
              SYS_set_robust_list,
              SYS_sched_yield,
              SYS_sched_getaffinity,
              SYS_restart_syscall,
              SYS_exit,
              SYS_exit_group,
              SYS_memfd_create},
             Action::Allow);
#ifdef SYS_epoll_wait
  filter.add({SYS_epoll_wait, SYS_poll, SYS_time}, Action::Allow);
#endif
#ifdef SYS_rseq
  filter.add({SYS_rseq}, Action::Allow);
#endif
#ifdef SYS_newfstatat
  filter.add({SYS_newfstatat}, Action::Allow);
#endif
  filter.add({SYS_readlinkat, SYS_faccessat}, Action::Allow);
#ifdef SYS_readlink
  filter.add({SYS_readlink, SYS_access, SYS_stat, SYS_lstat}, Action::Allow);
#endif
}

// Files only for reading, memory never for code.
void allow_reading(os::SyscallFilter& filter) {
  filter.add_if(SYS_openat, {{2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY}}, Action::Allow);
#ifdef SYS_open
  filter.add_if(SYS_open, {{1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY}}, Action::Allow);
#endif
#ifdef SYS_mmap
  filter.add_if(SYS_mmap, {{2, PROT_EXEC, 0}}, Action::Allow);
#endif
#ifdef SYS_mmap2
  filter.add_if(SYS_mmap2, {{2, PROT_EXEC, 0}}, Action::Allow);
#endif
  filter.add_if(SYS_mprotect, {{2, PROT_EXEC, 0}}, Action::Allow);
}

// Threads, not processes. clone3 hides its flags from a filter; the C library then takes clone.
void allow_threads(os::SyscallFilter& filter) {
  filter.add_if(SYS_clone, {{0, CLONE_THREAD, CLONE_THREAD}}, Action::Allow);
#ifdef SYS_clone3
  filter.add({SYS_clone3}, Action::Absent);
#endif
  // Our own limits may be asked, nobody's set.
  filter.add_if(SYS_prlimit64, {{2, ~0U, 0}}, Action::Allow);
}

// Outgoing connections; the resolver also asks the kernel for addresses, and local caches.
void allow_network(os::SyscallFilter& filter) {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK})
    filter.add_if(SYS_socket, {{0, ~0U, static_cast<std::uint32_t>(family)}}, Action::Allow);
  filter.add({SYS_connect, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt,
              SYS_shutdown, SYS_bind, SYS_ioctl},
             Action::Allow);
}

}  // namespace

Result<void> refuse_dangerous_calls() {
  os::SyscallFilter filter(Action::Allow);
  kill_the_worst(filter);
  filter.add({SYS_execve, SYS_execveat, SYS_bpf, SYS_mount, SYS_umount2}, Action::Kill);
  return filter.install();
}

Result<os::Confinement> confine_network_process() {
  const rlimit descriptors{kMaxDescriptors, kMaxDescriptors};
  const rlimit data{kMaxData, kMaxData};
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  ::setrlimit(RLIMIT_DATA, &data);
  [[maybe_unused]] const int moved = ::chdir("/");
  const os::Confinement confinement =
      TRY(os::confine_to_reading(std::vector<std::string>(kReadable.begin(), kReadable.end())));
  os::SyscallFilter filter(Action::Refuse);
  allow_plain_work(filter);
  allow_reading(filter);
  allow_threads(filter);
  allow_network(filter);
  kill_the_worst(filter);
  TRY(filter.install());
  return confinement;
}

Result<void> confine_collector() {
  os::SyscallFilter filter(Action::Allow);
  kill_the_worst(filter);
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
