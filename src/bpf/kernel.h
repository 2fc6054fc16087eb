// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// The few kernel structures that the programs look into, with the few members they read. Offsets
// are relocated against the running kernel's BTF when the programs are loaded (CO-RE), so the order
// and size here mean nothing. A suffix after three underscores names the shape of another kernel
// version.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

// What bpf_helper_defs.h expects to exist.
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef int pid_t;
typedef _Bool bool;
enum { false = 0, true = 1 };

enum bpf_map_type {
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0 };
enum { BPF_RB_NO_WAKEUP = 1ULL << 0 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  int counter;
} atomic_t;

typedef struct {
  u32 val;
} kuid_t;

struct qstr {
  const unsigned char* name;
};

struct inode {
  unsigned int i_nlink;
};

struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
  struct inode* d_inode;
};

struct vfsmount {
  struct dentry* mnt_root;
};

struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};

struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};

struct file {
  struct path f_path;
  struct inode* f_inode;
};

struct fs_struct {
  struct path root;
  struct path pwd;
};

struct mm_struct {
  unsigned long arg_start;
  unsigned long arg_end;
  struct file* exe_file;
};

struct tty_struct {
  char name[64];
};

struct signal_struct {
  atomic_t live;
  struct tty_struct* tty;
  int group_exit_code;
  unsigned int flags;
};

struct ns_common {
  unsigned int inum;
};

struct pid_namespace {
  struct ns_common ns;
};

struct mnt_namespace {
  struct ns_common ns;
};

struct nsproxy {
  struct pid_namespace* pid_ns_for_children;
  struct mnt_namespace* mnt_ns;
};

struct cred {
  kuid_t euid;
};

struct kernfs_node {
  const char* name;
  struct kernfs_node* __parent;
  u64 id;
};

// Before 6.15.
struct kernfs_node___parent {
  struct kernfs_node* parent;
};

struct cgroup {
  int level;
  struct kernfs_node* kn;
};

struct cgroup_subsys_state {
  struct cgroup* cgroup;
};

enum cgroup_subsys_id {
  memory_cgrp_id = 4,
  pids_cgrp_id = 11,
};

struct css_set {
  struct cgroup_subsys_state* subsys[12];
  struct cgroup* dfl_cgrp;
};

struct task_struct {
  unsigned int flags;
  int exit_code;
  pid_t pid;
  pid_t tgid;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  u64 start_boottime;
  const struct cred* cred;
  char comm[16];
  struct fs_struct* fs;
  struct nsproxy* nsproxy;
  struct signal_struct* signal;
  kuid_t loginuid;
  unsigned int sessionid;
  struct mm_struct* mm;
  struct css_set* cgroups;
};

struct linux_binprm {
  int argc;
  const char* filename;
  const char* interp;
};

#pragma clang attribute pop
