#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

namespace agent::collect {

// Tells when a process ends, from the ends of its threads: the process connector reports each
// thread, and the first one may end long before the others. Threads: one.
class ThreadGroups {
 public:
  // A process that was there before, with that many threads.
  void seed(std::uint32_t tgid, std::uint32_t threads);
  void thread_started(std::uint32_t tgid);
  // Every other thread is gone: exec kills them, whichever thread calls it.
  void execed(std::uint32_t tgid);
  // The status of the process if that was its last thread.
  std::optional<std::int32_t> thread_ended(std::uint32_t pid, std::uint32_t tgid,
                                           std::uint32_t status);
  // Ends are known otherwise.
  void forget(std::uint32_t tgid) { groups_.erase(tgid); }

 private:
  struct Group {
    std::uint32_t others = 0;  // threads beside the first
    bool leader_ended = false;
    std::uint32_t leader_status = 0;
  };
  // Only of processes that have or had several threads.
  std::unordered_map<std::uint32_t, Group> groups_;
};

}  // namespace agent::collect
