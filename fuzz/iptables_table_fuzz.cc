// A table of iptables-legacy: a byte for the family, then what the kernel gives.
#include "agent/snapshot/firewall/legacy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agent::snapshot::firewall;
  if (size < 1 + legacy::kInfoBytes) return 0;
  const base::ByteView bytes(data + 1, size - 1);
  const auto info = legacy::read_info(bytes.first(legacy::kInfoBytes));
  if (!info) return 0;
  (void)legacy::read_entries(data[0] == '6' ? legacy::Family::V6 : legacy::Family::V4, *info,
                             bytes.subspan(legacy::kInfoBytes));
  return 0;
}
