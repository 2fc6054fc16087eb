// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reports every exec, every fork of a process and every end of one, with what user space could no
// longer find out once the process is gone. Only reads; a failed read leaves its part out and says
// so.
//
// Every start pays for what is done here. What the kernel's type information leads to is read in
// place, by a single instruction; BPF_CORE_READ, a call for each step, is for the rest.
// The kernel's types come first; libbpf's headers need them.
// clang-format off
#include "bpf/kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/event.h"
// clang-format on

// Kernel constants that have no BTF.
enum {
  PF_KTHREAD = 0x00200000,
  SIGNAL_GROUP_EXIT = 0x00000004,
  PAGE_BYTES = 4096,
  MINOR_BITS = 20,
};

// Where the kernel keeps a mark of its own in the nanoseconds of a file's change (6.13).
#define NANOSECONDS_MASK 0x7fffffff

// bpf_probe_read_kernel is for programs that declare a licence the kernel knows.
char licence[] SEC("license") = "GPL";

struct scratch {
  struct vedette_exec exec;
  u8 data[VEDETTE_DATA_MAX];
  u8 slack[VEDETTE_NAME_MAX];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

// Records that found the ring full, by kind.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, VEDETTE_KINDS);
  __type(key, u32);
  __type(value, struct vedette_loss);
} losses SEC(".maps");

// The loader sets the size.
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} ring SEC(".maps");

static __always_inline void count_loss(u32 kind) {
  struct vedette_loss* loss = bpf_map_lookup_elem(&losses, &kind);
  if (loss) loss->count++;
}

static __always_inline void send(void* record, u64 size, u32 kind) {
  if (bpf_ringbuf_output(&ring, record, size, 0)) count_loss(kind);
}

static __always_inline void fill_head(struct vedette_head* head, u16 kind, struct task_struct* task,
                                      struct task_struct* parent) {
  head->kind = kind;
  head->flags = 0;
  head->pid = task->tgid;
  head->at = bpf_ktime_get_boot_ns();
  head->start = task->group_leader->start_boottime;
  head->ppid = parent->tgid;
  head->reserved = 0;
  head->parent_start = parent->group_leader->start_boottime;
}

static __always_inline struct scratch* own_scratch(void) {
  const u32 zero = 0;
  return bpf_map_lookup_elem(&scratches, &zero);
}

// Offsets into the data, as a set of bits: however a loop got here, the verifier sees one range,
// and need not follow every combination of lengths.
static __always_inline u32 forget_range(u32 offset) {
  asm volatile("%0 &= 0x7fff" : "+r"(offset));
  return offset;
}

enum { INCOMPLETE = 1U << 31 };  // beside an offset: not all is there

// Appends one name with its NUL; returns the new end, or 0 when it could not be read.
static __always_inline u32 append_name(struct scratch* to, u32 end, const void* name) {
  if (end > VEDETTE_DATA_MAX) return 0;
  const long length = bpf_probe_read_kernel_str(to->data + end, VEDETTE_NAME_MAX, name);
  return length > 0 ? end + (u32)length : 0;
}

// Appends the names of a path, from the file up to the root of the process, crossing mounts.
// Returns the new end, with INCOMPLETE when names are missing. `range`: where the path began, and,
// in the upper half, the end so far. Global, as the next: verified once, by itself.
__noinline u32 append_path(u64 dentry_at, u64 mnt_at, u64 root_dentry, u64 root_mnt, u64 range) {
  struct scratch* to = own_scratch();
  const u32 start = (u32)range;
  u32 end = (u32)(range >> 32);
  if (!to) return start | INCOMPLETE;
  for (int i = 0; i < VEDETTE_PATH_DEPTH; i++) {
    struct dentry* dentry = (void*)dentry_at;
    struct vfsmount* mnt = (void*)mnt_at;
    if (dentry_at == root_dentry && mnt_at == root_mnt) return end;
    if (dentry == BPF_CORE_READ(mnt, mnt_root)) {
      struct mount* mount = (void*)mnt - bpf_core_field_offset(struct mount, mnt);
      struct mount* above = BPF_CORE_READ(mount, mnt_parent);
      if (above == mount) return end;
      dentry_at = (u64)BPF_CORE_READ(mount, mnt_mountpoint);
      mnt_at = (u64)above + bpf_core_field_offset(struct mount, mnt);
      continue;
    }
    end = forget_range(end);
    if (end - start > VEDETTE_PATH_MAX - VEDETTE_NAME_MAX) break;
    const u32 next = append_name(to, end, BPF_CORE_READ(dentry, d_name.name));
    if (!next) break;
    end = next;
    dentry_at = (u64)BPF_CORE_READ(dentry, d_parent);
    // A file without a folder (memfd) is its own parent.
    if ((void*)dentry_at == dentry) return end;
  }
  return end | INCOMPLETE;
}

