// The MQTT codec: no input may break it; a stream gives the same packets however it is cut; what is
// decoded can be encoded, and decodes to the same bytes again.
#include <algorithm>

#include "base/bytes.h"
#include "base/result.h"
#include "wire/mqtt.h"

namespace {

constexpr std::size_t kMaxPacket = 4096;

struct Outcome {
  base::ByteVec packets;  // encoded again
  std::size_t count = 0;
  bool failed = false;
  base::Code code = base::Code::Truncated;
  bool operator==(const Outcome&) const = default;
};

Outcome decode_in_steps(base::ByteView bytes, std::size_t step) {
  Outcome outcome;
  wire::mqtt::Stream stream(kMaxPacket);
  while (!bytes.empty() && !outcome.failed) {
    const std::size_t count = std::min(step, bytes.size());
    stream.feed(bytes.first(count));
    bytes = bytes.subspan(count);
    for (;;) {
      auto packet = stream.next();
      if (!packet) {
        outcome.failed = true;
        outcome.code = packet.error().code;
        break;
      }
      if (!packet->has_value()) break;
      // Putting it back and taking it again changes nothing.
      stream.unread();
      packet = stream.next();
      ASSERT(packet.has_value() && packet->has_value());
      const std::size_t before = outcome.packets.size();
      ASSERT(wire::mqtt::encode(**packet, outcome.packets).has_value());
      const auto written = base::ByteView(outcome.packets).subspan(before);
      const auto again = wire::mqtt::decode(written);
      ASSERT(again.has_value() && again->bytes == written.size());
      base::ByteVec twice;
      ASSERT(wire::mqtt::encode(again->packet, twice).has_value());
      ASSERT(std::ranges::equal(twice, written));
      ++outcome.count;
    }
    ASSERT(stream.capacity_bytes() <= kMaxPacket + 2 * wire::mqtt::Stream::kReadBytes);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  const Outcome whole = decode_in_steps(bytes, std::max<std::size_t>(size, 1));
  const std::size_t step = size == 0 ? 1 : 1 + data[0] % 7;
  ASSERT(decode_in_steps(bytes, step) == whole);
  return 0;
}
