#include "agent/connections/socket_owners.h"

#include <array>

#include <unistd.h>

#include "agent/snapshot/ports/owners.h"
#include "base/text.h"
#include "os/file.h"

namespace agent::connections {

namespace {

using namespace std::chrono_literals;
constexpr auto kLookEvery = 250ms;
constexpr auto kBudget = 50ms;

}  // namespace

std::optional<std::uint32_t> SocketOwners::find(std::uint64_t inode, base::MonoTime now) {
  if (inode == 0) return std::nullopt;
  const auto known = owners_.find(inode);
  if (known != owners_.end()) return known->second;
  if (looked_ != base::MonoTime() && now - looked_ < kLookEvery) return std::nullopt;
  looked_ = now;
  look();
  const auto found = owners_.find(inode);
  if (found == owners_.end()) return std::nullopt;
  return found->second;
}

void SocketOwners::look() {
  owners_.clear();
  const auto processes = os::list_dir(root_);
  if (!processes) return;
  const base::MonoTime stop = base::mono_now() + kBudget;
  // The newest first: who made a socket a moment ago is more often among them.
  for (auto name = processes->rbegin(); name != processes->rend(); ++name) {
    const auto pid = base::parse_int(*name);
    if (!pid || *pid <= 0) continue;
    if (base::mono_now() > stop) return;
    std::string folder = root_;
    folder.append("/").append(*name).append("/fd");
    const auto descriptors = os::list_dir(folder);
    if (!descriptors) continue;
    for (const std::string& descriptor : *descriptors) {
      std::array<char, 64> target{};
      const std::string path = folder + "/" + descriptor;
      const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
      if (size <= 0) continue;
      const std::uint64_t inode =
          snapshot::ports::inode_of_link({target.data(), static_cast<std::size_t>(size)}, "socket");
      if (inode != 0) owners_.emplace(inode, static_cast<std::uint32_t>(*pid));
    }
  }
}

}  // namespace agent::connections
