#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// What container runtimes keep on disk of each container, read for the image's name. An empty name:
// the container was made without one, of a plain folder.
//
// Errors of all: Malformed or TooLarge, as of base::json; Malformed also for JSON of another shape.
// Threads: pure.
namespace agent::collect {

// The name as the runtime gives it, at most this many bytes; longer ones are none of an image
// (a registry's host, a repository of at most 255 bytes, a tag of 128, a digest).
constexpr std::size_t kMaxImageName = 1024;

// Docker: config.v2.json in the container's folder. Config.Image is what the operator asked for.
// Source: moby/moby, container/container.go (struct Container, checkpointing), api/types/container
// (struct Config).
base::Result<std::string> image_of_docker(std::string_view json);

// containerd: config.json in a task's bundle, with the annotations of its Kubernetes plugin.
// Source: opencontainers/runtime-spec, config.md, Annotations; containerd/containerd,
// internal/cri/annotations (io.kubernetes.cri.image-name).
base::Result<std::string> image_of_bundle(std::string_view json);

struct StoredContainer {
  std::string id;
  std::string image;
};

// Podman, CRI-O: containers.json and volatile-containers.json of their common storage; `metadata`
// is JSON within a text, with "image-name". Containers with neither id nor image are left out, as
// is what follows the first `limit` of them. Source: containers/storage, containers.go (struct
// Container); containers/podman, libpod/storage.go (struct RuntimeContainerMetadata), whose names
// CRI-O shares.
base::Result<std::vector<StoredContainer>> stored_containers(std::string_view json,
                                                             std::size_t limit = 4096);

}  // namespace agent::collect
