#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "schema/events.h"

// What a source of process events tells, whichever it is. Internal to the agent; schema events are
// made from these.
namespace agent::collect {

// Where process events come from, best first.
using Tier = schema::CollectionTier;
// "ebpf", "connector", "proc": as the configuration and the ready line spell it.
std::string_view tier_name(Tier tier);

// One process, for good: a pid is used again, a pid with its start is not. Start in clock ticks
// since boot, as /proc counts; 0: not known.
struct ProcessId {
  std::uint32_t pid = 0;
  std::uint64_t start = 0;
  bool operator==(const ProcessId&) const = default;
};

// What could not be found out about a started process, for the reader of the event.
enum class Gap : std::uint16_t {
  Argv = 1U << 0U,        // some of argv is missing, for another reason than its length
  Executable = 1U << 1U,  // not resolved: what execve was given, or the short name, stands instead
  Cwd = 1U << 2U,
  User = 1U << 3U,
  Cgroup = 1U << 4U,
  Parent = 1U << 5U,
};
class Gaps {
 public:
  void add(Gap gap) { bits_ |= static_cast<std::uint16_t>(gap); }
  void remove(Gap gap) { bits_ &= static_cast<std::uint16_t>(~static_cast<unsigned>(gap)); }
  bool has(Gap gap) const { return (bits_ & static_cast<std::uint16_t>(gap)) != 0; }
  bool any() const { return bits_ != 0; }
  // "Argv,Cwd".
  std::string to_string() const;

 private:
  std::uint16_t bits_ = 0;
};

// What tells one version of a file from every other, as stat(2) gives it. Times in seconds since
// 1970 and nanoseconds.
struct FileVersion {
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::int64_t ctime = 0;
  std::uint32_t ctime_nanoseconds = 0;
  auto operator<=>(const FileVersion&) const = default;
};

// A process began to run a program.
struct Started {
  ProcessId process;
  ProcessId parent;
  base::WallTime time;
  std::uint32_t uid = 0;
  std::uint32_t euid = 0;
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> loginuid;
  std::uint32_t pid_ns = 0;                       // 0: not known
  std::string executable;                         // full path
  std::optional<FileVersion> executable_version;  // as the kernel had it at that moment
  std::string file;                               // what execve was given, where known
  std::string interpreter;                        // of a script
  std::string argv;                               // each argument with its NUL
  std::size_t argv_head = 0;   // bytes of argv before a gap; argv.size() when there is none
  std::size_t argv_bytes = 0;  // in the process's memory
  std::string cwd;
  std::string tty;
  std::string cgroup;
  bool executable_deleted = false;  // or never had a name (memfd)
  Gaps gaps;
};

struct Forked {
  ProcessId process;
  ProcessId parent;  // the one that forked
  base::WallTime time;
};

// The last thread of a process ended.
struct Ended {
  ProcessId process;
  base::WallTime time;
  std::optional<std::int32_t> status;  // as wait(2) gives it; nullopt: nobody saw it
  std::string_view comm;               // may be empty
};

// Takes what a source tells, in order.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on_forked(const Forked& forked) = 0;
  virtual void on_started(Started started) = 0;
  virtual void on_ended(const Ended& ended) = 0;
};

}  // namespace agent::collect
