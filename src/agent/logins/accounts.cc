#include "agent/logins/accounts.h"

#include <sys/stat.h>

#include "base/text.h"
#include "os/file.h"

namespace agent::logins {

namespace {

constexpr std::size_t kMaxFile = 16U << 20U;
constexpr std::int64_t kMaxUid = 0xFFFFFFFE;

}  // namespace

void Accounts::refresh() {
  struct stat info{};
  if (::stat(path_.c_str(), &info) != 0) return;
  const std::uint64_t version = static_cast<std::uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000 +
                                static_cast<std::uint64_t>(info.st_mtim.tv_nsec) + info.st_ino;
  if (version == version_) return;
  const auto text = os::read_file(path_, kMaxFile);
  if (!text) return;
  version_ = version;
  uids_.clear();
  names_.clear();
  for (const std::string_view line : base::split(*text, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() < 4 || fields[0].empty()) continue;
    const auto uid = base::parse_int(fields[2]);
    if (!uid || *uid < 0 || *uid > kMaxUid) continue;
    uids_.try_emplace(std::string(fields[0]), static_cast<std::uint32_t>(*uid));
    names_.try_emplace(static_cast<std::uint32_t>(*uid), fields[0]);
  }
}

std::optional<std::uint32_t> Accounts::uid(const std::string& name) {
  refresh();
  const auto found = uids_.find(name);
  return found == uids_.end() ? std::nullopt : std::optional(found->second);
}

std::string Accounts::name(std::uint32_t uid) {
  refresh();
  const auto found = names_.find(uid);
  return found == names_.end() ? "" : base::to_utf8(found->second);
}

}  // namespace agent::logins
