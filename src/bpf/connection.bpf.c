// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reports TCP connections (made, accepted, refused, closed) and the first datagram between two UDP
// ends, with the process. Only reads.
//
// Who connects is on the processor when TCP leaves CLOSED for SYN_SENT. An accepted connection is
// established by a packet, with nobody in particular on the processor: it inherits what is kept at
// its listening socket, and whoever first uses it is told later. A datagram is seen where it is
// queued to a device or to a socket, which knows both ends, and told when its process is known.
// The kernel's types come first; libbpf's headers need them.
// clang-format off
#include "bpf/kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/event.h"
// clang-format on

// Kernel constants that have no BTF.
enum {
  AF_INET = 2,
  AF_INET6 = 10,
  IPPROTO_TCP = 6,
  IPPROTO_UDP = 17,
  TCP_ESTABLISHED = 1,
  TCP_SYN_SENT = 2,
  TCP_SYN_RECV = 3,
  TCP_FIN_WAIT1 = 4,
  TCP_TIME_WAIT = 6,
  TCP_CLOSE = 7,
  TCP_LAST_ACK = 9,
  TCP_LISTEN = 10,
  TCP_NEW_SYN_RECV = 12,
  FRAGMENT_OFFSET = 0x1FFF,
};

// A UDP peer that was silent for longer is told again.
#define UDP_IDLE_NS (120ULL * 1000 * 1000 * 1000)
// Datagrams looked at when a socket says that it has data: others may have come in between.
#define UDP_LOOK_BACK 4

char licence[] SEC("license") = "GPL";

enum { OPENED = 1 << 8, QUIET = 1 << 9 };  // beside the flags of event.h

struct ends {
  u8 local[16];
  u8 remote[16];
  u16 family;
  u16 local_port;
  u16 remote_port;
  u16 incoming;
};

// What is kept for a socket.
struct kept {
  u64 id;
  u64 opened;
  u64 start;
  u32 pid;
  u32 uid;
  u32 flags;
  u32 waits;         // UDP: `peer` has not been told
  u64 peer_at;       // last seen
  struct ends peer;  // UDP: the last one
  char comm[VEDETTE_COMM];
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
  __type(key, int);
  __type(value, struct kept);
} sockets SEC(".maps");

struct peer_key {
  u64 id;
  u8 remote[16];
  u32 port;
  u32 family;
};

// When a UDP peer of a socket was last told or seen; a socket with many peers forgets the oldest.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct peer_key);
  __type(value, u64);
} peers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct vedette_connection_settings);
} settings SEC(".maps");

// Numbers given to sockets, by processor.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, u64);
} numbers SEC(".maps");

// Records that found the ring full.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct vedette_loss);
} losses SEC(".maps");

// The loader sets the size.
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} ring SEC(".maps");

static __always_inline bool wants_loopback(void) {
  const u32 zero = 0;
  const struct vedette_connection_settings* chosen = bpf_map_lookup_elem(&settings, &zero);
  return chosen && chosen->loopback;
}

static __always_inline bool same_address(const u8* a, const u8* b) {
  return ((const u64*)a)[0] == ((const u64*)b)[0] && ((const u64*)a)[1] == ((const u64*)b)[1];
}

static __always_inline bool is_mapped(const u8* a) {
  return ((const u64*)a)[0] == 0 && ((const u32*)a)[2] == bpf_htonl(0xFFFF);
}

// From the device to itself, whatever the address.
static __always_inline bool is_within(const struct ends* ends) {
  if (same_address(ends->local, ends->remote)) return true;
  if (ends->family == AF_INET) return ends->remote[0] == 127;
  if (is_mapped(ends->remote)) return ends->remote[12] == 127;
  const u64* words = (const u64*)ends->remote;
  return words[0] == 0 && words[1] == bpf_cpu_to_be64(1);
}

