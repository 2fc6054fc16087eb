// Facts::walked(): one walk over the local file systems for all the checks that need one.
#include <algorithm>
#include <array>
#include <unordered_set>

#include <sys/syscall.h>
#include <unistd.h>

#include "agent/baseline/facts.h"
#include "agent/baseline/lines.h"

namespace agent::baseline {

using base::Result;

namespace {

// Layers of containers hold files with ids of their own; they are the containers' business.
constexpr std::array<std::string_view, 6> kContainerFolders = {
    "/var/lib/docker",  "/var/lib/containers", "/var/lib/containerd", "/var/lib/rancher/k3s/agent",
    "/var/lib/kubelet", "/var/lib/lxc"};

// The disk serves everybody else first, and everybody as before afterwards.
class IdlePriority {
 public:
  IdlePriority() : before_(::syscall(SYS_ioprio_get, kThread, 0)) {
    ::syscall(SYS_ioprio_set, kThread, 0, kIdle);
  }
  ~IdlePriority() { ::syscall(SYS_ioprio_set, kThread, 0, before_ > 0 ? before_ : 0); }
  IdlePriority(const IdlePriority&) = delete;
  IdlePriority& operator=(const IdlePriority&) = delete;

 private:
  static constexpr long kThread = 1;       // IOPRIO_WHO_PROCESS
  static constexpr long kIdle = 3L << 13;  // IOPRIO_CLASS_IDLE
  long before_;
};

void note(Walked::Found& found, const std::string& path) {
  ++found.count;
  if (found.paths.size() < Walked::kMaxPaths) found.paths.push_back(path);
}

bool is_within(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

struct Judge {
  Walked& walked;
  const std::unordered_set<std::uint32_t>& uids;
  const std::unordered_set<std::uint32_t>& gids;

  // Whether to go into it.
  bool operator()(const std::string& path, const FileFacts& facts) const {
    using Kind = FileFacts::Kind;
    ++walked.entries;
    if (std::find(kContainerFolders.begin(), kContainerFolders.end(), path) !=
        kContainerFolders.end())
      return false;
    if (facts.kind == Kind::Regular && (facts.mode & 06000U) != 0) note(walked.setuid, path);
    if (facts.kind == Kind::Regular && (facts.mode & 0002U) != 0) note(walked.world_writable, path);
    if (facts.kind == Kind::Folder && (facts.mode & 0002U) != 0 && (facts.mode & 01000U) == 0)
      note(walked.not_sticky, path);
    if (!uids.contains(facts.uid) || !gids.contains(facts.gid)) note(walked.unowned, path);
    return facts.kind == Kind::Folder;
  }
};

Result<Walked> walk_all(Facts& facts) {
  if (!facts.accounts()) return std::unexpected(facts.accounts().error());
  if (!facts.groups()) return std::unexpected(facts.groups().error());
  if (!facts.mounts()) return std::unexpected(facts.mounts().error());
  std::unordered_set<std::uint32_t> uids;
  std::unordered_set<std::uint32_t> gids;
  for (const Account& account : *facts.accounts())
    uids.insert(account.uid);
  for (const Group& group : *facts.groups())
    gids.insert(group.gid);
  Walked walked;
  const IdlePriority idle;
  std::vector<const Mount*> done;
  for (const Mount& mount : *facts.mounts()) {
    // The cover of a point that is mounted on twice is what can be seen.
    if (mounted_on(*facts.mounts(), mount.point) != &mount) continue;
    if (is_kernel_type(mount.type) || is_network_type(mount.type)) continue;
    const bool container =
        std::any_of(kContainerFolders.begin(), kContainerFolders.end(),
                    [&](std::string_view folder) { return is_within(mount.point, folder); });
    // A part of a file system bound to a second place below the first has been walked with it; nor
    // is a single file a place to walk.
    const bool walked_before = std::any_of(done.begin(), done.end(), [&](const Mount* other) {
      return other->number == mount.number && is_within(mount.point, other->point);
    });
    const auto top = facts.host().lstat(mount.point);
    if (container || walked_before || !top || top->kind != FileFacts::Kind::Folder) continue;
    done.push_back(&mount);
    const auto result = facts.host().walk(mount.point, {}, Judge{walked, uids, gids});
    if (!result && walked.incomplete.empty()) walked.incomplete = result.error().to_string();
  }
  return walked;
}

}  // namespace

const Result<Walked>& Facts::walked() {
  return once(walked_, [&] { return walk_all(*this); });
}

}  // namespace agent::baseline
