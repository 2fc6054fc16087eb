#include "bpf/process_probe.h"

#include <functional>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/memfd.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/event.h"
#include "bpf/record.h"
#include "os/file.h"

namespace bpf {
namespace {

using namespace std::string_view_literals;
using namespace std::string_literals;

// What a test keeps of a record, whose bytes go away.
struct Seen {
  Exec exec;
  std::string argv, exe, file, interp, cwd, cgroup, comm;
};

// These need the privilege to load BPF programs and a kernel that takes them.
class ProcessProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto probe = ProcessProbe::load({.ring_bytes = 1U << 20U});
    if (!probe) GTEST_SKIP() << "no eBPF here: " << probe.error().to_string();
    probe_ = std::move(*probe);
  }

  // Runs `in_child` in a child, waits for it, and reads what the kernel reported of it.
  int run(const std::function<void()>& in_child) {
    child_ = ::fork();
    if (child_ == 0) {
      in_child();
      ::_exit(126);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    collect();
    return status;
  }

  void collect() {
    const auto drained = probe_->drain(1'000'000, [this](base::ByteView bytes) {
      const auto record = read_record(bytes);
      ASSERT_TRUE(record) << record.error().to_string();
      std::visit([this](const auto& one) { keep(one); }, *record);
    });
    ASSERT_TRUE(drained) << drained.error().to_string();
  }

  void keep(const Exec& exec) {
    if (static_cast<pid_t>(exec.head.process.pid) != child_) return;
    execs_.push_back({exec, std::string(exec.argv), path_of_names(exec.exe), std::string(exec.file),
                      std::string(exec.interp), path_of_names(exec.cwd), path_of_names(exec.cgroup),
                      std::string(exec.comm)});
  }
  void keep(const Fork& fork) {
    if (static_cast<pid_t>(fork.head.process.pid) == child_) forks_.push_back(fork);
  }
  void keep(const Exit& exit) {
    if (static_cast<pid_t>(exit.head.process.pid) == child_) exits_.push_back(exit);
  }

  std::unique_ptr<ProcessProbe> probe_;
  pid_t child_ = 0;
  std::vector<Seen> execs_;
  std::vector<Fork> forks_;
  std::vector<Exit> exits_;
};

void exec_true(const char* first, const char* second = nullptr) {
  ::execl("/bin/true", first, second, static_cast<char*>(nullptr));
}

TEST_F(ProcessProbeTest, ReportsForkExecAndExit) {
  run([] {
    ASSERT_EQ(::chdir("/usr/lib"), 0);
    exec_true("odd name", "with spaces\nand\xff bytes");
  });
  ASSERT_EQ(forks_.size(), 1U);
  ASSERT_EQ(execs_.size(), 1U);
  ASSERT_EQ(exits_.size(), 1U);
  const Seen& seen = execs_.front();
  EXPECT_EQ(seen.argv, "odd name\0with spaces\nand\xff bytes\0"sv);
  EXPECT_EQ(seen.exec.argc, 2U);
  EXPECT_EQ(seen.exec.argv_bytes, seen.argv.size());
  EXPECT_EQ(seen.exec.argv_head, seen.argv.size());
  EXPECT_FALSE(seen.exec.argv_unreadable);
  EXPECT_EQ(seen.exe, "/usr/bin/true");
  EXPECT_EQ(seen.file, "/bin/true");
  EXPECT_EQ(seen.interp, "");
  EXPECT_EQ(seen.cwd, "/usr/lib");
  EXPECT_EQ(seen.comm, "true");
  EXPECT_EQ(seen.exec.uid, ::getuid());
  EXPECT_EQ(seen.exec.gid, ::getgid());
  EXPECT_EQ(static_cast<pid_t>(seen.exec.head.parent.pid), ::getpid());
  EXPECT_NE(seen.exec.pid_ns, 0U);
  EXPECT_NE(seen.exec.mnt_ns, 0U);
  EXPECT_EQ(seen.exec.head.process, forks_.front().head.process);
  EXPECT_EQ(seen.exec.head.process, exits_.front().head.process);
  EXPECT_EQ(seen.exec.head.parent, forks_.front().head.parent);
  EXPECT_LE(forks_.front().head.at, seen.exec.head.at);
  EXPECT_LE(seen.exec.head.at, exits_.front().head.at);
  EXPECT_EQ(exits_.front().status, 0);
  EXPECT_EQ(probe_->losses().total(), 0U);
}

// Also of a file that changed a moment ago, when the kernel marks its times.
TEST_F(ProcessProbeTest, FileIsThatOfStat) {
  std::string path = ::testing::TempDir() + "program-XXXXXX";
  const int fd = ::mkstemp(path.data());
  ASSERT_GE(fd, 0);
  const auto program = os::read_file("/bin/true");
  ASSERT_TRUE(program);
  ASSERT_TRUE(os::write_all(fd, base::as_bytes(*program)));
  ASSERT_EQ(::fchmod(fd, 0755), 0);
  ::close(fd);
  struct statx status{};
  ASSERT_EQ(::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS, &status), 0);
  run([&] { ::execl(path.c_str(), "program", static_cast<char*>(nullptr)); });
  ::unlink(path.c_str());
  ASSERT_EQ(execs_.size(), 1U);
  const ExecutableFile& file = execs_.front().exec.exe_file;
  EXPECT_EQ(file.inode, status.stx_ino);
  EXPECT_EQ(file.size, status.stx_size);
  EXPECT_EQ(file.mtime, status.stx_mtime.tv_sec);
  EXPECT_EQ(file.mtime_nanoseconds, status.stx_mtime.tv_nsec);
  EXPECT_EQ(file.ctime, status.stx_ctime.tv_sec);
  EXPECT_EQ(file.ctime_nanoseconds, status.stx_ctime.tv_nsec);
  EXPECT_EQ(file.device_major, status.stx_dev_major);
  EXPECT_EQ(file.device_minor, status.stx_dev_minor);
}

