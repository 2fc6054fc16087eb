#include "agent/collect/container_images.h"

#include <algorithm>
#include <array>
#include <utility>

#include <sys/stat.h>

#include "agent/collect/command_line.h"
#include "os/file.h"

namespace agent::collect {

namespace {

constexpr std::size_t kMaxFile = 256U << 10U;
constexpr std::size_t kMaxList = 1U << 20U;
constexpr std::size_t kMaxNamespaces = 16;
constexpr std::size_t kMaxIdJson = 8U << 10U;
constexpr std::size_t kMaxImageJson = 2U << 10U;

// The default, and that of the snap.
constexpr std::array<std::string_view, 2> kDockerFolders = {
    "/var/lib/docker/containers/", "/var/snap/docker/common/var-lib-docker/containers/"};

// containerd's, k3s's, MicroK8s's.
constexpr std::array<std::string_view, 3> kTaskFolders = {
    "/run/containerd/io.containerd.runtime.v2.task",
    "/run/k3s/containerd/io.containerd.runtime.v2.task",
    "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task"};

// By storage driver; the volatile ones (podman run --rm) stand in a list of their own, which lies
// below /run where all the storage is transient.
constexpr std::array<std::string_view, 6> kStorageLists = {
    "/var/lib/containers/storage/overlay-containers/containers.json",
    "/var/lib/containers/storage/overlay-containers/volatile-containers.json",
    "/run/containers/storage/overlay-containers/volatile-containers.json",
    "/var/lib/containers/storage/vfs-containers/containers.json",
    "/var/lib/containers/storage/vfs-containers/volatile-containers.json",
    "/run/containers/storage/vfs-containers/volatile-containers.json"};

// Becomes part of a path: a group may be named by anybody who may make groups.
bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

}  // namespace

std::string_view ContainerImages::find(const Container& container, base::MonoTime now) {
  // LXC and nspawn run folders of the host; they keep no name of an image.
  if (!is_id(container.id) || container.runtime == "lxc" || container.runtime == "nspawn")
    return {};
  const std::string id(container.id);
  auto place = known_.find(id);
  if (place == known_.end()) {
    make_room();
    place = known_.try_emplace(id).first;
    place->second.again = now;
  }
  Known& known = place->second;
  known.used = now;
  if (known.image.empty() && now >= known.again) {
    known.image = look(container);
    known.again = now + known.wait;
    known.wait = std::min(2 * known.wait, kLastRetry);
  }
  return known.image;
}

void ContainerImages::make_room() {
  if (known_.size() < kCapacity) return;
  known_.erase(
      std::ranges::min_element(known_, {}, [](const auto& entry) { return entry.second.used; }));
}

std::string ContainerImages::look(const Container& container) {
  const bool any = container.runtime.empty();
  std::string image;
  if (any || container.runtime == "docker") image = look_in_docker(container.id);
  if (image.empty() && (any || container.runtime == "containerd"))
    image = look_in_bundles(container.id);
  if (image.empty() && (any || container.runtime == "podman" || container.runtime == "crio"))
    image = look_in_storage(container.id);
  return image;
}

std::string ContainerImages::look_in_docker(std::string_view id) const {
  for (const std::string_view folder : kDockerFolders) {
    const auto text = read(std::string(folder).append(id).append("/config.v2.json"), kMaxFile);
    if (!text) continue;
    if (auto image = image_of_docker(*text)) return std::move(*image);
  }
  return {};
}

std::string ContainerImages::look_in_bundles(std::string_view id) const {
  for (const std::string_view folder : kTaskFolders) {
    const auto namespaces = os::list_dir(root_ + std::string(folder));
    if (!namespaces) continue;
    std::size_t tried = 0;
    for (const std::string& name : *namespaces) {
      if (tried++ == kMaxNamespaces) break;
      const auto text =
          read(std::string(folder).append("/").append(name).append("/").append(id).append(
                   "/config.json"),
               kMaxFile);
      if (!text) continue;
      if (auto image = image_of_bundle(*text)) return std::move(*image);
    }
  }
  return {};
}

std::string ContainerImages::look_in_storage(std::string_view id) {
  for (const std::string_view path : kStorageLists) {
    const std::vector<StoredContainer>& containers = refreshed(std::string(path)).containers;
    const auto found = std::ranges::find(containers, id, &StoredContainer::id);
    if (found != containers.end()) return found->image;
  }
  return {};
}

const ContainerImages::Storage& ContainerImages::refreshed(const std::string& path) {
  Storage& storage = storages_[path];
  const std::optional<Version> version = version_of(path);
  if (storage.version == version) return storage;
  storage = {version, {}};
  const auto text = read(path, kMaxList);
  if (!text) return storage;
  if (auto containers = stored_containers(*text)) storage.containers = std::move(*containers);
  return storage;
}

std::optional<ContainerImages::Version> ContainerImages::version_of(const std::string& path) const {
  struct stat status{};
  if (::stat((root_ + path).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return Version{status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

std::optional<std::string> ContainerImages::read(const std::string& path, std::size_t limit) const {
  if (!version_of(path)) return std::nullopt;
  auto text = os::read_file(root_ + path, limit);
  if (!text) return std::nullopt;
  return std::move(*text);
}

void add_container(schema::ExtraDetails& details, std::string_view cgroup,
                   ContainerImages& images) {
  const Container container = container_of_cgroup(cgroup);
  if (container.id.empty()) return;
  details.emplace_back("ContainerId", fit_json(container.id, kMaxIdJson));
  if (!container.runtime.empty()) details.emplace_back("ContainerRuntime", container.runtime);
  const std::string_view image = images.find(container, base::mono_now());
  if (!image.empty()) details.emplace_back("ContainerImage", fit_json(image, kMaxImageJson));
}

}  // namespace agent::collect