// The same for a path that lies in one mount, as most do; what lies above that is left to
// append_path.
static __always_inline u32 append_path_of_mount(struct scratch* to, const struct path* path,
                                                struct fs_struct* fs, u32 start) {
  struct dentry* dentry = path->dentry;
  struct dentry* top = path->mnt->mnt_root;
  const bool root_mount = path->mnt == fs->root.mnt;
  struct dentry* root = fs->root.dentry;
  u32 end = start;
  for (int i = 0; i < VEDETTE_PATH_DEPTH; i++) {
    if (root_mount && dentry == root) return end;
    if (dentry == top) break;
    end = forget_range(end);
    if (end - start > VEDETTE_PATH_MAX - VEDETTE_NAME_MAX) return end | INCOMPLETE;
    const u32 next = append_name(to, end, dentry->d_name.name);
    if (!next) return end | INCOMPLETE;
    end = next;
    struct dentry* parent = dentry->d_parent;
    if (parent == dentry) return end;
    dentry = parent;
  }
  if (dentry != top) return end | INCOMPLETE;
  // Read as numbers: a function that is verified by itself takes nothing else.
  return append_path((u64)BPF_CORE_READ(path, mnt, mnt_root), (u64)BPF_CORE_READ(path, mnt),
                     (u64)BPF_CORE_READ(fs, root.dentry), (u64)BPF_CORE_READ(fs, root.mnt),
                     (u64)end << 32 | start);
}

// Appends user memory up to the offset `limit`, page by page, so that one absent page loses only
// what follows it. Returns the new end, with INCOMPLETE when it fell short.
__noinline u32 append_user(u64 from, u32 start, u32 limit) {
  struct scratch* to = own_scratch();
  if (!to) return start | INCOMPLETE;
  u32 end = start;
  for (int i = 0; i <= VEDETTE_ARGV_MAX / PAGE_BYTES; i++) {
    end = forget_range(end);
    if (end >= limit || end >= VEDETTE_ARGV_MAX) return end;
    const u64 at = from + (end - start);
    u32 chunk = PAGE_BYTES - ((u32)at & (PAGE_BYTES - 1));
    if (chunk > limit - end) chunk = limit - end;
    if (chunk > PAGE_BYTES) break;
    if (bpf_probe_read_user(to->data + end, chunk, (const void*)at)) break;
    end += chunk;
  }
  return end >= limit ? end : end | INCOMPLETE;
}

static __always_inline struct kernfs_node* node_parent(struct kernfs_node* node) {
  if (bpf_core_field_exists(node->__parent)) return node->__parent;
  return ((struct kernfs_node___parent*)node)->parent;
}

// Appends the names of a control group, from itself up. Returns as append_path.
static __always_inline u32 append_cgroup(struct scratch* to, struct kernfs_node* node, u32 start) {
  u32 end = start;
  for (int i = 0; i < VEDETTE_CGROUP_DEPTH; i++) {
    struct kernfs_node* parent = node_parent(node);
    if (!parent) return end;
    end = forget_range(end);
    if (end - start > VEDETTE_CGROUP_MAX - VEDETTE_NAME_MAX) break;
    const u32 next = append_name(to, end, node->name);
    if (!next) break;
    end = next;
    node = parent;
  }
  return end | INCOMPLETE;
}

// What one of the above returned: takes its flag into the record, leaves its offset.
static __always_inline u32 accept(struct scratch* to, u32 end, u16 flag) {
  if (end & INCOMPLETE) to->exec.head.flags |= flag;
  return forget_range(end);
}

static __always_inline u32 append_string(struct scratch* to, u32 end, const char* text, u32 limit) {
  if (end > VEDETTE_DATA_MAX - VEDETTE_PATH_MAX) return end;
  const long length = bpf_probe_read_kernel_str(to->data + end, limit, text);
  return length > 0 ? forget_range(end + (u32)length) : end;
}

