#include "agent/baseline/mounts.h"

#include <algorithm>
#include <array>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

namespace {

// "\040" is a blank: both files write so what would end a field.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      if (const auto value = mode_of(text.substr(i + 1, 3)); value && *value < 256) {
        out += static_cast<char>(*value);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::vector<std::string> options_of(std::string_view text) {
  std::vector<std::string> options;
  for (const std::string_view option : base::split(text, ','))
    options.emplace_back(option);
  return options;
}

}  // namespace

bool Mount::has(std::string_view option) const {
  return std::find(options.begin(), options.end(), option) != options.end();
}

std::vector<Mount> read_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  each_line(text, [&](std::string_view line, int) {
    const auto words = words_of(line);
    // Any number of optional fields, then "-", then type and device.
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 10 || words.end() - dash < 3) return;
    mounts.push_back({.device = unescaped(dash[2]),
                      .number = std::string(words[2]),
                      .point = unescaped(words[4]),
                      .type = std::string(dash[1]),
                      .options = options_of(words[5])});
  });
  return mounts;
}

std::vector<Mount> read_fstab(std::string_view text) {
  std::vector<Mount> mounts;
  each_line(text, [&](std::string_view line, int) {
    const auto words = words_of(without_comment(line));
    if (words.size() < 3) return;
    mounts.push_back({.device = unescaped(words[0]),
                      .number = {},
                      .point = unescaped(words[1]),
                      .type = std::string(words[2]),
                      .options = options_of(words.size() > 3 ? words[3] : "defaults")});
  });
  return mounts;
}

const Mount* mounted_on(const std::vector<Mount>& mounts, std::string_view point) {
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(),
                                  [&](const Mount& m) { return m.point == point; });
  return found == mounts.rend() ? nullptr : &*found;
}

bool is_network_type(std::string_view type) {
  return type.starts_with("nfs") || type == "cifs" || type == "smb3" || type == "smbfs" ||
         type == "9p" || type == "ceph" || type == "afs" || type == "glusterfs" ||
         type == "lustre" || type == "ocfs2" || type == "gfs2" || type.starts_with("fuse");
}

bool is_kernel_type(std::string_view type) {
  static constexpr std::array kTypes = {
      "proc",     "sysfs",     "cgroup",   "cgroup2",    "devtmpfs",   "devpts",
      "bpf",      "tracefs",   "debugfs",  "securityfs", "mqueue",     "hugetlbfs",
      "configfs", "pstore",    "efivarfs", "autofs",     "rpc_pipefs", "binfmt_misc",
      "fusectl",  "selinuxfs", "nsfs",     "ramfs",      "squashfs",   "iso9660"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

}  // namespace agent::baseline
