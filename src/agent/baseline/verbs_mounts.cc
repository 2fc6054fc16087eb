// How file systems are mounted, and will be.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/verbs.h"

namespace agent::baseline {

using base::Result;

namespace {

Result<Outcome> mount_option(Facts& facts, const Parameters& p) {
  const Mount* const mount = mounted_on(TRY_REF(facts.mounts()), p.get("path"));
  if (mount == nullptr)
    return not_applicable(fmt::format("{} is no file system of its own", p.get("path")));
  const std::string evidence =
      fmt::format("{} is mounted {}", mount->point, joined(mount->options, ","));
  return mount->has(p.get("option")) ? pass(evidence) : failed(evidence);
}

Result<Outcome> mount_point(Facts& facts, const Parameters& p) {
  const Mount* const mount = mounted_on(TRY_REF(facts.mounts()), p.get("path"));
  if (mount == nullptr)
    return failed(fmt::format("{} is a folder of the file system above it", p.get("path")));
  return pass(fmt::format("{} on {}", mount->type, mount->point));
}

// The mounts, live and configured, that `concerned` picks: each must have all options.
Result<Outcome> all_have(const std::vector<std::pair<const Mount*, const char*>>& mounts,
                         const Parameters& p, const char* none) {
  if (mounts.empty()) return not_applicable(none);
  Examples wrong;
  for (const auto& [mount, where] : mounts) {
    std::vector<std::string> missing;
    for (const std::string_view option : p.words("options")) {
      if (!mount->has(option)) missing.emplace_back(option);
    }
    if (!missing.empty())
      wrong.add(fmt::format("{} ({}) lacks {}", mount->point, where, joined(missing, ",")));
  }
  if (!wrong.empty()) return failed(wrong.text());
  return pass(fmt::format("{} mounts", mounts.size()));
}

// "/dev/sdb1" -> "sdb": the folder in /sys/block that says whether it can be taken out.
Result<bool> is_removable(const Host& host, const std::string& device) {
  if (!device.starts_with("/dev/")) return false;
  const std::string name = device.substr(5);
  for (const std::string& disk : TRY(list_optional(host, "/sys/block"))) {
    if (!name.starts_with(disk)) continue;
    const std::string flag = TRY(read_optional(host, "/sys/block/" + disk + "/removable"));
    if (flag.starts_with('1')) return true;
  }
  return false;
}

bool for_removable(const Mount& mount) {
  const auto within = [&](std::string_view folder) {
    return mount.point == folder || mount.point.starts_with(std::string(folder) + "/");
  };
  if (is_kernel_type(mount.type) || is_network_type(mount.type) || mount.type == "tmpfs" ||
      mount.type == "overlay")
    return mount.type == "iso9660";
  return within("/media") || within("/mnt") || within("/run/media") ||
         mount.device.find("floppy") != std::string::npos ||
         mount.device.find("cdrom") != std::string::npos || mount.device.starts_with("/dev/fd") ||
         mount.device.starts_with("/dev/sr") || mount.point.find("floppy") != std::string::npos ||
         mount.point.find("cdrom") != std::string::npos;
}

Result<Outcome> removable_mounts(Facts& facts, const Parameters& p) {
  std::vector<std::pair<const Mount*, const char*>> concerned;
  for (const Mount& mount : TRY_REF(facts.fstab())) {
    if (mount.type != "swap" && for_removable(mount)) concerned.emplace_back(&mount, "fstab");
  }
  for (const Mount& mount : TRY_REF(facts.mounts())) {
    const bool removable = TRY(is_removable(facts.host(), mount.device));
    if (removable || for_removable(mount)) concerned.emplace_back(&mount, "mounted");
  }
  return all_have(concerned, p, "no removable media are mounted or in /etc/fstab");
}

Result<Outcome> nfs_mounts(Facts& facts, const Parameters& p) {
  const auto nfs = [](const Mount& mount) { return mount.type == "nfs" || mount.type == "nfs4"; };
  std::vector<std::pair<const Mount*, const char*>> concerned;
  for (const Mount& mount : TRY_REF(facts.fstab())) {
    if (nfs(mount)) concerned.emplace_back(&mount, "fstab");
  }
  for (const Mount& mount : TRY_REF(facts.mounts())) {
    if (nfs(mount)) concerned.emplace_back(&mount, "mounted");
  }
  return all_have(concerned, p, "no network file systems are mounted or in /etc/fstab");
}

constexpr std::array<Verb, 4> kVerbs = {{
    {"mount-option", mount_option},
    {"mount-point", mount_point},
    {"removable-mounts", removable_mounts},
    {"nfs-mounts", nfs_mounts},
}};

}  // namespace

std::span<const Verb> mount_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
