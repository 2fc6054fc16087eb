#include "agent/snapshot/ports/owners.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace agent::snapshot::ports {

namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// Empty when it cannot be read; `error` then has the errno.
std::string_view link_at(int folder, const char* name, std::array<char, 64>& buffer, int& error) {
  const ssize_t size = ::readlinkat(folder, name, buffer.data(), buffer.size());
  error = size < 0 ? errno : 0;
  return size < 0 ? std::string_view() : std::string_view(buffer.data(), static_cast<size_t>(size));
}

class Search {
 public:
  Search(std::set<std::uint64_t> wanted, std::size_t limit)
      : wanted_(std::move(wanted)), left_(limit) {}

  bool done() const { return wanted_.empty() || left_ == 0; }
  void look(const std::string& folder, pid_t pid) {
    const std::unique_ptr<DIR, CloseDir> dir(::opendir(folder.c_str()));
    if (dir == nullptr) {
      if (errno == EACCES || errno == EPERM) ++owners_.denied;
      return;
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own
    while (const dirent* entry = ::readdir(dir.get())) {
      if (done()) return;
      if (entry->d_name[0] == '.') continue;
      --left_;
      std::array<char, 64> buffer{};
      int error = 0;
      const std::string_view link = link_at(::dirfd(dir.get()), &entry->d_name[0], buffer, error);
      if (error == EACCES || error == EPERM) {
        ++owners_.denied;
        return;
      }
      const std::uint64_t inode = inode_of_link(link, "socket");
      if (inode != 0 && wanted_.erase(inode) != 0) owners_.pids.emplace(inode, pid);
    }
  }
  Owners take() {
    owners_.cut = left_ == 0 && !wanted_.empty();
    return std::move(owners_);
  }

 private:
  std::set<std::uint64_t> wanted_;
  std::size_t left_;
  Owners owners_;
};

}  // namespace

std::uint64_t inode_of_link(std::string_view link, std::string_view kind) {
  if (!link.starts_with(kind) || !link.substr(kind.size()).starts_with(":[") ||
      !link.ends_with(']'))
    return 0;
  link = link.substr(kind.size() + 2);
  link.remove_suffix(1);
  std::uint64_t inode = 0;
  const auto [end, error] = std::from_chars(link.data(), link.data() + link.size(), inode);
  return error == std::errc() && end == link.data() + link.size() ? inode : 0;
}

Owners find_owners(const os::ProcFs& proc, const std::string& root, std::set<std::uint64_t> wanted,
                   std::size_t limit) {
  Search search(std::move(wanted), limit);
  const auto processes = proc.processes();
  if (!processes) return search.take();
  for (const pid_t pid : *processes) {
    if (search.done()) break;
    search.look(fmt::format("{}/{}/fd", root, pid), pid);
  }
  return search.take();
}

NetNamespaces find_namespaces(const os::ProcFs& proc, const std::string& root, std::size_t limit) {
  NetNamespaces found;
  std::array<char, 64> buffer{};
  int error = 0;
  std::set<std::uint64_t> seen = {
      inode_of_link(link_at(AT_FDCWD, (root + "/self/ns/net").c_str(), buffer, error), "net")};
  const auto processes = proc.processes();
  if (!processes) return found;
  for (const pid_t pid : *processes) {
    const std::string path = fmt::format("{}/{}/ns/net", root, pid);
    const std::uint64_t inode =
        inode_of_link(link_at(AT_FDCWD, path.c_str(), buffer, error), "net");
    if (error == EACCES || error == EPERM) ++found.denied;
    if (inode == 0 || !seen.insert(inode).second) continue;
    if (found.others.size() == limit) {
      found.cut = true;
      break;
    }
    found.others.push_back({inode, pid});
  }
  return found;
}

}  // namespace agent::snapshot::ports
