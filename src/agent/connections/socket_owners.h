#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/time.h"

namespace agent::connections {

// Which process has a socket open, by the socket's inode number.
//
// Looks through the descriptors of all processes, at most once each quarter of a second and not
// longer than kBudget at a time; keeps what it saw then. A process that ended is not found.
// Threads: one. Source: proc(5), /proc/PID/fd.
class SocketOwners {
 public:
  explicit SocketOwners(std::string root = "/proc") : root_(std::move(root)) {}

  std::optional<std::uint32_t> find(std::uint64_t inode, base::MonoTime now);

 private:
  void look();

  std::string root_;
  std::unordered_map<std::uint64_t, std::uint32_t> owners_;
  base::MonoTime looked_{};
};

}  // namespace agent::connections
