#include "os/process.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

namespace os {
namespace {

using namespace std::string_literals;

TEST(ReadProcessStat, NamesMayHoldAnything) {
  const auto stat = read_process_stat(
      "4242 (a) b (c)) S 17 4242 99 34819 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 123456 1000 20\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 4242);
  EXPECT_EQ(stat->comm, "a) b (c)");
  EXPECT_EQ(stat->parent, 17);
  EXPECT_EQ(stat->session, 99U);
  EXPECT_EQ(stat->tty, 34819);
  EXPECT_EQ(stat->threads, 3U);
  EXPECT_EQ(stat->start_ticks, 123456U);
  EXPECT_FALSE(stat->kernel);
}

TEST(ReadProcessStat, KernelThreads) {
  const auto stat =
      read_process_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
  ASSERT_TRUE(stat);
  EXPECT_TRUE(stat->kernel);
}

TEST(ReadProcessStat, RefusesNonsense) {
  for (const std::string_view text : {"", "1", "1 (x", "1 x)", ") (", "1 (x) S 1 2",
                                      "x (x) S 17 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 3 0 5 1 1"}) {
    EXPECT_FALSE(read_process_stat(text)) << text;
  }
}

TEST(CgroupOfText, PrefersTheHierarchyInUse) {
  EXPECT_EQ(cgroup_of_text("0::/system.slice/x.service\n"), "/system.slice/x.service");
  EXPECT_EQ(cgroup_of_text("9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n"), "/docker/abc");
  EXPECT_EQ(cgroup_of_text("4:memory:/\n0::/\n"), "/");
  EXPECT_EQ(cgroup_of_text("4:memory:/a\n0::/b\n"), "/b");
  EXPECT_EQ(cgroup_of_text("0::/with:colon\n"), "/with:colon");
  EXPECT_EQ(cgroup_of_text(""), "/");
}

TEST(TtyName, KnowsTheUsualOnes) {
  EXPECT_EQ(tty_name(0), "");
  EXPECT_EQ(tty_name((136 << 8) | 3), "pts3");
  EXPECT_EQ(tty_name((4 << 8) | 1), "tty1");
  EXPECT_EQ(tty_name((4 << 8) | 64), "ttyS0");
  EXPECT_EQ(tty_name((204 << 8) | 5), "204:5");
}

TEST(ProcFs, ReadsOurselves) {
  const ProcFs proc;
  const auto stat = proc.stat(::getpid());
  ASSERT_TRUE(stat) << stat.error().to_string();
  EXPECT_EQ(stat->parent, ::getppid());
  EXPECT_GT(stat->start_ticks, 0U);
  const auto ids = proc.ids(::getpid());
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->uid, ::getuid());
  EXPECT_EQ(ids->euid, ::geteuid());
  EXPECT_EQ(ids->gid, ::getgid());
  const auto argv = proc.argv(::getpid(), 1U << 20U);
  ASSERT_TRUE(argv);
  EXPECT_EQ(argv->back(), '\0');
  EXPECT_NE(argv->find("os_test"), std::string::npos);
  const auto executable = proc.executable(::getpid());
  ASSERT_TRUE(executable);
  EXPECT_TRUE(executable->ends_with("/os_test")) << *executable;
  EXPECT_TRUE(proc.cwd(::getpid()));
  EXPECT_TRUE(proc.cgroup(::getpid()));
  const auto pids = proc.processes();
  ASSERT_TRUE(pids);
  EXPECT_TRUE(std::ranges::binary_search(*pids, ::getpid()));
  EXPECT_EQ(proc.boot_id().value().size(), 36U);
  EXPECT_GT(proc.last_pid().value(), 0);
  EXPECT_GT(resident_bytes(), 100'000U);
}

TEST(ProcFs, ReadsAFolderThatLooksLikeIt) {
  std::string root = ::testing::TempDir() + "proc-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  ASSERT_TRUE(make_dirs(root + "/12"));
  ASSERT_TRUE(make_dirs(root + "/notapid"));
  ASSERT_TRUE(write_file_atomic(root + "/12/cmdline", "a\0b c\0"s));
  ASSERT_TRUE(write_file_atomic(root + "/12/loginuid", "4294967295"));
  const ProcFs proc(root);
  EXPECT_EQ(proc.processes().value(), (std::vector<pid_t>{12}));
  EXPECT_EQ(proc.argv(12, 100).value(), "a\0b c\0"s);
  EXPECT_EQ(proc.argv(12, 3).value(), "a\0b"s);
  EXPECT_EQ(proc.loginuid(12), std::nullopt);
  EXPECT_EQ(proc.stat(12).error().code, base::Code::NotFound);
}

TEST(ReleaseStartupMemory, LessIsResidentAndAllStillWorks) {
  const std::size_t before = resident_bytes();
  release_startup_memory();
  EXPECT_LT(resident_bytes(), before);
  EXPECT_TRUE(ProcFs().stat(::getpid()));
}

}  // namespace
}  // namespace os
