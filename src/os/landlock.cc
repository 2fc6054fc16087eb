#include "os/landlock.h"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

namespace os {

using base::fail_errno;
using base::Result;

namespace {

// landlock(7). Written out, because the headers of the build machine may be older than the kernel.
struct RulesetAttributes {
  std::uint64_t files = 0;
  std::uint64_t network = 0;  // from version 4
  std::uint64_t scoped = 0;   // from version 6
};
struct __attribute__((packed)) PathRule {
  std::uint64_t allowed = 0;
  std::int32_t parent = -1;
};
constexpr unsigned kAskVersion = 1;
constexpr int kPathRule = 1;
constexpr std::uint64_t kWriteFile = 1U << 1U;
constexpr std::uint64_t kReadFile = 1U << 2U;
constexpr std::uint64_t kReadFolder = 1U << 3U;
constexpr std::uint64_t kRemoveFolder = 1U << 4U;
constexpr std::uint64_t kRemoveFile = 1U << 5U;
constexpr std::uint64_t kMakeFolder = 1U << 7U;
constexpr std::uint64_t kMakeFile = 1U << 8U;
constexpr std::uint64_t kRefer = 1U << 13U;     // to another folder
constexpr std::uint64_t kTruncate = 1U << 14U;  // from version 3
constexpr std::uint64_t kToRead = kReadFile | kReadFolder;
constexpr std::uint64_t kToChange = kToRead | kWriteFile | kRemoveFolder | kRemoveFile |
                                    kMakeFolder | kMakeFile | kRefer | kTruncate;
// Those that a file can have by itself; others are of folders.
constexpr std::uint64_t kOfFiles = kReadFile | kWriteFile | kTruncate;
constexpr std::uint64_t kBindTcp = 1U << 0U;
constexpr std::uint64_t kScopeAbstractSockets = 1U << 0U;
constexpr std::uint64_t kScopeSignals = 1U << 1U;

// All rights to files that a version knows: 13 of them, then refer, truncate, ioctl on devices.
std::uint64_t file_rights(int version) {
  unsigned count = 13;
  if (version >= 2) ++count;
  if (version >= 3) ++count;
  if (version >= 5) ++count;
  return (std::uint64_t{1} << count) - 1;
}

// `rights`: those that this version of Landlock knows.
Result<void> allow(int ruleset, const std::string& path, std::uint64_t rights) {
  const Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) return {};
  struct stat status{};
  if (::fstat(place.get(), &status) != 0) return fail_errno("fstat", path);
  PathRule rule;
  rule.allowed = S_ISDIR(status.st_mode) ? rights : rights & kOfFiles;
  rule.parent = place.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, kPathRule, &rule, 0U) != 0)
    return fail_errno("landlock_add_rule", path);
  return {};
}

}  // namespace

Result<Confinement> confine_to(const Places& places) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  if (version <= 0) return Confinement{};
  Confinement confinement;
  confinement.version = static_cast<int>(version);
  RulesetAttributes attributes;
  std::size_t size = sizeof attributes.files;
  attributes.files = file_rights(confinement.version);
  if (version >= 4) {
    attributes.network = kBindTcp;
    size += sizeof attributes.network;
  }
  if (version >= 6) {
    attributes.scoped = kScopeAbstractSockets | kScopeSignals;
    size += sizeof attributes.scoped;
  }
  const Fd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0U)));
  if (!ruleset) return fail_errno("landlock_create_ruleset");
  for (const std::string& path : places.read)
    TRY(allow(ruleset.get(), path, kToRead));
  for (const std::string& path : places.change)
    TRY(allow(ruleset.get(), path, kToChange & attributes.files));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0U) != 0)
    return fail_errno("landlock_restrict_self");
  confinement.files = true;
  confinement.listening = version >= 4;
  confinement.signalling = version >= 6;
  return confinement;
}

}  // namespace os