// All of argv, or its head and its tail: what a padded command line would hide stands at its end.
static __always_inline u32 add_argv(struct scratch* to, struct task_struct* task) {
  struct mm_struct* mm = task->mm;
  const u64 from = mm->arg_start;
  const u64 total = mm->arg_end - from;
  to->exec.argv_bytes = total > 0xffffffff ? 0xffffffff : (u32)total;
  if (total <= VEDETTE_ARGV_MAX) {
    return accept(to, append_user(from, 0, (u32)total), VEDETTE_ARGV_UNREADABLE);
  }
  to->exec.head.flags |= VEDETTE_ARGV_TRUNCATED;
  const u32 head = accept(to, append_user(from, 0, VEDETTE_ARGV_HEAD), VEDETTE_ARGV_UNREADABLE);
  if (head != VEDETTE_ARGV_HEAD) return head;
  const u64 tail = from + total - (VEDETTE_ARGV_MAX - VEDETTE_ARGV_HEAD);
  return accept(to, append_user(tail, VEDETTE_ARGV_HEAD, VEDETTE_ARGV_MAX),
                VEDETTE_ARGV_UNREADABLE);
}

static __always_inline void fill_file(struct vedette_exec* exec, struct inode* inode) {
  const u32 device = inode->i_sb->s_dev;
  exec->exe_major = device >> MINOR_BITS;
  exec->exe_minor = device & ((1U << MINOR_BITS) - 1);
  exec->exe_size = (u64)inode->i_size;
  exec->exe_inode = inode->i_ino;
  struct inode___hidden* hidden = (void*)inode;
  struct inode___plain* plain = (void*)inode;
  if (bpf_core_field_exists(inode->i_mtime_sec)) {
    exec->exe_mtime = inode->i_mtime_sec;
    exec->exe_mtime_ns = inode->i_mtime_nsec;
    exec->exe_ctime = inode->i_ctime_sec;
    exec->exe_ctime_ns = inode->i_ctime_nsec;
  } else if (bpf_core_field_exists(hidden->__i_mtime)) {
    exec->exe_mtime = hidden->__i_mtime.tv_sec;
    exec->exe_mtime_ns = (u32)hidden->__i_mtime.tv_nsec;
    exec->exe_ctime = hidden->__i_ctime.tv_sec;
    exec->exe_ctime_ns = (u32)hidden->__i_ctime.tv_nsec;
  } else if (bpf_core_field_exists(plain->i_mtime) && bpf_core_field_exists(plain->i_ctime)) {
    exec->exe_mtime = plain->i_mtime.tv_sec;
    exec->exe_mtime_ns = (u32)plain->i_mtime.tv_nsec;
    exec->exe_ctime = plain->i_ctime.tv_sec;
    exec->exe_ctime_ns = (u32)plain->i_ctime.tv_nsec;
  } else {
    exec->exe_inode = 0;
  }
  exec->exe_ctime_ns &= NANOSECONDS_MASK;
}

static __always_inline u32 add_exe(struct scratch* to, u32 start, struct task_struct* task) {
  struct file* file = task->mm->exe_file;
  to->exec.exe_inode = 0;
  if (!file) return start;
  struct inode* inode = file->f_inode;
  if (inode->i_nlink == 0) to->exec.head.flags |= VEDETTE_EXE_UNLINKED;
  fill_file(&to->exec, inode);
  return accept(to, append_path_of_mount(to, &file->f_path, task->fs, start),
                VEDETTE_EXE_TRUNCATED);
}

static __always_inline u32 add_cwd(struct scratch* to, u32 start, struct task_struct* task) {
  struct fs_struct* fs = task->fs;
  struct dentry* dentry = fs->pwd.dentry;
  if (dentry->d_inode->i_nlink == 0) to->exec.head.flags |= VEDETTE_CWD_UNLINKED;
  return accept(to, append_path_of_mount(to, &fs->pwd, fs, start), VEDETTE_CWD_TRUNCATED);
}

