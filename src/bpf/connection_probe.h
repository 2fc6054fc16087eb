#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"

namespace bpf {

// The BPF programs that report connections, loaded and attached; detached with the object.
// Threads: one.
class ConnectionProbe {
 public:
  struct Options {
    // Kernel memory for records not read yet; rounded up to a power of two of pages. 8 MiB hold
    // some 25,000 connections.
    std::size_t ring_bytes = std::size_t{8} << 20U;
    bool loopback = false;  // report connections within the device, too
  };

  // Errors: Denied (privileges), Unsupported (kernel without BTF, socket storage for tracing or one
  // of the tracepoints), Io. The detail says which step and what would help.
  static base::Result<std::unique_ptr<ConnectionProbe>> load(Options options);
  ~ConnectionProbe();
  ConnectionProbe(const ConnectionProbe&) = delete;
  ConnectionProbe& operator=(const ConnectionProbe&) = delete;

  // Readable while records wait. For os::Loop.
  int fd() const;
  // Hands over complete records, at most `limit`, for read_connection(). Returns how many.
  base::Result<std::size_t> drain(std::size_t limit,
                                  const std::function<void(base::ByteView)>& on_record);
  // From now on. Errors: Io.
  base::Result<void> set_loopback(bool wanted);
  // Records that the kernel could not hand over, since load().
  std::uint64_t lost() const;

 private:
  struct State;
  explicit ConnectionProbe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bpf
