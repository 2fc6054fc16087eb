// DNS messages, and the packets they come in.
#include "agent/dns/answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  const auto answer = agent::dns::read_answer(bytes);
  if (answer && *answer) {
    ASSERT(!(*answer)->name.empty() && (*answer)->name.size() <= 253);
    ASSERT(!(*answer)->addresses.empty());
    ASSERT((*answer)->addresses.size() <= agent::dns::kMaxRecords);
  }
  const auto payload = agent::dns::udp_payload(bytes);
  if (payload) ASSERT(payload->size() + 28 <= size);
  return 0;
}