TEST_F(ProcessProbeTest, CgroupIsThatOfProc) {
  run([] { exec_true("true"); });
  ASSERT_EQ(execs_.size(), 1U);
  const auto groups = os::read_file("/proc/self/cgroup");
  ASSERT_TRUE(groups);
  EXPECT_NE(groups->find(":" + execs_.front().cgroup + "\n"), std::string::npos) << *groups;
  EXPECT_NE(execs_.front().exec.cgroup_id, 0U);
}

TEST_F(ProcessProbeTest, ExitStatusIsWaits) {
  const int exited = run([] { ::_exit(37); });
  ASSERT_EQ(exits_.size(), 1U);
  EXPECT_EQ(exits_.at(0).status, exited);
  EXPECT_EQ(WEXITSTATUS(exits_.at(0).status), 37);
  const int killed = run([] { ::raise(SIGKILL); });
  ASSERT_EQ(exits_.size(), 2U);
  EXPECT_EQ(exits_.at(1).status, killed);
  EXPECT_EQ(WTERMSIG(killed), SIGKILL);
}

TEST_F(ProcessProbeTest, ThreadsAreNotProcesses) {
  run([] {
    std::thread([] {}).join();
    // The leader's thread ends first; the process lives until the other does.
    std::thread([] {
      ::usleep(20'000);
      ::_exit(5);
    }).detach();
    ::syscall(SYS_exit, 0);
  });
  EXPECT_EQ(forks_.size(), 1U);
  ASSERT_EQ(exits_.size(), 1U);
  EXPECT_EQ(WEXITSTATUS(exits_.front().status), 5);
}

TEST_F(ProcessProbeTest, ThreadThatExecsKeepsTheProcess) {
  run([] { std::thread([] { exec_true("from-thread"); }).join(); });
  ASSERT_EQ(execs_.size(), 1U);
  EXPECT_EQ(execs_.front().argv, "from-thread\0"sv);
  EXPECT_EQ(exits_.size(), 1U);
}

TEST_F(ProcessProbeTest, ExecTwiceWithoutFork) {
  run([] { ::execl("/bin/sh", "sh", "-c", "exec /bin/true second", static_cast<char*>(nullptr)); });
  ASSERT_EQ(execs_.size(), 2U);
  EXPECT_EQ(execs_[1].argv, "/bin/true\0second\0"sv);
  EXPECT_EQ(execs_[0].exec.head.process, execs_[1].exec.head.process);
  EXPECT_EQ(exits_.size(), 1U);
}

TEST_F(ProcessProbeTest, NoArguments) {
  run([] {
    char* const none[] = {nullptr};
    ::execve("/bin/true", none, none);
  });
  ASSERT_EQ(execs_.size(), 1U);
  // Linux 5.18 and later put an empty argument there.
  EXPECT_LE(execs_.front().exec.argc, 1U);
  EXPECT_LE(execs_.front().argv.size(), 1U);
}

TEST_F(ProcessProbeTest, HugeArgvKeepsHeadAndTail) {
  const std::string padding(60'000, 'x');
  run([&] {
    ::execl("/bin/true", "true", padding.c_str(), "hidden at the end", static_cast<char*>(nullptr));
  });
  ASSERT_EQ(execs_.size(), 1U);
  const Seen& seen = execs_.front();
  const std::string all = "true\0"s + padding + "\0hidden at the end\0"s;
  EXPECT_EQ(seen.exec.argv_bytes, all.size());
  ASSERT_EQ(seen.argv.size(), static_cast<std::size_t>(VEDETTE_ARGV_MAX));
  ASSERT_EQ(seen.exec.argv_head, static_cast<std::size_t>(VEDETTE_ARGV_HEAD));
  EXPECT_EQ(seen.argv.substr(0, VEDETTE_ARGV_HEAD), all.substr(0, VEDETTE_ARGV_HEAD));
  EXPECT_EQ(seen.argv.substr(VEDETTE_ARGV_HEAD),
            all.substr(all.size() - (VEDETTE_ARGV_MAX - VEDETTE_ARGV_HEAD)));
  EXPECT_EQ(seen.exe, "/usr/bin/true");
}

TEST_F(ProcessProbeTest, LongestArgvThatFitsIsWhole) {
  const std::string padding(VEDETTE_ARGV_MAX - 6, 'y');
  run([&] { exec_true("true", padding.c_str()); });
  ASSERT_EQ(execs_.size(), 1U);
  EXPECT_EQ(execs_.front().argv, "true\0"s + padding + "\0"s);
  EXPECT_EQ(execs_.front().exec.argv_head, execs_.front().argv.size());
}

TEST_F(ProcessProbeTest, ScriptNamesBothFiles) {
  std::string path = ::testing::TempDir() + "script-XXXXXX";
  const int fd = ::mkstemp(path.data());
  ASSERT_GE(fd, 0);
  ASSERT_TRUE(os::write_all(fd, base::as_bytes("#!/bin/sh\nexit 3\n")));
  ASSERT_EQ(::fchmod(fd, 0755), 0);
  ::close(fd);
  run([&] { ::execl(path.c_str(), "given", "arg", static_cast<char*>(nullptr)); });
  ::unlink(path.c_str());
  ASSERT_EQ(execs_.size(), 1U);
  EXPECT_EQ(execs_.front().file, path);
  EXPECT_EQ(execs_.front().interp, "/bin/sh");
  EXPECT_EQ(execs_.front().argv, "/bin/sh\0"s + path + "\0arg\0"s);
  EXPECT_EQ(WEXITSTATUS(exits_.at(0).status), 3);
}

TEST_F(ProcessProbeTest, MemfdHasNoFile) {
  const int memory = ::memfd_create("hidden", MFD_CLOEXEC);
  ASSERT_GE(memory, 0);
  const auto program = os::read_file("/bin/true");
  ASSERT_TRUE(program);
  ASSERT_TRUE(os::write_all(memory, base::as_bytes(*program)));
  run([&] {
    char name[] = "innocent";
    char* const argv[] = {name, nullptr};
    ::fexecve(memory, argv, environ);
  });
  ::close(memory);
  ASSERT_EQ(execs_.size(), 1U);
  EXPECT_TRUE(execs_.front().exec.exe_unlinked);
  EXPECT_EQ(execs_.front().exe, "/memfd:hidden");
  EXPECT_EQ(execs_.front().argv, "innocent\0"sv);
}

TEST_F(ProcessProbeTest, DeepFolderIsCutAndSaysSo) {
  std::string root = ::testing::TempDir() + "deep-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  std::string path = root;
  for (int i = 0; i < VEDETTE_PATH_DEPTH + 4; ++i)
    path += "/d";
  ASSERT_TRUE(os::make_dirs(path));
  run([&] {
    if (::chdir(path.c_str()) == 0) exec_true("true");
  });
  ASSERT_EQ(execs_.size(), 1U);
  EXPECT_TRUE(execs_.front().exec.cwd_truncated);
  EXPECT_TRUE(path.ends_with(execs_.front().cwd)) << execs_.front().cwd;
}

TEST_F(ProcessProbeTest, CwdCrossesMounts) {
  run([] {
    if (::chdir("/proc/self/fdinfo") == 0) exec_true("true");
  });
  ASSERT_EQ(execs_.size(), 1U);
  EXPECT_EQ(execs_.front().cwd, "/proc/" + std::to_string(child_) + "/fdinfo");
  EXPECT_FALSE(execs_.front().exec.cwd_truncated);
}

TEST_F(ProcessProbeTest, FullRingIsCounted) {
  auto small = ProcessProbe::load({.ring_bytes = 4096});
  ASSERT_TRUE(small) << small.error().to_string();
  for (int i = 0; i < 30; ++i)
    run([] { exec_true("true"); });
  const auto losses = (*small)->losses();
  std::uint64_t kept = 0;
  const auto drained = (*small)->drain(1000, [&](base::ByteView bytes) {
    const auto record = read_record(bytes);
    ASSERT_TRUE(record);
    if (std::holds_alternative<Exec>(*record)) ++kept;
  });
  ASSERT_TRUE(drained);
  EXPECT_GT(losses.exec, 0U);
  EXPECT_GE(kept + losses.exec, 30U);
  EXPECT_GT(losses.exit, 0U);
  // What was lost made room: the ring works again.
  run([] { exec_true("again"); });
  EXPECT_GT((*small)->backlog_bytes(), 0U);
}

TEST_F(ProcessProbeTest, DescriptorBecomesReadable) {
  collect();
  pollfd waiting{.fd = probe_->fd(), .events = POLLIN, .revents = 0};
  child_ = ::fork();
  if (child_ == 0) {
    exec_true("true");
    ::_exit(126);
  }
  EXPECT_EQ(::poll(&waiting, 1, 5000), 1);
  ::waitpid(child_, nullptr, 0);
}

// Several times round a small ring, so that records and windows wrap at every alignment.
TEST_F(ProcessProbeTest, RingWrapsWithoutLosingAny) {
  auto small = ProcessProbe::load({.ring_bytes = 64U << 10U});
  ASSERT_TRUE(small);
  std::size_t execs = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string argument(static_cast<std::size_t>(i) * 7 % 900, 'a');
    run([&] { exec_true("wrap", argument.c_str()); });
    const auto drained = (*small)->drain(1000, [&](base::ByteView bytes) {
      const auto record = read_record(bytes);
      ASSERT_TRUE(record) << record.error().to_string();
      const auto* exec = std::get_if<Exec>(&*record);
      if (exec == nullptr || static_cast<pid_t>(exec->head.process.pid) != child_) return;
      EXPECT_EQ(exec->argv, "wrap\0"s + argument + "\0"s);
      ++execs;
    });
    ASSERT_TRUE(drained);
  }
  EXPECT_EQ(execs, 300U);
  EXPECT_EQ((*small)->losses().total(), 0U);
}

}  // namespace
}  // namespace bpf