// The group the process is in: of the unified hierarchy, or, where that is not used, of the one
// that container runtimes always use of the old ones.
static __always_inline struct cgroup* task_cgroup(struct task_struct* task) {
  struct css_set* set = task->cgroups;
  struct cgroup* unified = set->dfl_cgrp;
  if (unified->level > 0) return unified;
  u64 index = 0;
  if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
    index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
  } else if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
    index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
  } else {
    return unified;
  }
  struct cgroup_subsys_state** slot =
      (void*)set + bpf_core_field_offset(struct css_set, subsys) + index * sizeof(void*);
  struct cgroup_subsys_state* state = *slot;
  struct cgroup* old = state ? state->cgroup : 0;
  return old && old->level > 0 ? old : unified;
}

static __always_inline u32 add_cgroup(struct scratch* to, u32 start, struct task_struct* task) {
  struct kernfs_node* node = task_cgroup(task)->kn;
  to->exec.cgroup_id = node->id;
  return accept(to, append_cgroup(to, node, start), VEDETTE_CGROUP_TRUNCATED);
}

static __always_inline void fill_identity(struct vedette_exec* exec, struct task_struct* task) {
  const struct cred* cred = task->cred;
  exec->uid = cred->uid.val;
  exec->gid = cred->gid.val;
  exec->euid = cred->euid.val;
  exec->loginuid = 0;
  exec->session = 0;
  if (bpf_core_field_exists(task->loginuid)) {
    exec->loginuid = task->loginuid.val;
    exec->session = task->sessionid;
    exec->head.flags |= VEDETTE_LOGINUID_KNOWN;
  }
  exec->pid_ns = task->nsproxy->pid_ns_for_children->ns.inum;
  exec->mnt_ns = task->nsproxy->mnt_ns->ns.inum;
  bpf_get_current_comm(exec->comm, sizeof(exec->comm));
  exec->tty[0] = 0;
  struct tty_struct* tty = task->signal->tty;
  if (tty) bpf_probe_read_kernel_str(exec->tty, VEDETTE_TTY, tty->name);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task, pid_t old_pid, struct linux_binprm* binprm) {
  struct scratch* to = own_scratch();
  if (!to) return 0;
  struct vedette_exec* exec = &to->exec;
  fill_head(&exec->head, VEDETTE_EXEC, task, task->real_parent);
  fill_identity(exec, task);
  exec->argc = (u32)binprm->argc;

  const u32 argv_end = add_argv(to, task);
  exec->lengths[VEDETTE_ARGV] = (u16)argv_end;
  const u32 exe_end = add_exe(to, argv_end, task);
  exec->lengths[VEDETTE_EXE] = (u16)(exe_end - argv_end);
  const u32 file_end = append_string(to, exe_end, binprm->filename, VEDETTE_PATH_MAX);
  exec->lengths[VEDETTE_FILE] = (u16)(file_end - exe_end);
  u32 interp_end = file_end;
  if (binprm->interp != binprm->filename) {
    interp_end = append_string(to, file_end, binprm->interp, VEDETTE_INTERP_MAX);
  }
  exec->lengths[VEDETTE_INTERP] = (u16)(interp_end - file_end);
  const u32 cwd_end = add_cwd(to, interp_end, task);
  exec->lengths[VEDETTE_CWD] = (u16)(cwd_end - interp_end);
  const u32 cgroup_end = add_cgroup(to, cwd_end, task);
  exec->lengths[VEDETTE_CGROUP] = (u16)(cgroup_end - cwd_end);

  if (cgroup_end > VEDETTE_DATA_MAX) {
    count_loss(VEDETTE_EXEC);
    return 0;
  }
  send(to, sizeof(*exec) + cgroup_end, VEDETTE_EXEC);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
  // Threads and the kernel's own are not processes.
  if (child->pid != child->tgid || child->flags & PF_KTHREAD) return 0;
  struct vedette_fork record;
  fill_head(&record.head, VEDETTE_FORK, child, parent);
  send(&record, sizeof(record), VEDETTE_FORK);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  struct signal_struct* signal = task->signal;
  // Already lowered for this thread: not zero while others live. Two last threads may both see
  // zero; the reader drops the second.
  if (signal->live.counter != 0 || task->flags & PF_KTHREAD) return 0;
  struct vedette_exit record;
  fill_head(&record.head, VEDETTE_EXIT, task, task->group_leader->real_parent);
  record.status =
      signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : task->group_leader->exit_code;
  record.uid = task->cred->uid.val;
  BPF_CORE_READ_STR_INTO(&record.comm, task, group_leader, comm);
  send(&record, sizeof(record), VEDETTE_EXIT);
  return 0;
}