static __always_inline void ends_of_socket(const struct sock* sk, struct ends* ends) {
  __builtin_memset(ends, 0, sizeof(*ends));
  ends->family = sk->__sk_common.skc_family;
  ends->local_port = sk->__sk_common.skc_num;
  // A socket that ends has given its number back already.
  if (!ends->local_port) {
    const struct inet_sock* inet = (const void*)sk;
    ends->local_port = bpf_ntohs(BPF_CORE_READ(inet, inet_sport));
  }
  ends->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
  if (ends->family == AF_INET) {
    *(u32*)ends->local = sk->__sk_common.skc_rcv_saddr;
    *(u32*)ends->remote = sk->__sk_common.skc_daddr;
  } else {
    BPF_CORE_READ_INTO(&ends->local, sk, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO(&ends->remote, sk, __sk_common.skc_v6_daddr);
  }
}

// Never 0, and not used again.
static __always_inline u64 new_id(void) {
  const u32 zero = 0;
  u64* number = bpf_map_lookup_elem(&numbers, &zero);
  return number ? ++*number << 16 | (bpf_get_smp_processor_id() & 0xFFFF) : 0;
}

static __always_inline void own(struct kept* kept) {
  struct task_struct* task = (struct task_struct*)bpf_get_current_task_btf();
  kept->pid = task->tgid;
  kept->start = task->group_leader->start_boottime;
  kept->uid = (u32)bpf_get_current_uid_gid();
  kept->flags = (kept->flags & ~VEDETTE_LISTENER) | VEDETTE_OWNED;
  bpf_get_current_comm(kept->comm, sizeof(kept->comm));
}

static __always_inline u64 inode_of(const struct sock* sk) {
  const struct socket* socket = sk->sk_socket;
  if (!socket) return 0;
  const struct socket_alloc* both =
      (void*)socket - bpf_core_field_offset(struct socket_alloc, socket);
  return BPF_CORE_READ(both, vfs_inode.i_ino);
}

static __always_inline struct vedette_connection* begin(const struct sock* sk, u16 kind,
                                                        const struct kept* kept,
                                                        const struct ends* ends) {
  struct vedette_connection* record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    const u32 zero = 0;
    struct vedette_loss* loss = bpf_map_lookup_elem(&losses, &zero);
    if (loss) loss->count++;
    return 0;
  }
  __builtin_memset(record, 0, sizeof(*record));
  record->kind = kind;
  record->flags = (u16)(kept->flags & (VEDETTE_INCOMING | VEDETTE_OWNED | VEDETTE_LISTENER));
  if (ends->incoming) record->flags |= VEDETTE_INCOMING;
  record->pid = kept->pid;
  record->at = bpf_ktime_get_boot_ns();
  record->start = kept->start;
  record->id = kept->id;
  // For want of a process: whoever has the socket open.
  if (!kept->pid) record->inode = inode_of(sk);
  record->uid = kept->uid;
  record->net_ns = sk->__sk_common.skc_net.net->ns.inum;
  record->family = ends->family;
  record->protocol = sk->sk_protocol;
  record->local_port = ends->local_port;
  record->remote_port = ends->remote_port;
  __builtin_memcpy(record->local, ends->local, sizeof(record->local));
  __builtin_memcpy(record->remote, ends->remote, sizeof(record->remote));
  __builtin_memcpy(record->comm, kept->comm, sizeof(record->comm));
  return record;
}

static __always_inline void tell(const struct sock* sk, u16 kind, const struct kept* kept,
                                 const struct ends* ends) {
  struct vedette_connection* record = begin(sk, kind, kept, ends);
  if (record) bpf_ringbuf_submit(record, 0);
}

static __always_inline void tell_closed(const struct sock* sk, const struct kept* kept,
                                        const struct ends* ends) {
  struct vedette_connection* record = begin(sk, VEDETTE_CLOSED, kept, ends);
  if (!record) return;
  record->opened = kept->opened;
  const struct tcp_sock* tcp = (const void*)sk;
  record->bytes_sent = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
  record->bytes_received = BPF_CORE_READ(tcp, bytes_received);
  // The end of the other's stream counts as one.
  const u64 done = 1ULL << bpf_core_enum_value(enum sock_flags, SOCK_DONE);
  if ((sk->__sk_common.skc_flags & done) && record->bytes_received > 0) record->bytes_received--;
  bpf_ringbuf_submit(record, 0);
}

static __always_inline void established(struct sock* sk, int oldstate) {
  struct ends ends;
  ends_of_socket(sk, &ends);
  // What a child inherited from its listener must not outlive this.
  const bool quiet = is_within(&ends) && !wants_loopback();
  struct kept* kept =
      bpf_sk_storage_get(&sockets, sk, 0, quiet ? 0 : BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!kept) return;
  if (quiet) {
    kept->flags = QUIET;
    return;
  }
  if (oldstate == TCP_SYN_RECV && !(kept->flags & VEDETTE_OWNED)) kept->flags |= VEDETTE_INCOMING;
  kept->flags |= OPENED;
  kept->id = new_id();
  kept->opened = bpf_ktime_get_boot_ns();
  tell(sk, VEDETTE_OPENED, kept, &ends);
}

