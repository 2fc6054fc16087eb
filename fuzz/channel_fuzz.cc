// What either process of the agent may be sent by the other, should that one be taken over.
#include "uplink/channel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace channel = uplink::channel;
  channel::Framer framer;
  framer.feed({data, size});
  for (;;) {
    const auto frame = framer.next();
    if (!frame || !*frame) return 0;
    // What is read writes back to the same bytes, reasons cut short apart.
    if (const auto read = channel::decode_to_network(**frame)) {
      base::ByteVec again;
      channel::encode(*read, again);
      ASSERT(again.size() == (*frame)->size() + 4);
    }
    [[maybe_unused]] const auto answer = channel::decode_to_collector(**frame);
  }
}
