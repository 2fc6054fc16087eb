// Sections of AMQP messages: no bytes may break the reader, and what was read is read again as the
// same once it is written.
#include "hub/amqp/address.h"
#include "hub/amqp/properties.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  static_cast<void>(hub::amqp::parse_address(base::as_text(bytes)));
  static_cast<void>(hub::amqp::parse_audience(base::as_text(bytes)));
  static_cast<void>(hub::amqp::parse_plain_user(base::as_text(bytes)));
  const auto messages = hub::amqp::decode_events(bytes);
  if (!messages) return 0;
  for (const hub::amqp::Message& message : *messages) {
    const std::string bag = hub::amqp::property_bag(message);
    base::ByteVec written;
    hub::amqp::encode(message, written);
    const auto again = hub::amqp::decode(written);
    ASSERT(again.has_value());
    ASSERT(again->data == message.data);
    ASSERT(hub::amqp::property_bag(*again) == bag);
  }
  return 0;
}
