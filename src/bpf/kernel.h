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
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_SK_STORAGE = 24,
  BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0 };
enum { BPF_F_NO_PREALLOC = 1U << 0, BPF_F_CLONE = 1U << 9 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1ULL << 0 };
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

struct super_block {
  unsigned int s_dev;
};

struct inode {
  struct super_block* i_sb;
  unsigned int i_nlink;
  unsigned long i_ino;
  s64 i_size;
  s64 i_mtime_sec;
  s64 i_ctime_sec;
  u32 i_mtime_nsec;
  u32 i_ctime_nsec;
};

struct timespec64 {
  s64 tv_sec;
  long tv_nsec;
};

// Before 6.11; the names without underscores before 6.7, of i_ctime before 6.6.
struct inode___hidden {
  struct timespec64 __i_mtime;
  struct timespec64 __i_ctime;
};
struct inode___plain {
  struct timespec64 i_mtime;
  struct timespec64 i_ctime;
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

typedef struct {
  u32 val;
} kgid_t;

struct cred {
  kuid_t uid;
  kgid_t gid;
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

struct net {
  struct ns_common ns;
};

typedef struct {
  struct net* net;
} possible_net_t;

struct in6_addr {
  u8 bytes[16];
};

struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  u16 skc_dport;
  u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  unsigned long skc_flags;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};

struct sk_buff;

struct sk_buff_head {
  struct sk_buff* next;
  struct sk_buff* prev;
};

struct socket {
  struct sock* sk;
};

struct socket_alloc {
  struct socket socket;
  struct inode vfs_inode;
};

struct sock {
  struct sock_common __sk_common;
  struct sk_buff_head sk_receive_queue;
  u16 sk_protocol;
  int sk_err;
  struct socket* sk_socket;
};

enum sock_flags {
  SOCK_DONE = 1,
};

struct inet_sock {
  __be16 inet_sport;
};

struct tcp_sock {
  u64 bytes_received;
  u64 bytes_sent;
  u64 bytes_retrans;
};

struct sk_buff {
  struct sk_buff* prev;
  struct sock* sk;
  unsigned char* head;
  u16 transport_header;
  u16 network_header;
};

#pragma clang attribute pop
