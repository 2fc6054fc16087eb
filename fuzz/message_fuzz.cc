// The decoder of security messages: no input may break it, the verdict is one and the same, and
// what it accepts is written and read again unchanged.
#include "base/bytes.h"
#include "base/result.h"
#include "schema/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static schema::Decoder decoder;
  const std::string_view text = base::as_text({data, size});
  decoder.decode(text, schema::Mode::Lenient);
  schema::Decoded decoded = decoder.decode(text, schema::Mode::Strict);
  ASSERT(decoder.validate(text, schema::Mode::Strict).valid() == decoded.valid());
  schema::Message message{decoded.agent_version, decoded.agent_id, {}};
  for (schema::DecodedEvent& event : decoded.events)
    message.events.push_back(std::move(event.event));
  if (message.events.empty()) return 0;
  const schema::Decoded again =
      decoder.decode(schema::encode_message(message), schema::Mode::Strict);
  ASSERT(again.valid() && again.events.size() == message.events.size());
  for (std::size_t i = 0; i < again.events.size(); ++i) {
    ASSERT(again.events[i].event.id == message.events[i].id);
    ASSERT(again.events[i].event.payload == message.events[i].payload);
  }
  return 0;
}
