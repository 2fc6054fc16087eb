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
typedef int64_t s64;
#endif

enum {
  VEDETTE_EXEC = 1,
  VEDETTE_FORK = 2,
  VEDETTE_EXIT = 3,
};
enum { VEDETTE_KINDS = 4 };

// Kinds of a connection; they have a ring of their own.
enum {
  VEDETTE_OPENED = 16,  // made, accepted, or (UDP) the first datagram
  VEDETTE_FAILED = 17,  // tried in vain; `error` says why
  VEDETTE_OWNER = 18,   // who uses an accepted one
  VEDETTE_CLOSED = 19,  // with bytes
};

// Flags of a connection.
enum {
  VEDETTE_INCOMING = 1 << 0,
  VEDETTE_OWNED = 1 << 1,     // the process used the connection itself
  VEDETTE_LISTENER = 1 << 2,  // the process is who listens for such
};

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
  // Of the executable's file, to know it again; the inode number is 0 where that is not known.
  u64 exe_inode;
  u64 exe_size;
  s64 exe_mtime;  // seconds, and nanoseconds below
  s64 exe_ctime;
  u32 exe_mtime_ns;
  u32 exe_ctime_ns;
  u32 exe_major;  // of the device
  u32 exe_minor;
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

// Times as above. Ports in host byte order, addresses in network byte order; IPv4 in the first four
// bytes when `family` says so.
struct vedette_connection {
  u16 kind;
  u16 flags;
  u32 pid;  // 0: not known
  u64 at;
  u64 start;  // of the process
  u64 id;     // of the connection; of a UDP socket, for all its peers
  u64 inode;  // of the socket; 0: it has none (yet)
  u64 bytes_sent;
  u64 bytes_received;
  u64 opened;  // of VEDETTE_CLOSED: when
  u32 uid;
  u32 net_ns;
  u16 family;
  u16 protocol;
  u16 local_port;
  u16 remote_port;
  u32 error;
  u32 reserved;
  u8 local[16];
  u8 remote[16];
  char comm[VEDETTE_COMM];
};

// Value of the settings map of connections.
struct vedette_connection_settings {
  u32 loopback;  // report connections within the device, too
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
VEDETTE_ASSERT_SIZE(vedette_exec, 176);
VEDETTE_ASSERT_SIZE(vedette_fork, 40);
VEDETTE_ASSERT_SIZE(vedette_exit, 64);
VEDETTE_ASSERT_SIZE(vedette_connection, 136);
// NOLINTEND(readability-identifier-naming,modernize-use-using)
