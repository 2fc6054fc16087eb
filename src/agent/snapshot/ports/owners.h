#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <sys/types.h>

#include "os/process.h"

namespace agent::snapshot::ports {

// Who holds which socket, by its inode.
struct Owners {
  // The process with the lowest number that holds it: of a server and its workers, the server.
  std::unordered_map<std::uint64_t, pid_t> pids;
  std::size_t denied = 0;  // processes whose descriptors may not be read
  bool cut = false;        // there were more descriptors than may be looked at
};

// Looks through descriptors until all of `wanted` are found, at most `limit` descriptors: it costs
// a system call for each. `root` is where `proc` reads. Threads: any.
Owners find_owners(const os::ProcFs& proc, const std::string& root, std::set<std::uint64_t> wanted,
                   std::size_t limit);

// A network namespace and one process in it.
struct NetNamespace {
  std::uint64_t inode = 0;
  pid_t pid = 0;
};

// The network namespaces that processes live in, that of this process left out, each once; at most
// `limit`, and `cut` says whether there are more. A namespace that only a mount or a descriptor
// keeps alive is not found. Threads: any.
struct NetNamespaces {
  std::vector<NetNamespace> others;
  std::size_t denied = 0;  // processes that may not be asked
  bool cut = false;
};
NetNamespaces find_namespaces(const os::ProcFs& proc, const std::string& root, std::size_t limit);

// The number in "socket:[123]" or "net:[123]"; 0 when it is another kind of link. Threads: pure.
std::uint64_t inode_of_link(std::string_view link, std::string_view kind);

}  // namespace agent::snapshot::ports
