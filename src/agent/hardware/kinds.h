#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/hardware/sysfs.h"
#include "schema/events.h"

namespace agent::hardware {

// What a device of that subsystem is; nullopt: nothing to tell. Threads: any.
std::optional<schema::ConnectedHardware> describe(const Sysfs& sysfs, std::string_view subsystem);

// "Keyboard", "Mouse", "Touch", "Joystick", "Switch" or "Other", of an input device's capabilities
// as sysfs writes them (words of `word_bits`, the highest first). Threads: pure.
struct InputCapabilities {
  std::string_view events;  // ev
  std::string_view keys;
  std::string_view relative;
  std::string_view absolute;
};
std::string_view input_kind(const InputCapabilities& capabilities, unsigned word_bits);

}  // namespace agent::hardware
