#include "agent/system/boot_device.h"

#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "agent/system/texts.h"
#include "base/text.h"
#include "os/file.h"

namespace agent::system {

namespace {

constexpr std::size_t kMaxFile = 1U << 20U;

// The node of a block device "253:0", by its uevent.
std::string node_of(const std::string& root, const std::string& device) {
  const auto uevent = os::read_file(root + "/sys/dev/block/" + device + "/uevent", kMaxFile);
  if (!uevent) return {};
  const Assignments values = read_assignments(*uevent);
  const std::string_view name = value_of(values, "DEVNAME");
  return name.empty() ? "" : "/dev/" + std::string(name);
}

// A name that the command line gives, followed to the device where that is possible.
std::string resolve(const std::string& root, const std::string& name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kFolders = {
      {{"UUID=", "by-uuid"},
       {"PARTUUID=", "by-partuuid"},
       {"LABEL=", "by-label"},
       {"PARTLABEL=", "by-partlabel"}}};
  for (const auto& [prefix, folder] : kFolders) {
    if (!name.starts_with(prefix)) continue;
    const std::string link = root + "/dev/disk/" + std::string(folder) + "/" +
                             base::to_lower(name.substr(prefix.size()));
    std::error_code error;
    const auto target = std::filesystem::read_symlink(link, error);
    if (!error) return "/dev/" + target.filename().string();
  }
  return name;
}

}  // namespace

std::string boot_device(const std::string& root) {
  const std::string mounts = os::read_file(root + "/proc/self/mountinfo", kMaxFile).value_or("");
  for (const std::string_view point : {"/boot", "/boot/firmware", "/"}) {
    const auto mount = find_mount(mounts, point);
    if (!mount) continue;
    std::string node = node_of(root, mount->device);
    if (!node.empty()) return node;
    // File systems of several devices have a number of no device, but name one.
    if (mount->source.starts_with("/dev/") && mount->source != "/dev/root") return mount->source;
  }
  const std::string command_line = os::read_file(root + "/proc/cmdline", kMaxFile).value_or("");
  const auto named = kernel_argument(command_line, "root");
  return named ? resolve(root, *named) : "";
}

}  // namespace agent::system
