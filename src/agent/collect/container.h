#pragma once

#include <string_view>

namespace agent::collect {

// The container that a control group belongs to. Views point into the path or are literals.
struct Container {
  std::string_view id;       // 64 hexadecimal digits, or the name where the runtime gives names
  std::string_view runtime;  // docker, containerd, crio, podman, lxc, nspawn, or "" (not told)
};

// Reads the path of a control group: "/system.slice/docker-<id>.scope", "/docker/<id>",
// "/kubepods.slice/.../cri-containerd-<id>.scope", "/lxc.payload.web",
// "/machine.slice/machine-x.scope". No id: not in a container that this knows. Threads: pure.
Container container_of_cgroup(std::string_view path);

}  // namespace agent::collect
