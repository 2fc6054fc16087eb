#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agent::hardware {

// One device's folder in sysfs. A device goes at any moment: whatever is not there reads as empty.
// Text comes from the device (a USB stick names itself): it is made UTF-8 and cut at 256 bytes.
// Threads: any.
class Sysfs {
 public:
  Sysfs(std::string root, std::string devpath)
      : root_(std::move(root)), devpath_(std::move(devpath)) {}

  const std::string& root() const { return root_; }
  const std::string& devpath() const { return devpath_; }
  std::string name() const;  // last part of the path
  bool has(const std::string& attribute) const;
  std::string text(const std::string& attribute) const;
  std::optional<std::uint64_t> number(const std::string& attribute, int base = 10) const;
  // The last part of a link's target: of "driver", "subsystem".
  std::string link(const std::string& attribute) const;
  // A value of the device's uevent file: DEVNAME, DEVTYPE.
  std::string uevent(std::string_view name) const;
  // What udev knows of it: ID_VENDOR_FROM_DATABASE. Empty without udev.
  std::string udev(std::string_view name) const;
  // The nearest folder above that is a USB device.
  std::optional<Sysfs> usb_parent() const;

 private:
  std::string path(const std::string& attribute) const;
  std::string udev_file() const;

  std::string root_;
  std::string devpath_;
};

}  // namespace agent::hardware
