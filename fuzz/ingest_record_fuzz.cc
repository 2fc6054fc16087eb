// Records of the ingest journal: no bytes may break the reader, and a message is written again as
// it was read.
#include <algorithm>

#include "hub/ingest/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  static_cast<void>(hub::ingest::decode_operation(bytes));
  const auto message = hub::ingest::decode_message(bytes);
  if (!message) return 0;
  base::ByteVec again;
  hub::ingest::encode(*message, again);
  ASSERT(std::ranges::equal(again, bytes));
  return 0;
}
