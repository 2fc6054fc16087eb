#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/collect/container.h"
#include "agent/collect/container_state.h"
#include "base/time.h"
#include "schema/types.h"

namespace agent::collect {

// Which image a container was made of, by what its runtime keeps on disk (container_state.h):
// Docker below /var/lib/docker, Podman and CRI-O in /var/lib/containers/storage, containerd (also
// that of k3s and MicroK8s) below its /run folder. A container of a group that does not tell the
// runtime is looked for in all of them. Runtimes write these files before a container starts.
//
// Answers are kept, also that there is none: a few small reads for each new container, a map's
// lookup for each event. Files above 256 KiB, lists above 1 MiB, and what is no regular file are
// not read. Nothing here fails: no name is no name. Threads: one.
class ContainerImages {
 public:
  static constexpr std::size_t kCapacity = 512;
  // A container without a name is looked for again after this, and then ever more seldom.
  static constexpr std::chrono::seconds kFirstRetry{2};
  static constexpr std::chrono::seconds kLastRetry{64};

  // `root` is put before all paths.
  explicit ContainerImages(std::string root = {}) : root_(std::move(root)) {}

  // Empty: not known. The view lives until the next call.
  std::string_view find(const Container& container, base::MonoTime now);

  std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    std::string image;
    base::MonoTime used;
    base::MonoTime again;  // when to look again, without an image
    std::chrono::seconds wait = kFirstRetry;
  };
  // What tells one version of a file from the next.
  struct Version {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t seconds = 0;  // of its last change
    std::int64_t nanoseconds = 0;
    bool operator==(const Version&) const = default;
  };
  struct Storage {
    std::optional<Version> version;  // of the file that was read
    std::vector<StoredContainer> containers;
  };

  std::string look(const Container& container);
  std::string look_in_docker(std::string_view id) const;
  std::string look_in_bundles(std::string_view id) const;
  std::string look_in_storage(std::string_view id);
  const Storage& refreshed(const std::string& path);
  // Of a regular file.
  std::optional<Version> version_of(const std::string& path) const;
  std::optional<std::string> read(const std::string& path, std::size_t limit) const;
  void make_room();

  std::string root_;
  std::unordered_map<std::string, Known> known_;
  std::unordered_map<std::string, Storage> storages_;  // by path, a fixed set
};

// Adds ContainerId, ContainerRuntime and ContainerImage of a process in that control group; none of
// them for one outside of containers.
void add_container(schema::ExtraDetails& details, std::string_view cgroup, ContainerImages& images);

}  // namespace agent::collect
