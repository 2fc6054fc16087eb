// Datagrams of the kernel's and of udev's device events.
#include "agent/hardware/uevent.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  [[maybe_unused]] const auto event = agent::hardware::read_uevent({data, size});
  return 0;
}
