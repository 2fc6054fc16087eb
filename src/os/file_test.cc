#include "os/file.h"

#include <csignal>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/scratch_testing.h"

namespace os {
namespace {

using base::as_bytes;
using base::Code;

TEST(Fd, ClosesWhatItOwns) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
  {
    Fd reader(ends[0]);
    Fd writer(ends[1]);
    Fd moved = std::move(reader);
    EXPECT_FALSE(reader);
    EXPECT_EQ(moved.get(), ends[0]);
    moved = std::move(writer);
    EXPECT_FALSE(is_open(ends[0]));
    EXPECT_EQ(moved.release(), ends[1]);
  }
  EXPECT_TRUE(is_open(ends[1]));
  Fd last(ends[1]);
  last.reset();
  EXPECT_FALSE(is_open(ends[1]));
  EXPECT_EQ(last.get(), -1);
}

TEST(ReadFile, ReadsRegularFilesAndProc) {
  const ScratchDir dir;
  const std::string content(100'000, 'x');
  ASSERT_TRUE(write_file_atomic(dir / "a", content));
  EXPECT_EQ(read_file(dir / "a").value(), content);
  EXPECT_NE(read_file("/proc/self/status").value().find("Name:"), std::string::npos);
}

TEST(ReadFile, SaysWhatIsWrong) {
  const ScratchDir dir;
  const auto missing = read_file(dir / "none");
  EXPECT_EQ(missing.error().code, Code::NotFound);
  EXPECT_EQ(missing.error().detail, dir / "none");
  EXPECT_EQ(read_file(dir.path()).error().at, EISDIR);
  ASSERT_TRUE(write_file_atomic(dir / "a", std::string(101, 'x')));
  EXPECT_EQ(read_file(dir / "a", 100).error().code, Code::TooLarge);
  EXPECT_TRUE(read_file(dir / "a", 101));
}

TEST(WriteFileAtomic, ReplacesWithTheGivenMode) {
  const ScratchDir dir;
  ASSERT_TRUE(write_file_atomic(dir / "a", "old", 0640));
  ASSERT_TRUE(write_file_atomic(dir / "a", "new", 0640));
  EXPECT_EQ(read_file(dir / "a").value(), "new");
  struct stat status{};
  ASSERT_EQ(::stat((dir / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
  EXPECT_EQ(list_dir(dir.path()).value(), std::vector<std::string>{"a"});
}

TEST(WriteFileAtomic, KeepsTheOldFileAndLeavesNothingWhenItFails) {
  const ScratchDir dir;
  ASSERT_TRUE(write_file_atomic(dir / "a", "old"));
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{10, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const auto result = write_file_atomic(dir / "a", "much too long for this disk");
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(result.error().code, Code::Io);
  EXPECT_EQ(result.error().at, EFBIG);
  EXPECT_EQ(read_file(dir / "a").value(), "old");
  EXPECT_EQ(list_dir(dir.path()).value(), std::vector<std::string>{"a"});
  EXPECT_EQ(write_file_atomic(dir / "none/a", "x").error().code, Code::NotFound);
}

TEST(WriteAll, WritesAndReadsAtOffsets) {
  const ScratchDir dir;
  const Fd file = open_file(dir / "a", O_RDWR | O_CREAT).value();
  ASSERT_TRUE(write_all(file.get(), as_bytes("hello world")));
  ASSERT_TRUE(write_all_at(file.get(), as_bytes("W"), 6));
  std::array<std::uint8_t, 20> buffer{};
  EXPECT_EQ(read_at(file.get(), std::span(buffer).first(5), 6).value(), 5U);
  EXPECT_EQ(base::as_text(base::ByteView(buffer).first(5)), "World");
  EXPECT_EQ(read_at(file.get(), buffer, 6).value(), 5U);
  EXPECT_EQ(read_at(file.get(), buffer, 100).value(), 0U);
  EXPECT_TRUE(sync_data(file.get()));
  EXPECT_FALSE(write_all(-1, as_bytes("x")));
}

TEST(MakeDirs, MakesParentsAndAcceptsWhatIsThere) {
  const ScratchDir dir;
  EXPECT_TRUE(make_dirs(dir / "a/b/c", 0700));
  EXPECT_TRUE(make_dirs(dir / "a/b/c/"));
  EXPECT_TRUE(file_exists(dir / "a/b/c"));
  ASSERT_TRUE(write_file_atomic(dir / "file", "x"));
  EXPECT_EQ(make_dirs(dir / "file").error().code, Code::Exists);
  EXPECT_EQ(make_dirs(dir / "file/sub").error().at, ENOTDIR);
}

TEST(ListDir, SortsAndSaysWhatIsWrong) {
  const ScratchDir dir;
  for (const char* name : {"b", "a", ".hidden"})
    ASSERT_TRUE(write_file_atomic(dir / name, ""));
  EXPECT_EQ(list_dir(dir.path()).value(), (std::vector<std::string>{".hidden", "a", "b"}));
  EXPECT_EQ(list_dir(dir / "none").error().code, Code::NotFound);
  EXPECT_EQ(list_dir(dir / "a").error().at, ENOTDIR);
}

TEST(RemoveFile, SaysWhenThereIsNone) {
  const ScratchDir dir;
  ASSERT_TRUE(write_file_atomic(dir / "a", ""));
  EXPECT_TRUE(remove_file(dir / "a"));
  EXPECT_EQ(remove_file(dir / "a").error().code, Code::NotFound);
}

TEST(LockFile, IsHeldByOneAndEndsWithItsDescriptor) {
  const ScratchDir dir;
  auto lock = lock_file(dir / "lock");
  ASSERT_TRUE(lock);
  EXPECT_EQ(lock_file(dir / "lock").error().code, Code::Conflict);
  lock->reset();
  EXPECT_TRUE(lock_file(dir / "lock"));
}

}  // namespace
}  // namespace os
