#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/collect/facts.h"
#include "os/loop.h"
#include "schema/message.h"

namespace agent::collect {

// The file that a process runs.
struct Program {
  std::uint32_t pid = 0;
  std::string path;
  // The path leads to it from here, too: not in another root, and not deleted.
  bool reachable = false;
  // The file itself, where the source saw it: one that is known is not looked for. File systems may
  // show us another number for it; then it is not found to be known.
  std::optional<FileVersion> version{};
};

// Adds `Sha256` of the executable to ProcessCreate events.
//
// A file is known again by device, inode, size and times, and hashed once. An event whose file is
// known goes on at once. Else it waits for a thread that hashes at a bounded rate, at most `wait`;
// then it goes on with `Sha256Missing` saying why (busy, gone, large, unreadable), and later events
// of the file have the hash when it is done. Bounded: when too many wait, the oldest goes on
// without.
// Threads: the loop's.
class Hasher {
 public:
  struct Options {
    std::chrono::nanoseconds wait = std::chrono::seconds(1);
    std::size_t bytes_per_second = std::size_t{16} << 20U;
    std::size_t burst_bytes = std::size_t{48} << 20U;  // hashed without a pause
    std::uint64_t max_file_bytes = std::uint64_t{256} << 20U;
    std::size_t max_known = 2048;
    std::size_t max_waiting = 512;
    std::function<void(schema::Event)> emit;
  };

  Hasher(os::Loop& loop, Options options);
  ~Hasher();  // without emitting what waits
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  // Off: events pass.
  void set_wanted(bool wanted);
  // `event`: a ProcessCreate.
  void take(schema::Event event, const Program& program);
  // Emits everything that waits, without hashes.
  void flush();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace agent::collect
