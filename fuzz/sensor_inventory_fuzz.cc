// What a sensor's state folder may hold instead of its inventory. The last four bytes are taken for
// a checksum, which is made right, so that what is behind it is reached.
#include "base/hash.h"
#include "sensor/inventory/saved.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace inventory = sensor::inventory;
  base::ByteWriter sealed;
  const base::ByteView all(data, size);
  const std::size_t body = size < 24 ? 0 : size - 24;
  if (size >= 24) {
    sealed.bytes(all.first(12));
    sealed.u64le(body);
    sealed.bytes(all.subspan(20, body));
    sealed.u32le(base::crc32c(sealed.view()));
  }
  for (const base::ByteView content : {all, sealed.view()}) {
    auto saved = inventory::decode(content);
    if (!saved) continue;
    // What is accepted can be worked with, and is read again as what it is.
    const auto devices = saved->inventory.devices({});
    ASSERT(devices.size() <= inventory::Inventory::kMaxNodes);
    const base::ByteVec once = inventory::encode(saved->inventory, saved->told);
    const auto again = inventory::decode(once);
    ASSERT(again);
    ASSERT(inventory::encode(again->inventory, again->told) == once);
  }
  return 0;
}
