// The address of a cloud-to-device message: what is read is written and read again as the same.
#include "base/bytes.h"
#include "base/result.h"
#include "hub/commands/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto address = hub::commands::parse_address(base::as_text({data, size}));
  if (!address) return 0;
  const auto again =
      hub::commands::parse_address(hub::commands::address_of(address->to, address->input));
  ASSERT(again && again->to == address->to && again->input == address->input);
  return 0;
}
