#include "agent/collect/container.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace agent::collect {

namespace {

constexpr std::size_t kIdLength = 64;

bool is_id(std::string_view text) {
  return text.size() == kIdLength && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Scopes are named <prefix>-<id>.scope by systemd cgroup drivers.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kScopePrefixes = {
    {{"docker-", "docker"},
     {"cri-containerd-", "containerd"},
     {"nerdctl-", "containerd"},
     {"crio-", "crio"},
     {"libpod-", "podman"}}};

std::string_view without_suffix(std::string_view text, std::string_view suffix) {
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

// One component of the path, given the one before it.
Container read_component(std::string_view before, std::string_view name) {
  const std::string_view scope = without_suffix(name, ".scope");
  for (const auto& [prefix, runtime] : kScopePrefixes) {
    if (scope.starts_with(prefix) && is_id(scope.substr(prefix.size())))
      return {scope.substr(prefix.size()), runtime};
  }
  if (is_id(name))
    return {name, before == "docker" ? "docker" : before == "libpod_parent" ? "podman" : ""};
  if (name.starts_with("lxc.payload.")) return {name.substr(12), "lxc"};
  if (before == "lxc") return {name, "lxc"};
  if (before == "machine.slice" && scope != name && scope.starts_with("machine-"))
    return {scope.substr(8), "nspawn"};
  return {};
}

}  // namespace

Container container_of_cgroup(std::string_view path) {
  Container found;
  std::string_view before;
  // The innermost wins: containers run in containers.
  for (const std::string_view name : base::split(path, '/')) {
    if (name.empty()) continue;
    const Container container = read_component(before, name);
    if (!container.id.empty()) found = container;
    before = name;
  }
  return found;
}

}  // namespace agent::collect
