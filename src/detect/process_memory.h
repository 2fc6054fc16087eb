#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/counter.h"
#include "base/time.h"
#include "detect/finding.h"

namespace detect {

// The processes of devices as their events told of them: what runs above a process. Of a fixed size
// for the whole fleet: where there is no more room, the one that was not heard of for longest goes,
// and chains that pass it end there. Threads: one at a time.
class ProcessTree {
 public:
  // Processes that are remembered at most.
  static constexpr std::size_t kProcesses = std::size_t{1} << 18U;
  // Most that are told above a process.
  static constexpr std::size_t kAncestors = 16;

  ProcessTree();

  void started(std::string_view device, std::int64_t process, std::int64_t parent,
               std::string_view name);
  void ended(std::string_view device, std::int64_t process);
  // Appends the names above `process`, nearest first. Views are valid until the next change.
  void ancestors(std::string_view device, std::int64_t parent,
                 std::vector<std::string_view>& names) const;
  void forget();

  // Processes that went for want of room. Threads: any.
  std::uint64_t evicted() const { return evicted_.value(); }

 private:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kNameBytes = 32;
  struct Slot {
    std::uint64_t key = 0;  // of device and process; 0: empty
    std::int64_t parent = 0;
    std::uint32_t heard = 0;  // the order of events
    std::uint8_t size = 0;
    char name[kNameBytes] = {};
  };
  const Slot* find(std::uint64_t key) const;
  void grow();
  Slot& place_for(std::uint64_t key);

  std::vector<Slot> slots_;  // a power of two of sets
  std::size_t used_ = 0;
  std::uint32_t clock_ = 0;
  base::Counter evicted_;
};

// What devices downloaded a short while ago, by the file it went to. Threads: one at a time.
class Downloads {
 public:
  // For how long a file counts as downloaded, and how many are remembered for the whole fleet.
  static constexpr std::chrono::minutes kFor{10};
  static constexpr std::size_t kFiles = 8192;

  struct Download {
    std::string device;
    std::string path;
    std::string from;  // the address
    Evidence evidence;
  };

  void add(Download download);
  // What went to that file at most so long before `time`; nullptr: nothing did.
  const Download* find(std::string_view device, std::string_view path, base::WallTime time) const;
  bool empty() const { return by_file_.empty(); }
  void forget();

  // Those that went for want of room before their time. Threads: any.
  std::uint64_t evicted() const { return evicted_.value(); }

 private:
  struct Entry {
    std::shared_ptr<const Download> download;
    std::uint64_t number = 0;
  };
  std::unordered_map<std::string, Entry> by_file_;  // "device\0path"
  std::deque<std::pair<std::string, std::uint64_t>> order_;
  std::uint64_t next_ = 0;
  base::Counter evicted_;
};

}  // namespace detect
