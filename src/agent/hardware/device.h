#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/events.h"

namespace agent::hardware {

// A device that is present, as it is told.
struct Device {
  std::string devpath;  // "/devices/...": names it while it is there
  schema::ConnectedHardware item;
};

// Reads devices from sysfs, with what udev (/run/udev/data) and lists of ids (usb.ids, pci.ids) add
// where they are there. Keeps nothing. Threads: any.
//
// Told are devices of these subsystems: usb (devices, not their interfaces), pci, block (disks and
// media, not partitions; with something in them), net (but the loopback), tty (with hardware behind
// them), input, sound, video4linux, bluetooth, mmc, virtio, thunderbolt.
// docs/reference/agent-extra-details.md lists the ExtraDetails.
class Reader {
 public:
  // `root`: prefix of /sys, /run and /usr/share, for tests.
  explicit Reader(std::string root = "") : root_(std::move(root)) {}

  // Whether devices of that subsystem are told at all.
  static bool tells(std::string_view subsystem);
  // nullopt: not there (any more), or nothing to tell: an empty card reader, a partition.
  std::optional<Device> read(const std::string& devpath) const;
  // All, by path; at most 4,096. Errors: NotFound (no sysfs).
  base::Result<std::vector<Device>> all() const;

 private:
  std::string root_;
};

}  // namespace agent::hardware
