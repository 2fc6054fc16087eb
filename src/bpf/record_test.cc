#include "bpf/record.h"

#include <gtest/gtest.h>

#include "bpf/event.h"

namespace bpf {
namespace {

using namespace std::string_view_literals;

void put_head(base::ByteWriter& out, std::uint16_t kind, std::uint16_t flags) {
  out.u16le(kind);
  out.u16le(flags);
  out.u32le(4321);
  out.u64le(9'000'000'000);
  out.u64le(8'000'000'000);
  out.u32le(77);
  out.u32le(0);
  out.u64le(5'000'000'000);
}

void put_fixed(base::ByteWriter& out, std::string_view text, std::size_t size) {
  out.text(text);
  for (std::size_t i = text.size(); i < size; ++i)
    out.u8(0);
}

base::ByteVec exec_record(std::uint16_t flags, std::initializer_list<std::string_view> sections) {
  base::ByteWriter out;
  put_head(out, VEDETTE_EXEC, flags);
  out.u64le(99);  // cgroup
  for (const std::uint64_t number : {1234U, 56789U, 1'700'000'000U, 1'700'000'001U})
    out.u64le(number);
  for (const std::uint32_t number : {111U, 222U, 8U, 1U})
    out.u32le(number);
  for (const std::uint32_t id : {1000U, 1001U, 0U, 500U, 3U, 11U, 12U})
    out.u32le(id);
  out.u32le(2);   // argc
  out.u32le(12);  // bytes of argv
  for (const std::string_view section : sections)
    out.u16le(static_cast<std::uint16_t>(section.size()));
  put_fixed(out, "a-name-of-16char", VEDETTE_COMM);
  put_fixed(out, "pts3", VEDETTE_TTY);
  for (const std::string_view section : sections)
    out.text(section);
  return std::move(out).take();
}

TEST(ReadRecord, Exec) {
  const base::ByteVec bytes =
      exec_record(VEDETTE_LOGINUID_KNOWN | VEDETTE_EXE_UNLINKED,
                  {"sh\0-c x y\0"sv, "dash\0bin\0usr\0"sv, "/bin/sh\0"sv, ""sv, "home\0"sv, ""sv});
  const auto record = read_record(bytes);
  ASSERT_TRUE(record) << record.error().to_string();
  const Exec& exec = std::get<Exec>(*record);
  EXPECT_EQ(exec.head.process, (ProcessId{4321, 8'000'000'000}));
  EXPECT_EQ(exec.head.parent, (ProcessId{77, 5'000'000'000}));
  EXPECT_EQ(exec.head.at, 9'000'000'000U);
  EXPECT_EQ(exec.cgroup_id, 99U);
  EXPECT_EQ(exec.exe_file.inode, 1234U);
  EXPECT_EQ(exec.exe_file.size, 56789U);
  EXPECT_EQ(exec.exe_file.mtime, 1'700'000'000);
  EXPECT_EQ(exec.exe_file.ctime, 1'700'000'001);
  EXPECT_EQ(exec.exe_file.mtime_nanoseconds, 111U);
  EXPECT_EQ(exec.exe_file.ctime_nanoseconds, 222U);
  EXPECT_EQ(exec.exe_file.device_major, 8U);
  EXPECT_EQ(exec.exe_file.device_minor, 1U);
  EXPECT_EQ(exec.uid, 1000U);
  EXPECT_EQ(exec.gid, 1001U);
  EXPECT_EQ(exec.euid, 0U);
  EXPECT_EQ(exec.loginuid, 500U);
  EXPECT_EQ(exec.session, 3U);
  EXPECT_EQ(exec.pid_ns, 11U);
  EXPECT_EQ(exec.mnt_ns, 12U);
  EXPECT_EQ(exec.argc, 2U);
  EXPECT_EQ(exec.argv_bytes, 12U);
  EXPECT_TRUE(exec.loginuid_known);
  EXPECT_TRUE(exec.exe_unlinked);
  EXPECT_FALSE(exec.argv_truncated());
  EXPECT_EQ(exec.argv_head, exec.argv.size());
  EXPECT_EQ(exec.comm, "a-name-of-16char");
  EXPECT_EQ(exec.tty, "pts3");
  EXPECT_EQ(exec.argv, "sh\0-c x y\0"sv);
  EXPECT_EQ(path_of_names(exec.exe), "/usr/bin/dash");
  EXPECT_EQ(exec.file, "/bin/sh");
  EXPECT_EQ(exec.interp, "");
  EXPECT_EQ(path_of_names(exec.cwd), "/home");
  EXPECT_EQ(path_of_names(exec.cgroup), "/");
}

TEST(ReadRecord, EachTruncationOfAnExecIsTruncated) {
  const base::ByteVec bytes =
      exec_record(0, {"a\0"sv, "a\0"sv, "a\0"sv, "b\0"sv, "c\0"sv, "d\0"sv});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto record = read_record(base::ByteView(bytes).first(size));
    ASSERT_FALSE(record) << size;
    EXPECT_EQ(record.error().code, base::Code::Truncated) << size;
  }
  EXPECT_TRUE(read_record(bytes));
}

TEST(ReadRecord, ForkAndExit) {
  base::ByteWriter fork;
  put_head(fork, VEDETTE_FORK, 0);
  const auto forked = read_record(fork.view());
  ASSERT_TRUE(forked);
  EXPECT_EQ(std::get<Fork>(*forked).head.parent.pid, 77U);

  base::ByteWriter exit;
  put_head(exit, VEDETTE_EXIT, 0);
  exit.u32le(0x8B);
  exit.u32le(1000);
  put_fixed(exit, "cat", VEDETTE_COMM);
  const auto exited = read_record(exit.view());
  ASSERT_TRUE(exited);
  EXPECT_EQ(std::get<Exit>(*exited).status, 0x8B);
  EXPECT_EQ(std::get<Exit>(*exited).comm, "cat");
}

TEST(ReadRecord, UnknownKindIsMalformed) {
  base::ByteWriter out;
  put_head(out, 9, 0);
  const auto record = read_record(out.view());
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, base::Code::Malformed);
}

TEST(PathOfNames, ReversesNames) {
  EXPECT_EQ(path_of_names(""), "/");
  EXPECT_EQ(path_of_names("a\0"sv), "/a");
  EXPECT_EQ(path_of_names("c\0b\0a\0"sv), "/a/b/c");
  // The last NUL may be missing when a section was cut.
  EXPECT_EQ(path_of_names("c\0b"sv), "/b/c");
}

}  // namespace
}  // namespace bpf