static __always_inline void ended(struct sock* sk, int oldstate) {
  struct kept* kept = bpf_sk_storage_get(&sockets, sk, 0, 0);
  if (!kept || kept->flags & QUIET) return;
  struct ends ends;
  ends_of_socket(sk, &ends);
  if (oldstate == TCP_SYN_SENT) {
    struct vedette_connection* record = begin(sk, VEDETTE_FAILED, kept, &ends);
    if (record) {
      record->error = (u32)sk->sk_err;
      bpf_ringbuf_submit(record, 0);
    }
  } else if (kept->flags & OPENED) {
    tell_closed(sk, kept, &ends);
  }
  // The socket may be used again.
  kept->flags = QUIET;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int oldstate, int newstate) {
  if (sk->sk_protocol != IPPROTO_TCP) return 0;
  if (newstate == TCP_SYN_SENT) {
    struct ends ends;
    ends_of_socket(sk, &ends);
    if (is_within(&ends) && !wants_loopback()) return 0;
    struct kept* kept = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!kept) return 0;
    kept->flags = 0;
    own(kept);
  } else if (newstate == TCP_LISTEN) {
    struct kept* kept = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!kept) return 0;
    own(kept);
    // What the children inherit.
    kept->flags = VEDETTE_LISTENER;
  } else if (newstate == TCP_ESTABLISHED) {
    if (oldstate == TCP_SYN_SENT || oldstate == TCP_SYN_RECV) established(sk, oldstate);
  } else if (newstate == TCP_FIN_WAIT1 || newstate == TCP_LAST_ACK) {
    // Only a process closes. It may be the first thing it does with what it accepted.
    struct kept* kept = bpf_sk_storage_get(&sockets, sk, 0, 0);
    if (kept && !(kept->flags & (VEDETTE_OWNED | QUIET))) {
      own(kept);
    }
  } else if (newstate == TCP_CLOSE && oldstate != TCP_LISTEN) {
    ended(sk, oldstate);
  }
  return 0;
}

// True when this peer of the socket is new, or was silent for long. The direction is the first
// datagram's.
static __always_inline bool note_peer(struct sock* sk, struct kept* kept, const struct ends* ends) {
  const u64 now = bpf_ktime_get_boot_ns();
  if (kept->peer_at && now - kept->peer_at < UDP_IDLE_NS &&
      kept->peer.remote_port == ends->remote_port && kept->peer.family == ends->family &&
      same_address(kept->peer.remote, ends->remote)) {
    kept->peer_at = now;
    return false;
  }
  struct peer_key key = {.id = kept->id, .port = ends->remote_port, .family = ends->family};
  __builtin_memcpy(key.remote, ends->remote, sizeof(key.remote));
  const u64* seen = bpf_map_lookup_elem(&peers, &key);
  const bool fresh = !seen || now - *seen >= UDP_IDLE_NS;
  bpf_map_update_elem(&peers, &key, &now, BPF_ANY);
  if (!fresh && kept->waits) return false;
  // The one before is told now, or its process will not be known at all.
  if (fresh && kept->waits) {
    kept->waits = 0;
    tell(sk, VEDETTE_OPENED, kept, &kept->peer);
  }
  kept->peer_at = now;
  kept->peer = *ends;
  return fresh;
}

static __always_inline void saw_datagram(struct sock* sk, const struct ends* ends) {
  if (is_within(ends) && !wants_loopback()) return;
  struct kept* kept = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!kept) return;
  if (!kept->id) kept->id = new_id();
  if (!note_peer(sk, kept, ends)) return;
  if (kept->flags & VEDETTE_OWNED) {
    tell(sk, VEDETTE_OPENED, kept, ends);
  } else {
    kept->waits = 1;
  }
}

