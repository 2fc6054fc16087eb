#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"

namespace bpf {

// One process, for good: a pid is used again, a pid with its start is not. `start` counts
// nanoseconds since boot, suspended time included.
struct ProcessId {
  std::uint32_t pid = 0;
  std::uint64_t start = 0;
  bool operator==(const ProcessId&) const = default;
};

// What every record says. `at` counts as `start` does.
struct Head {
  ProcessId process;
  ProcessId parent;
  std::uint64_t at = 0;
};

// What tells one version of an executable's file from every other, as stat(2) gives it. Some file
// systems (overlays, btrfs) show stat(2) another device or inode than their own.
struct ExecutableFile {
  std::uint64_t inode = 0;  // 0: the file is not known
  std::uint64_t size = 0;
  std::int64_t mtime = 0;  // seconds since 1970
  std::int64_t ctime = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::uint32_t ctime_nanoseconds = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
};

// A process replaced its image. Views point into the record.
struct Exec {
  Head head;
  std::uint64_t cgroup_id = 0;
  ExecutableFile exe_file;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t euid = 0;
  std::uint32_t loginuid = 0;
  std::uint32_t session = 0;
  std::uint32_t pid_ns = 0;
  std::uint32_t mnt_ns = 0;
  std::uint32_t argc = 0;
  std::uint32_t argv_bytes = 0;  // in memory; more than argv.size() when some are missing
  std::size_t argv_head = 0;     // bytes of argv before the gap; all of it when there is none
  bool argv_unreadable = false;  // some of it was not in memory
  bool exe_truncated = false;
  bool cwd_truncated = false;
  bool cgroup_truncated = false;
  bool exe_unlinked = false;  // deleted, or never had a name (memfd)
  bool cwd_unlinked = false;
  bool loginuid_known = false;
  std::string_view comm;
  std::string_view tty;
  std::string_view argv;    // each argument with its NUL; beyond argv_head, the tail
  std::string_view exe;     // names, for path_of_names()
  std::string_view file;    // what execve was given
  std::string_view interp;  // the interpreter of a script, else empty
  std::string_view cwd;     // names
  std::string_view cgroup;  // names

  // Longer than a record takes: its middle is missing.
  bool argv_truncated() const { return argv_head < argv.size(); }
};

// A process was made. The parent is the one that forked.
struct Fork {
  Head head;
};

// The last thread of a process ended.
struct Exit {
  Head head;
  std::int32_t status = 0;  // as wait(2) gives it
  std::uint32_t uid = 0;
  std::string_view comm;
};

using Record = std::variant<Exec, Fork, Exit>;

// Reads one record of the ring buffer; the bytes must outlive it.
// Errors: Truncated, Malformed (kind or lengths). Threads: pure. Source: bpf/event.h.
base::Result<Record> read_record(base::ByteView bytes);

// Names from a file up to the root, each ended by NUL, as a path: "b\0a\0" is "/a/b".
std::string path_of_names(std::string_view names);

}  // namespace bpf
