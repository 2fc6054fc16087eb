#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "os/fd.h"

namespace os {

// What /proc/PID/stat says of a process.
struct ProcessStat {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string comm;
  std::uint64_t start_ticks = 0;  // since boot; with the pid, names the process for good
  std::uint32_t session = 0;
  std::uint32_t threads = 0;
  int tty = 0;          // device number, 0: none
  bool kernel = false;  // a thread of the kernel's own
};

struct ProcessIds {
  std::uint32_t uid = 0;
  std::uint32_t euid = 0;
  std::uint32_t gid = 0;
};

// Reads processes from a /proc file system, or from a folder that looks like one (for tests).
//
// Everything races with the process: a read may fail with NotFound or Io (ESRCH) at any moment, or
// describe a later process with the same pid; compare start_ticks before and after where it
// matters. Threads: any.
class ProcFs {
 public:
  explicit ProcFs(std::string root = "/proc") : root_(std::move(root)) {}

  base::Result<std::vector<pid_t>> processes() const;  // ascending
  base::Result<ProcessStat> stat(pid_t pid) const;
  base::Result<ProcessIds> ids(pid_t pid) const;
  // Each argument with its NUL. At most `limit` bytes are read.
  base::Result<std::string> argv(pid_t pid, std::size_t limit) const;
  base::Result<std::string> executable(pid_t pid) const;  // " (deleted)" included, if so
  base::Result<std::string> cwd(pid_t pid) const;
  // nullopt: never logged in, or the kernel does not track it.
  std::optional<std::uint32_t> loginuid(pid_t pid) const;
  // The control group: of the unified hierarchy, or of "memory" where that one is not used.
  base::Result<std::string> cgroup(pid_t pid) const;
  // The pid given out last, in our pid namespace.
  base::Result<pid_t> last_pid() const;
  // Random for each boot.
  base::Result<std::string> boot_id() const;

 private:
  std::string path(pid_t pid, std::string_view name) const;
  std::string root_;
};

// The control group in the text of /proc/PID/cgroup, as ProcFs::cgroup. Threads: pure.
std::string cgroup_of_text(std::string_view text);
// "pts0", "tty1", "ttyS0", or the numbers "4:64"; empty for 0. Threads: pure.
std::string tty_name(int device);
// Reads the text of /proc/PID/stat. Errors: Malformed. Threads: pure.
base::Result<ProcessStat> read_process_stat(std::string_view text);

// Resident memory of this process, in bytes; 0 when it cannot be read.
std::size_t resident_bytes();

// What this process has caused to be written to storage so far, in bytes; 0 when it cannot be read.
std::uint64_t storage_bytes_written();

// Unmaps the pages of programs and libraries that hold nothing of this process's own, which is most
// of what starting up touched and nothing needs again; what is needed comes back from the page
// cache. And gives free memory back to the kernel. Call it once, when the process has settled.
void release_startup_memory();
// The same for a process that will have no /proc by then: opened beforehand, used as often as
// needed.
class StartupMemory {
 public:
  StartupMemory();
  void release() const;

 private:
  Fd mappings_;
};
// Keeps freed memory from staying with the process: for one that lives long and needs little. Call
// it first in main.
void prefer_small_memory();
// Of the machine, in bytes.
std::uint64_t memory_bytes();
// Gives the calling thread a larger share of a busy processor, as audit daemons have: for one that
// is to keep up with all others, and needs little. Threads that it starts have that share too.
// False: it may not (CAP_SYS_NICE).
bool favour_this_thread();
// Clock ticks in a second, as start_ticks counts them.
std::uint64_t ticks_per_second();

}  // namespace os
