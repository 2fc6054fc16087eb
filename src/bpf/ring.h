#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/bytes.h"
#include "base/result.h"

namespace bpf {

// The reading end of a BPF ring buffer map.
//
// Maps only a window of the data at a time: a mapped page of the ring counts as resident, twice,
// and the ring is larger than all the rest of the process. The map's descriptor is borrowed.
// Threads: one. Source: kernel Documentation/bpf/ringbuf.rst and kernel/bpf/ringbuf.c.
class Ring {
 public:
  // `size`: of the ring's data, a power of two and at least a page. Errors: Io.
  static base::Result<Ring> open(int map_fd, std::size_t size);
  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&& other) noexcept;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // Calls back for every record that is complete, at most `limit`; says how many. A view is good
  // until the call returns.
  base::Result<std::size_t> drain(std::size_t limit,
                                  const std::function<void(base::ByteView)>& on_record);

  // Bytes written and not yet read.
  std::size_t backlog() const;

 private:
  Ring() = default;
  void reset();
  base::Result<const std::uint8_t*> at(std::uint64_t position, std::size_t length);

  int map_fd_ = -1;
  std::size_t size_ = 0;
  std::uint64_t* consumer_ = nullptr;        // mapped, ours to write
  const std::uint64_t* producer_ = nullptr;  // mapped, the kernel's
  const std::uint8_t* window_ = nullptr;     // mapped part of the data
  std::size_t window_begin_ = 0;             // offset of the window in the data
  std::size_t window_size_ = 0;
};

}  // namespace bpf
