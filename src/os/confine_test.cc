#include <cerrno>
#include <csignal>
#include <functional>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/call_sets.h"
#include "os/file.h"
#include "os/landlock.h"
#include "os/privilege.h"
#include "os/scratch_testing.h"
#include "os/seccomp.h"

// What is given up is given up for good, so that each case has a process of its own.
namespace os {
namespace {

using Action = SyscallFilter::Action;

// The exit status, or minus the signal that ended it.
int in_a_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int installed(const SyscallFilter& filter) {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return filter.install() ? 0 : 99;
}

TEST(SyscallFilter, RefusesWhatIsListed) {
  EXPECT_EQ(in_a_child([] {
              SyscallFilter filter(Action::Allow);
              filter.add({SYS_getppid, SYS_uname}, Action::Refuse);
              filter.add({SYS_getpgrp}, Action::Absent);
              if (const int wrong = installed(filter)) return wrong;
              if (::syscall(SYS_getppid) != -1 || errno != EPERM) return 1;
              if (::syscall(SYS_getpgrp) != -1 || errno != ENOSYS) return 2;
              return ::syscall(SYS_getpid) > 0 ? 0 : 3;
            }),
            0);
}

TEST(SyscallFilter, KillsWhatIsNotListed) {
  EXPECT_EQ(in_a_child([] {
              SyscallFilter filter(Action::Kill);
              filter.add({SYS_getpid, SYS_exit_group}, Action::Allow);
              if (const int wrong = installed(filter)) return wrong;
              ::syscall(SYS_getpid);
              ::syscall(SYS_getppid);
              return 0;
            }),
            -SIGSYS);
}

TEST(SyscallFilter, LooksAtArguments) {
  EXPECT_EQ(
      in_a_child([] {
        SyscallFilter filter(Action::Allow);
        filter.add_if(SYS_mmap, {{2, PROT_EXEC, PROT_EXEC}}, Action::Refuse);
        filter.add_if(SYS_socket, {{0, ~0U, AF_UNIX}, {1, 0xf, SOCK_STREAM}}, Action::Allow);
        filter.add({SYS_socket}, Action::Refuse);
        if (const int wrong = installed(filter)) return wrong;
        if (::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
            MAP_FAILED)
          return 1;
        if (::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
          return 2;
        if (::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0) return 3;
        if (::socket(AF_UNIX, SOCK_DGRAM, 0) >= 0) return 5;
        return ::socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM ? 0 : 4;
      }),
      0);
}

TEST(Confine, LeavesReadingOfWhatIsNamed) {
  const ScratchDir scratch;
  ASSERT_TRUE(make_dirs(scratch / "in"));
  ASSERT_TRUE(write_file_atomic(scratch / "in/file", "x"));
  ASSERT_TRUE(write_file_atomic(scratch / "out", "x"));
  const int status = in_a_child([&] {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const auto confined = confine_to({.read = {scratch / "in", scratch / "absent"}, .change = {}});
    if (!confined) return 1;
    if (confined->version == 0) return 77;
    if (!read_file(scratch / "in/file")) return 2;
    if (open_file(scratch / "in/file", O_WRONLY)) return 3;
    if (read_file(scratch / "out")) return 4;
    if (open_file(scratch / "in/new", O_WRONLY | O_CREAT)) return 5;
    if (confined->signalling && ::kill(::getppid(), 0) == 0) return 6;
    const Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    if (confined->listening && socket &&
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0)
      return 7;
    return 0;
  });
  if (status == 77) GTEST_SKIP() << "the kernel has no Landlock";
  EXPECT_EQ(status, 0);
}

TEST(Confine, LeavesChangingOfWhatIsNamed) {
  const ScratchDir scratch;
  ASSERT_TRUE(make_dirs(scratch / "state"));
  ASSERT_TRUE(write_file_atomic(scratch / "settings", "x"));
  const int status = in_a_child([&] {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const auto confined =
        confine_to({.read = {scratch / "settings"}, .change = {scratch / "state"}});
    if (!confined) return 1;
    if (confined->version == 0) return 77;
    if (!make_dirs(scratch / "state/spool")) return 2;
    if (!write_file_atomic(scratch / "state/spool/one", "1")) return 3;
    if (!write_file_atomic(scratch / "state/spool/one", "2")) return 4;
    if (::truncate((scratch / "state/spool/one").c_str(), 0) != 0) return 5;
    if (!remove_file(scratch / "state/spool/one")) return 6;
    if (::rmdir((scratch / "state/spool").c_str()) != 0) return 7;
    if (!read_file(scratch / "settings")) return 8;
    if (open_file(scratch / "settings", O_WRONLY)) return 9;
    if (make_dirs(scratch / "other")) return 10;
    if (::symlink("/", (scratch / "state/link").c_str()) == 0) return 11;
    return 0;
  });
  if (status == 77) GTEST_SKIP() << "the kernel has no Landlock";
  EXPECT_EQ(status, 0);
}

// Without a virtual function: the sanitizer that checks those asks the kernel what is refused here.
bool thread_runs() {
  static bool ran = false;
  pthread_t thread{};
  const auto body = [](void*) -> void* {
    ran = true;
    return nullptr;
  };
  return ::pthread_create(&thread, nullptr, body, nullptr) == 0 &&
         ::pthread_join(thread, nullptr) == 0 && ran;
}

// What confined programs do all the time works under the sets that are for it, and no more does.
TEST(CallSets, LeaveWhatTheyAreFor) {
  const ScratchDir scratch;
  EXPECT_EQ(in_a_child([&] {
              SyscallFilter filter(Action::Refuse);
              allow_plain_work(filter);
              allow_changing_files(filter);
              allow_memory(filter);
              allow_threads(filter);
              kill_the_worst(filter);
              if (const int wrong = installed(filter)) return wrong;
              if (!write_file_atomic(scratch / "one", "1")) return 1;
              if (!thread_runs()) return 2;
              if (::socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM) return 3;
              if (::fork() >= 0) return 4;
              if (::execl("/bin/true", "true", nullptr) == 0 || errno != EPERM) return 5;
              if (::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                         0) != MAP_FAILED)
                return 6;
              ::syscall(SYS_ptrace, 0, 0, 0, 0);
              return 7;
            }),
            -SIGSYS);
}

TEST(Privilege, NamesCapabilities) {
  EXPECT_EQ(capability_names(0), "");
  EXPECT_EQ(capability_names(capability(CAP_AUDIT_READ) | capability(CAP_NET_ADMIN) |
                             capability(CAP_DAC_READ_SEARCH)),
            "dac_read_search net_admin audit_read");
  EXPECT_EQ(capability_names(capability(40) | capability(63)), "checkpoint_restore 63");
}

TEST(Privilege, FindsAccounts) {
  const auto root = find_account("root");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->uid, 0U);
  EXPECT_EQ(find_account("vedette no such user").error().code, base::Code::NotFound);
}

TEST(Privilege, KeepsOnlyWhatIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has something to give up";
  const auto nobody = find_account("nobody");
  if (!nobody) GTEST_SKIP() << "no user nobody";
  EXPECT_EQ(in_a_child([&] {
              if (!keep_only({.account = *nobody, .keep = capability(CAP_DAC_READ_SEARCH)}))
                return 1;
              if (::getuid() != nobody->uid || ::getegid() != nobody->gid) return 2;
              if (permitted_capabilities() != capability(CAP_DAC_READ_SEARCH)) return 3;
              if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 4;
              if (::setresuid(0, 0, 0) == 0) return 5;
              if (!read_file("/etc/shadow")) return 6;
              if (open_file("/etc/shadow", O_WRONLY)) return 7;
              if (::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0) return 8;
              // Nor by what it hands down.
              return keep_only({}) && permitted_capabilities() == 0 ? 0 : 9;
            }),
            0);
}

}  // namespace
}  // namespace os
