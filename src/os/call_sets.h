#pragma once

#include <span>

#include "os/seccomp.h"

namespace os {

// What confined programs of ours have in common, added to a filter that refuses the rest. Rules
// that say no to some of it are to be added before.

// Memory, clocks, waiting, descriptors that are open, looking at names of files.
void allow_plain_work(SyscallFilter& filter);
// Receiving from and sending to sockets that are open.
void allow_socket_transfer(SyscallFilter& filter);
// Opening files, but only for reading.
void allow_opening_to_read(SyscallFilter& filter);
// Making, changing, renaming and removing files and folders; which, is Landlock's affair.
void allow_changing_files(SyscallFilter& filter);
// Memory for data, never for code.
void allow_memory(SyscallFilter& filter);
// Threads, not processes; their names; asking for our own limits.
void allow_threads(SyscallFilter& filter);
// Connecting to others, once sockets may be made.
void allow_connecting(SyscallFilter& filter);
// Making sockets of that family (AF_INET ...).
void allow_sockets(SyscallFilter& filter, int family);
// What no program of ours has a use for, and who took one over would like to: ends the process.
void kill_the_worst(SyscallFilter& filter);

// Files and folders that name resolution and TLS read: configuration, certificates, time zones.
std::span<const char* const> resolver_files();

}  // namespace os