// Both ends of a datagram, from its headers; false when it is no UDP with a header (a fragment).
static __always_inline bool ends_of_packet(const struct sk_buff* skb, bool incoming,
                                           struct ends* ends) {
  const unsigned char* head = BPF_CORE_READ(skb, head);
  const unsigned char* ip = head + BPF_CORE_READ(skb, network_header);
  const unsigned char* udp = head + BPF_CORE_READ(skb, transport_header);
  __builtin_memset(ends, 0, sizeof(*ends));
  u8 from[16] = {0};
  u8 to[16] = {0};
  u8 version = 0;
  bpf_probe_read_kernel(&version, 1, ip);
  if (version >> 4 == 4) {
    u16 fragment = 0;
    bpf_probe_read_kernel(&fragment, sizeof(fragment), ip + 6);
    if (fragment & bpf_htons(FRAGMENT_OFFSET)) return false;
    bpf_probe_read_kernel(from, 4, ip + 12);
    bpf_probe_read_kernel(to, 4, ip + 16);
    ends->family = AF_INET;
  } else if (version >> 4 == 6) {
    bpf_probe_read_kernel(from, 16, ip + 8);
    bpf_probe_read_kernel(to, 16, ip + 24);
    ends->family = AF_INET6;
  } else {
    return false;
  }
  u16 ports[2] = {0};
  if (bpf_probe_read_kernel(ports, sizeof(ports), udp)) return false;
  ends->incoming = incoming;
  __builtin_memcpy(ends->local, incoming ? to : from, 16);
  __builtin_memcpy(ends->remote, incoming ? from : to, 16);
  ends->local_port = bpf_ntohs(ports[incoming ? 1 : 0]);
  ends->remote_port = bpf_ntohs(ports[incoming ? 0 : 1]);
  return true;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(on_queue, struct sk_buff* skb) {
  struct sock* sk = skb->sk;
  if (!sk) return 0;
  const unsigned char state = sk->__sk_common.skc_state;
  if (state == TCP_NEW_SYN_RECV || state == TCP_TIME_WAIT) return 0;
  if (sk->sk_protocol != IPPROTO_UDP) return 0;
  struct ends ends;
  // A tunnel's own header is not the socket's.
  if (!ends_of_packet(skb, false, &ends) || ends.local_port != sk->__sk_common.skc_num) return 0;
  saw_datagram(sk, &ends);
  return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_data, struct sock* sk) {
  if (sk->sk_protocol != IPPROTO_UDP) return 0;
  const u16 family = sk->__sk_common.skc_family;
  if (family != AF_INET && family != AF_INET6) return 0;
  const struct sk_buff* const end =
      (const void*)((u64)sk + bpf_core_field_offset(struct sock, sk_receive_queue));
  const struct sk_buff* skb = BPF_CORE_READ(sk, sk_receive_queue.prev);
  for (int i = 0; i < UDP_LOOK_BACK; i++) {
    struct ends ends;
    if (!skb || skb == end || !ends_of_packet(skb, true, &ends) ||
        ends.local_port != sk->__sk_common.skc_num)
      return 0;
    saw_datagram(sk, &ends);
    skb = BPF_CORE_READ(skb, prev);
  }
  return 0;
}

// A process sends or receives: it owns the socket.
static __always_inline void used(struct sock* sk) {
  if (!sk) return;
  const u16 family = sk->__sk_common.skc_family;
  if (family != AF_INET && family != AF_INET6) return;
  const u16 protocol = sk->sk_protocol;
  if (protocol == IPPROTO_TCP) {
    struct kept* kept = bpf_sk_storage_get(&sockets, sk, 0, 0);
    if (!kept || kept->flags & (VEDETTE_OWNED | QUIET) || !(kept->flags & OPENED)) return;
    // Most servers use what they accept themselves.
    const bool known = kept->pid == bpf_get_current_pid_tgid() >> 32;
    own(kept);
    if (known) return;
    struct ends ends;
    ends_of_socket(sk, &ends);
    tell(sk, VEDETTE_OWNER, kept, &ends);
  } else if (protocol == IPPROTO_UDP) {
    struct kept* kept = bpf_sk_storage_get(&sockets, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!kept) return;
    if (kept->pid != bpf_get_current_pid_tgid() >> 32) own(kept);
    if (!kept->waits) return;
    kept->waits = 0;
    tell(sk, VEDETTE_OPENED, kept, &kept->peer);
  }
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock* sk, int length, int flags) {
  used(sk);
  return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive, struct sock* sk, int length, int flags) {
  used(sk);
  return 0;
}
