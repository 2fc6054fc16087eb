#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <vector>

#include "base/result.h"
#include "bpf/ring.h"
#include "os/fd.h"

struct bpf_object_skeleton;

// What loading BPF programs has in common. Internal to bpf.
namespace bpf {

// What an errno of the BPF calls means to whoever runs the agent; `needs` is what the kernel must
// have for it: "Linux 5.8 or later with ...".
std::unexpected<base::Error> explain(const char* step, int error, const char* needs);

// Silences libbpf, whose words are in the errors; and looks for the kernel's type information.
// Errors: Unsupported.
base::Result<void> prepare_loading();

// Programs that write into a map named "ring" and count what it has no room for in one named
// "losses". Only descriptors are kept of them: the loader's own state is many times larger than the
// rest of us. Detached with the object. Threads: one.
class Programs {
 public:
  // Loads what was opened, with a ring of at least that size. Errors: as explain().
  static base::Result<Programs> load(bpf_object_skeleton& opened, std::size_t ring_bytes,
                                     const char* needs);
  // From here on they run. Errors: as explain().
  base::Result<void> attach(bpf_object_skeleton& loaded, const char* needs);

  int ring_fd() const { return ring_map_.get(); }
  std::size_t ring_bytes() const { return ring_bytes_; }
  Ring& ring() { return *ring_; }
  const Ring& ring() const { return *ring_; }
  // Records of that kind that found the ring full, on all processors.
  std::uint64_t lost(std::uint32_t kind) const;
  // Calls that the kernel skipped because the program was already running on that processor.
  std::uint64_t skipped() const;

 private:
  std::vector<os::Fd> links_;
  std::vector<os::Fd> programs_;
  os::Fd ring_map_;
  os::Fd loss_map_;
  std::size_t ring_bytes_ = 0;
  std::optional<Ring> ring_;  // of the map
};

// A descriptor that outlives the loader's own.
base::Result<os::Fd> duplicate(int fd);

}  // namespace bpf
