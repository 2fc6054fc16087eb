// What the sensor and its privileged helper may be sent by the other, should that one be taken
// over.
#include "sensor/opener/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace opener = sensor::opener;
  constexpr std::uint64_t kMemory = std::uint64_t{8} << 30U;
  if (const auto wanted = opener::decode_request({data, size})) {
    // What is accepted is within bounds, and writes back to the same bytes.
    if (opener::check(*wanted, kMemory)) {
      ASSERT(!wanted->interface.empty() && wanted->interface.find('/') == std::string::npos);
      ASSERT(wanted->count * wanted->bytes <= kMemory / 2);
      const base::ByteVec again = opener::encode_request(*wanted);
      ASSERT(base::as_text(again) == base::as_text({data, size}));
      ASSERT(again.size() <= opener::kMostRequest);
    }
  }
  const auto answer = opener::decode_answer({data, size});
  if (answer) ASSERT(size == 5);
  return 0;
}
