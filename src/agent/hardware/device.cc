#include "agent/hardware/device.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <utility>

#include "agent/hardware/ids.h"
#include "agent/hardware/kinds.h"
#include "agent/hardware/sysfs.h"
#include "base/text.h"
#include "os/file.h"

namespace agent::hardware {

using base::Result;

namespace {

constexpr std::size_t kMaxDevices = 4096;

// Where the devices of a subsystem are listed below /sys.
struct Subsystem {
  std::string_view name;
  const char* list;
};
constexpr std::array kSubsystems = {Subsystem{"usb", "bus/usb/devices"},
                                    Subsystem{"pci", "bus/pci/devices"},
                                    Subsystem{"block", "class/block"},
                                    Subsystem{"net", "class/net"},
                                    Subsystem{"tty", "class/tty"},
                                    Subsystem{"input", "class/input"},
                                    Subsystem{"sound", "class/sound"},
                                    Subsystem{"video4linux", "class/video4linux"},
                                    Subsystem{"bluetooth", "class/bluetooth"},
                                    Subsystem{"mmc", "bus/mmc/devices"},
                                    Subsystem{"virtio", "bus/virtio/devices"},
                                    Subsystem{"thunderbolt", "bus/thunderbolt/devices"}};

}  // namespace

bool Reader::tells(std::string_view subsystem) {
  return std::ranges::find(kSubsystems, subsystem, &Subsystem::name) != kSubsystems.end();
}

std::optional<Device> Reader::read(const std::string& devpath) const {
  const Sysfs sysfs(root_, devpath);
  const std::string subsystem = sysfs.link("subsystem");
  if (!tells(subsystem)) return std::nullopt;
  auto item = describe(sysfs, subsystem);
  if (!item) return std::nullopt;
  return Device{devpath, std::move(*item)};
}

Result<std::vector<Device>> Reader::all() const {
  std::error_code error;
  const std::string sys = std::filesystem::canonical(root_ + "/sys", error).string();
  if (error || !os::file_exists(sys + "/devices"))
    return base::fail(base::Code::NotFound, "/sys", -1, "not mounted");
  std::vector<Device> devices;
  for (const Subsystem& subsystem : kSubsystems) {
    const std::string folder = sys + "/" + subsystem.list;
    for (const std::string& name : os::list_dir(folder).value_or(std::vector<std::string>())) {
      const auto path = std::filesystem::canonical(folder + "/" + name, error);
      if (error || !path.string().starts_with(sys + "/devices/")) continue;
      if (devices.size() == kMaxDevices) return devices;
      if (auto device = read(path.string().substr(sys.size())))
        devices.push_back(std::move(*device));
    }
  }
  std::ranges::sort(devices, {}, &Device::devpath);
  return devices;
}

}  // namespace agent::hardware
