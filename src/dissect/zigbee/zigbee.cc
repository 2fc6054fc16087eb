#include "dissect/zigbee/zigbee.h"

#include <array>

#include "dissect/objects.h"
#include "dissect/zigbee/frame.h"
#include "dissect/zigbee/network.h"

namespace dissect::zigbee {

namespace {

constexpr std::uint32_t kCommandCode = 0x10;

class ZigbeeSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    const Frame154 frame = read_frame(reader, sink);
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    if (frame_name(frame.type()).empty()) {
      sink.issue({Issue::Kind::Unsupported, "frame of a kind that is not read", frame.type(), 0});
      return;
    }
    objects_.begin();
    Message message;
    message.operation = {frame.type(), frame_name(frame.type())};
    message.bytes = static_cast<std::uint32_t>(pdu.size);
    if (frame.to.has_pan || frame.from.has_pan)
      message.unit = frame.to.has_pan ? frame.to.pan : frame.from.pan;
    add_address("source", frame.from, message, sink);
    add_address("destination", frame.to, message, sink);
    if (!frame.encrypted) read_payload(frame, reader, message, sink);
    // Acknowledgements name nobody.
    if (frame.type() != kAck) sink.message(message);
  }

 private:
  void add_address(std::string_view space, const Address& address, Message& message, Sink& sink) {
    if (address.mode == 0) return;
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::size_t digits = address.mode == 3 ? 16 : 4;
    std::array<char, 16> text{};
    for (std::size_t i = 0; i < digits; ++i)
      text[i] = kDigits[address.value >> (4 * (digits - 1 - i)) & 15U];
    objects_.add(message, sink,
                 {space, objects_.compose({std::string_view(text.data(), digits)}), 0, 0});
  }

  void read_payload(const Frame154& frame, Reader& reader, Message& message, Sink& sink) {
    switch (frame.type()) {
      case kBeacon:
        // Those of 2015 say in elements what they have.
        if (frame.version() < 2) beacon(reader, message, sink);
        return;
      case kCommand: {
        const std::uint8_t command = reader.u8();
        if (!reader.ok()) {
          sink.issue({Issue::Kind::Truncated, "command without a number", 0, 0});
          return;
        }
        sink.number("command", command);
        message.operation = {kCommandCode + command, command_name(command)};
        // Requests of beacons and of waiting data ask for no change.
        message.access = command == 7   ? Access::Discovery
                         : command == 4 ? Access::None
                                        : Access::Session;
        return;
      }
      case kData:
        if (is_network(reader.rest()))
          read_network(reader, message, objects_, sink);
        else if (!reader.done())
          sink.bytes("payload", reader.rest());
        return;
      default:
        return;
    }
  }

  // 802.15.4-2006 section 7.2.2.1, and ZigBee's part (3.6.7).
  void beacon(Reader& reader, Message& message, Sink& sink) {
    const std::uint16_t superframe = reader.u16le();
    const std::uint8_t slots = reader.u8() & 7U;
    if (slots > 0) reader.skip(1 + std::size_t{slots} * 3);
    const std::uint8_t pending = reader.u8();
    reader.skip((pending & 7U) * std::size_t{2} + (pending >> 4U & 7U) * std::size_t{8});
    message.access = Access::Discovery;
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "beacon ends within its header", 0, 0});
      return;
    }
    sink.number("beacon_order", superframe & 15U);
    sink.number("superframe_order", superframe >> 4U & 15U);
    sink.number("coordinator", superframe >> 14U & 1U);
    sink.number("association_permitted", superframe >> 15U);
    if (reader.remaining() < 15 || reader.peek() != 0) return;
    reader.skip(1);
    const std::uint16_t flags = reader.u16le();
    const std::uint64_t network = reader.u64le();
    reader.skip(3);
    sink.number("stack_profile", flags & 15U);
    sink.number("beacon_version", flags >> 4U & 15U);
    sink.number("router_capacity", flags >> 10U & 1U);
    sink.number("beacon_depth", flags >> 11U & 15U);
    sink.number("extended_pan", network);
    sink.number("update_id", reader.u8());
    Address address;
    address.mode = 3;
    address.value = network;
    add_address("network", address, message, sink);
  }

  Objects objects_;
};

Match probe(const Sample& sample) {
  return frame_fits(sample.bytes) ? Match::Likely : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<ZigbeeSession>();
}

constexpr Transport kTransports[] = {Transport::Link};
constexpr std::uint16_t kSelectors[] = {0x809a};

}  // namespace

constinit const Protocol kProtocol{
    "zigbee", "IEEE 802.15.4 and ZigBee", false, kTransports, {}, kSelectors, probe, open};

}  // namespace dissect::zigbee
