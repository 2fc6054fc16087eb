#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/collect/facts.h"
#include "base/time.h"

namespace agent::collect {

// What a process runs; shared by it and the children it forked.
struct Image {
  std::string executable;
  std::string command_line;
  std::optional<std::uint32_t> uid{};  // at the exec
  std::string cgroup{};                // at the exec; empty: not known
};

// The living processes and what they run, so that a child's event can name its parent's program.
//
// Bounded: at capacity, the process that was used least recently makes room (counted).
// Threads: one.
class ProcessTable {
 public:
  struct Entry {
    ProcessId process;
    ProcessId parent;
    std::shared_ptr<const Image> image;
    bool reported = false;   // its start was reported, or it was there before us
    base::WallTime since{};  // it runs that image; the epoch: for longer than we look
  };

  explicit ProcessTable(std::size_t capacity = 8192);

  // The child begins with its parent's image, when that is known.
  void fork(const ProcessId& child, const ProcessId& parent, base::WallTime since = {});
  void exec(const ProcessId& process, const ProcessId& parent, std::shared_ptr<const Image> image,
            base::WallTime since = {});
  // Takes out a process that ended; nullopt when it is not there: never seen, made room, or taken
  // out before.
  std::optional<Entry> exit(const ProcessId& process);

  // nullptr when it is not there, or when the pid belongs to another process by now. Good until the
  // next change.
  const Entry* find(const ProcessId& process);
  // The same, without counting as use.
  const Entry* peek(const ProcessId& process) const;

  std::size_t size() const { return index_.size(); }
  std::uint64_t evicted() const { return evicted_; }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  struct Slot {
    Entry entry;
    std::uint32_t newer = kNone;
    std::uint32_t older = kNone;
  };

  // Place of the process; a different process of the same pid gives way to it.
  Slot& place(const ProcessId& process);
  void link_newest(std::uint32_t slot);
  void unlink(std::uint32_t slot);
  void remove(std::uint32_t slot);

  std::size_t capacity_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<std::uint32_t, std::uint32_t> index_;  // pid to slot
  std::uint32_t newest_ = kNone;
  std::uint32_t oldest_ = kNone;
  std::uint64_t evicted_ = 0;
};

// Are they the same process? An unknown start matches any.
bool same_process(const ProcessId& a, const ProcessId& b);

}  // namespace agent::collect
