#include "agent/hardware/sysfs.h"

#include <charconv>
#include <filesystem>

#include "base/text.h"
#include "os/file.h"

namespace agent::hardware {

namespace {

constexpr std::size_t kMaxFile = 64U << 10U;
constexpr std::size_t kMaxText = 256;
constexpr int kMaxDepth = 64;

std::string clean(std::string_view text) {
  return base::to_utf8(base::trim(text).substr(0, kMaxText));
}

// The value of "NAME=value" in lines that begin with `prefix`.
std::string line_value(std::string_view text, std::string_view prefix, std::string_view name) {
  for (std::string_view line : base::split(text, '\n')) {
    if (!line.starts_with(prefix)) continue;
    line.remove_prefix(prefix.size());
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == '=')
      return clean(line.substr(name.size() + 1));
  }
  return {};
}

}  // namespace

std::string Sysfs::path(const std::string& attribute) const {
  return root_ + "/sys" + devpath_ + "/" + attribute;
}

std::string Sysfs::name() const {
  return devpath_.substr(devpath_.rfind('/') + 1);
}

bool Sysfs::has(const std::string& attribute) const {
  return os::file_exists(path(attribute));
}

std::string Sysfs::text(const std::string& attribute) const {
  const auto content = os::read_file(path(attribute), kMaxFile);
  return content ? clean(*content) : "";
}

std::optional<std::uint64_t> Sysfs::number(const std::string& attribute, int base) const {
  const std::string content = text(attribute);
  std::string_view digits = content;
  if (base == 16 && digits.starts_with("0x")) digits.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

std::string Sysfs::link(const std::string& attribute) const {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(path(attribute), error);
  return error ? "" : clean(target.filename().string());
}

std::string Sysfs::uevent(std::string_view wanted) const {
  const auto content = os::read_file(path("uevent"), kMaxFile);
  return content ? line_value(*content, "", wanted) : "";
}

// How udev names what it knows of a device: b8:0, c189:1, n2, +usb:1-1.
std::string Sysfs::udev_file() const {
  const std::string subsystem = link("subsystem");
  const std::string major = uevent("MAJOR");
  std::string file = "+" + subsystem + ":" + name();
  if (!major.empty()) file = (subsystem == "block" ? "b" : "c") + major + ":" + uevent("MINOR");
  if (subsystem == "net") file = "n" + text("ifindex");
  return root_ + "/run/udev/data/" + file;
}

std::string Sysfs::udev(std::string_view wanted) const {
  if (!os::file_exists(root_ + "/run/udev/data")) return {};
  const auto content = os::read_file(udev_file(), kMaxFile);
  return content ? line_value(*content, "E:", wanted) : "";
}

std::optional<Sysfs> Sysfs::usb_parent() const {
  std::string above = devpath_;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    const std::size_t slash = above.rfind('/');
    if (slash == std::string::npos || slash == 0) return std::nullopt;
    above.resize(slash);
    Sysfs candidate(root_, above);
    if (candidate.has("idVendor") && candidate.has("idProduct")) return candidate;
  }
  return std::nullopt;
}

}  // namespace agent::hardware
