#include "agent/collect/users.h"

#include <chrono>

#include <sys/stat.h>

#include "base/text.h"
#include "os/file.h"

namespace agent::collect {

namespace {

constexpr std::size_t kMaxFileBytes = 4U << 20U;
constexpr std::size_t kMaxNames = 10'000;

}  // namespace

std::optional<std::string> Users::name(std::uint32_t uid, base::MonoTime now) {
  refresh(now);
  const auto found = names_.find(uid);
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

void Users::refresh(base::MonoTime now) {
  if (stamp_ != -1 && now - looked_ < std::chrono::seconds(1)) return;
  looked_ = now;
  struct stat status{};
  if (::stat(file_.c_str(), &status) != 0) return;
  // Size and inode too: a replacement within the resolution of the time stamp.
  const std::int64_t stamp = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec +
                             static_cast<std::int64_t>(status.st_ino) + status.st_size;
  if (stamp == stamp_) return;
  const auto text = os::read_file(file_, kMaxFileBytes);
  if (!text) return;
  stamp_ = stamp;
  names_.clear();
  for (const std::string_view line : base::split(*text, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() < 3 || names_.size() >= kMaxNames) continue;
    const auto uid = base::parse_int(fields[2]);
    // The first line of an id names it, as getpwuid(3) does.
    if (uid && *uid >= 0 && *uid <= 0xFFFFFFFF)
      names_.emplace(static_cast<std::uint32_t>(*uid), fields[0]);
  }
}

}  // namespace agent::collect
