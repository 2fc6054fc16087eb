#include "agent/collect/thread_groups.h"

namespace agent::collect {

void ThreadGroups::seed(std::uint32_t tgid, std::uint32_t threads) {
  if (threads > 1) groups_[tgid].others = threads - 1;
}

void ThreadGroups::thread_started(std::uint32_t tgid) {
  ++groups_[tgid].others;
}

void ThreadGroups::execed(std::uint32_t tgid) {
  groups_.erase(tgid);
}

std::optional<std::int32_t> ThreadGroups::thread_ended(std::uint32_t pid, std::uint32_t tgid,
                                                       std::uint32_t status) {
  const auto found = groups_.find(tgid);
  if (found == groups_.end()) {
    if (pid != tgid) return std::nullopt;
    return static_cast<std::int32_t>(status);
  }
  Group& group = found->second;
  if (pid == tgid) {
    group.leader_ended = true;
    group.leader_status = status;
  } else if (group.others > 0) {
    --group.others;
  }
  if (!group.leader_ended || group.others > 0) return std::nullopt;
  // exit_group(2) and a signal give all threads one status; else the first one's counts.
  const std::uint32_t last = status != 0 ? status : group.leader_status;
  groups_.erase(found);
  return static_cast<std::int32_t>(last);
}

}  // namespace agent::collect
