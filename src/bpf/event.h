// What the BPF programs write and bpf/record.cc reads: one fixed part in host byte order, then, for
// an exec, sections of bytes whose lengths the fixed part holds. C, because both sides include it.
// Every field lies on its natural boundary, so that there is no hidden padding; the assertions at
// the end hold both compilers to that.
#pragma once

// NOLINTBEGIN(readability-identifier-naming,modernize-use-using): C
#ifndef __bpf__
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
#endif

enum {
  VEDETTE_EXEC = 1,
  VEDETTE_FORK = 2,
  VEDETTE_EXIT = 3,
};
enum { VEDETTE_KINDS = 4 };

// Flags of an exec.
enum {
  VEDETTE_ARGV_TRUNCATED = 1 << 0,   // longer than VEDETTE_ARGV_MAX: its head, then its tail
  VEDETTE_ARGV_UNREADABLE = 1 << 1,  // a page of argv was not present; what precedes it is here
  VEDETTE_EXE_TRUNCATED = 1 << 2,    // deeper than VEDETTE_PATH_DEPTH or longer than its section
  VEDETTE_CWD_TRUNCATED = 1 << 3,
  VEDETTE_CGROUP_TRUNCATED = 1 << 4,
  VEDETTE_EXE_UNLINKED = 1 << 5,  // the executable has no name in a file system (deleted, memfd)
  VEDETTE_LOGINUID_KNOWN = 1 << 6,
  VEDETTE_CWD_UNLINKED = 1 << 7,
};

// Sections of an exec, in this order.
enum {
  VEDETTE_ARGV = 0,    // as in memory: each argument with its NUL
  VEDETTE_EXE = 1,     // names from the file up to the root, each with its NUL
  VEDETTE_FILE = 2,    // what execve was given (a script's own name), with its NUL
  VEDETTE_INTERP = 3,  // the interpreter's name, with its NUL; empty when there is none
  VEDETTE_CWD = 4,     // names, as VEDETTE_EXE
  VEDETTE_CGROUP = 5,  // names, as VEDETTE_EXE
};
enum { VEDETTE_SECTIONS = 6 };

// Limits. One record fits a per-CPU map value (32 KiB).
enum {
  VEDETTE_NAME_MAX = 256,  // one name with its NUL
  VEDETTE_ARGV_MAX = 16384,
  VEDETTE_ARGV_HEAD = 12288,  // of an argv that is longer than that; the rest is its tail
  VEDETTE_PATH_MAX = 4096,
  VEDETTE_INTERP_MAX = 256,
  VEDETTE_CGROUP_MAX = 2048,
  VEDETTE_PATH_DEPTH = 64,  // names and mounts in one path
  VEDETTE_CGROUP_DEPTH = 16,
  VEDETTE_COMM = 16,
  VEDETTE_TTY = 16,
  VEDETTE_DATA_MAX =
      VEDETTE_ARGV_MAX + 3 * VEDETTE_PATH_MAX + VEDETTE_INTERP_MAX + VEDETTE_CGROUP_MAX,
};

// Times are nanoseconds since boot, suspended time included (CLOCK_BOOTTIME). `start` with `pid`
// names a process for good, where a pid alone may be used again.
struct vedette_head {
  u16 kind;
  u16 flags;
  u32 pid;  // thread group id, in the initial pid namespace
  u64 at;
  u64 start;
  u32 ppid;
  u32 reserved;
  u64 parent_start;
};

struct vedette_exec {
  struct vedette_head head;
  u64 cgroup_id;
  u32 uid;
  u32 gid;
  u32 euid;
  u32 loginuid;
  u32 session;
  u32 pid_ns;  // inode numbers of the namespaces
  u32 mnt_ns;
  u32 argc;
  u32 argv_bytes;  // in memory, which may be more than the section holds
  u16 lengths[VEDETTE_SECTIONS];
  char comm[VEDETTE_COMM];
  char parent_comm[VEDETTE_COMM];
  char tty[VEDETTE_TTY];
};

struct vedette_fork {
  struct vedette_head head;  // of the child; ppid and parent_start are of who forked
};

struct vedette_exit {
  struct vedette_head head;
  s32 status;  // as wait(2) gives it
  u32 uid;
  char comm[VEDETTE_COMM];
};

// Value of the per-CPU loss map, one for each kind.
struct vedette_loss {
  u64 count;
};

#define VEDETTE_ASSERT_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#ifdef __cplusplus
#undef VEDETTE_ASSERT_SIZE
#define VEDETTE_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size))
#endif
VEDETTE_ASSERT_SIZE(vedette_head, 40);
VEDETTE_ASSERT_SIZE(vedette_exec, 144);
VEDETTE_ASSERT_SIZE(vedette_fork, 40);
VEDETTE_ASSERT_SIZE(vedette_exit, 64);
// NOLINTEND(readability-identifier-naming,modernize-use-using)
