#include "os/call_sets.h"

#include <array>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace os {

using Action = SyscallFilter::Action;

namespace {

// Where they are, and may be links to.
constexpr std::array<const char*, 19> kResolverFiles = {"/etc/hosts",
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

}  // namespace

void allow_plain_work(SyscallFilter& filter) {
  filter.add({SYS_futex,
              SYS_epoll_pwait,
              SYS_read,
              SYS_write,
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
              SYS_sched_getaffinity,
              SYS_restart_syscall,
              SYS_exit,
              SYS_exit_group,
              SYS_readlinkat,
              SYS_faccessat},
             Action::Allow);
#ifdef SYS_epoll_wait
  filter.add({SYS_epoll_wait, SYS_poll, SYS_time}, Action::Allow);
#endif
#ifdef SYS_newfstatat
  filter.add({SYS_newfstatat}, Action::Allow);
#endif
#ifdef SYS_readlink
  filter.add({SYS_readlink, SYS_access, SYS_stat, SYS_lstat}, Action::Allow);
#endif
}

void allow_socket_transfer(SyscallFilter& filter) {
  filter.add({SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg, SYS_sendmmsg, SYS_recvmmsg},
             Action::Allow);
}

void allow_opening_to_read(SyscallFilter& filter) {
  filter.add_if(SYS_openat, {{2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY}}, Action::Allow);
#ifdef SYS_open
  filter.add_if(SYS_open, {{1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY}}, Action::Allow);
#endif
}

void allow_changing_files(SyscallFilter& filter) {
  filter.add({SYS_openat, SYS_mkdirat, SYS_renameat2, SYS_unlinkat, SYS_fsync, SYS_fdatasync,
              SYS_ftruncate, SYS_fallocate, SYS_pwrite64, SYS_flock, SYS_fstatfs, SYS_statfs},
             Action::Allow);
#ifdef SYS_renameat
  filter.add({SYS_renameat}, Action::Allow);
#endif
#ifdef SYS_open
  filter.add({SYS_open, SYS_mkdir, SYS_rename, SYS_unlink, SYS_rmdir}, Action::Allow);
#endif
}

void allow_memory(SyscallFilter& filter) {
  filter.add({SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_memfd_create}, Action::Allow);
#ifdef SYS_mmap
  filter.add_if(SYS_mmap, {{2, PROT_EXEC, 0}}, Action::Allow);
#endif
#ifdef SYS_mmap2
  filter.add_if(SYS_mmap2, {{2, PROT_EXEC, 0}}, Action::Allow);
#endif
  filter.add_if(SYS_mprotect, {{2, PROT_EXEC, 0}}, Action::Allow);
}

void allow_threads(SyscallFilter& filter) {
  // clone3 hides its flags from a filter; the C library then takes clone.
  filter.add_if(SYS_clone, {{0, CLONE_THREAD, CLONE_THREAD}}, Action::Allow);
#ifdef SYS_clone3
  filter.add({SYS_clone3}, Action::Absent);
#endif
  filter.add({SYS_set_robust_list, SYS_sched_yield}, Action::Allow);
#ifdef SYS_rseq
  filter.add({SYS_rseq}, Action::Allow);
#endif
  filter.add_if(SYS_prctl, {{0, ~0U, PR_SET_NAME}}, Action::Allow);
  filter.add_if(SYS_prlimit64, {{2, ~0U, 0}}, Action::Allow);
}

void allow_connecting(SyscallFilter& filter) {
  filter.add(
      {SYS_connect, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt, SYS_shutdown},
      Action::Allow);
}

void allow_sockets(SyscallFilter& filter, int family) {
  filter.add_if(SYS_socket, {{0, ~0U, static_cast<std::uint32_t>(family)}}, Action::Allow);
}

void kill_the_worst(SyscallFilter& filter) {
  filter.add({SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kexec_load,
              SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot, SYS_swapon,
              SYS_swapoff, SYS_pivot_root, SYS_userfaultfd},
             Action::Kill);
}

std::span<const char* const> resolver_files() {
  return kResolverFiles;
}

}  // namespace os
