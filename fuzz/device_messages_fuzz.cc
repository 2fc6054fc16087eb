// What devices send over HTTPS: batches of messages; and the requests of storage clients. No input
// may break a parser; names that one accepts lead out of no folder.
#include "base/bytes.h"
#include "base/result.h"
#include "hub/api/device_messages.h"
#include "hub/uploads/blob.h"
#include "wire/property_bag.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text({data, size});
  if (const auto batch = hub::api::read_batch(text)) {
    ASSERT(batch->size() <= hub::api::kMaxBatch);
    for (const auto& message : *batch)
      ASSERT(message.bag.empty() || wire::PropertyBag::parse(message.bag).has_value());
  }
  if (const auto blocks = hub::uploads::read_block_list(text)) {
    ASSERT(blocks->size() <= hub::uploads::kMaxBlocks);
    for (const std::string& block : *blocks)
      ASSERT(!block.empty() && block.size() <= hub::uploads::kMaxBlockId);
  }
  if (const auto request = hub::uploads::read_blob_request(text)) {
    ASSERT(hub::uploads::check_blob_name(request->blob).has_value());
    ASSERT(("/" + request->blob + "/").find("/../") == std::string::npos);
  }
  return 0;
}
