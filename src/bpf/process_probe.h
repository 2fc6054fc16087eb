#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"

namespace bpf {

// The BPF programs that report exec, fork and exit, loaded and attached; detached with the object.
// Threads: one.
class ProcessProbe {
 public:
  struct Options {
    // Kernel memory for records not read yet; rounded up to a power of two of pages. 8 MiB hold
    // some ten thousand process starts.
    std::size_t ring_bytes = std::size_t{8} << 20U;
  };

  // What the kernel could not report, since load().
  struct Losses {
    std::uint64_t exec = 0;
    std::uint64_t fork = 0;
    std::uint64_t exit = 0;
    // Calls that the kernel skipped because the program was already running on that processor.
    std::uint64_t skipped = 0;
    std::uint64_t total() const { return exec + fork + exit + skipped; }
  };

  // Errors: Denied (privileges), Unsupported (kernel without BTF, ring buffer or tracepoint), Io.
  // The detail says which step and what would help.
  static base::Result<std::unique_ptr<ProcessProbe>> load(Options options);
  ~ProcessProbe();
  ProcessProbe(const ProcessProbe&) = delete;
  ProcessProbe& operator=(const ProcessProbe&) = delete;

  // Readable while records wait. For os::Loop.
  int fd() const;
  // Hands over complete records, at most `limit`, for read_record(). Returns how many.
  base::Result<std::size_t> drain(std::size_t limit,
                                  const std::function<void(base::ByteView)>& on_record);
  Losses losses() const;
  std::size_t backlog_bytes() const;
  std::size_t ring_bytes() const;

 private:
  struct State;
  explicit ProcessProbe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bpf
