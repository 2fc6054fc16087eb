#pragma once

#include <string>

namespace agent::system {

// The device that this system was started from, as well as it can be told from below `root`: where
// /boot lies, else where / lies, else what the kernel's command line names. "/dev/mmcblk0p1",
// "UUID=..." when that leads nowhere; empty when nothing says (started from memory or network).
std::string boot_device(const std::string& root);

}  // namespace agent::system
