#include <algorithm>

#include "wire/mqtt.h"
#include "wire/mqtt_text.h"

namespace wire::mqtt {

using base::ByteVec;
using base::ByteView;
using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxText = 65'535;
constexpr std::size_t kMaxRemaining = kLargestPacket - 5;

// Writes the fixed header at once: the size of the body is always known before.
Result<void> put_header(PacketType type, unsigned flags, std::size_t remaining, ByteVec& out) {
  if (remaining > kMaxRemaining) return fail(Code::TooLarge, "packet");
  out.push_back(static_cast<std::uint8_t>((static_cast<unsigned>(type) << 4U) | flags));
  do {
    const auto digit = static_cast<std::uint8_t>(remaining & 0x7FU);
    remaining >>= 7U;
    out.push_back(remaining > 0 ? static_cast<std::uint8_t>(digit | 0x80U) : digit);
  } while (remaining > 0);
  return {};
}

void put_u16(std::uint16_t value, ByteVec& out) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
  out.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}

void put_field(ByteView value, ByteVec& out) {
  put_u16(static_cast<std::uint16_t>(value.size()), out);
  out.insert(out.end(), value.begin(), value.end());
}

void put_text(std::string_view value, ByteVec& out) {
  put_field(base::as_bytes(value), out);
}

template <std::size_t N>
Result<void> check_text(std::string_view text, bool (*valid)(std::string_view),
                        const char (&what)[N]) {
  if (text.size() > kMaxText) return fail(Code::TooLarge, what);
  if (!valid(text)) return fail(Code::Invalid, what);
  return {};
}

Result<void> check_packet_id(std::uint16_t packet_id) {
  if (packet_id == 0) return fail(Code::Invalid, "packet id");
  return {};
}

Result<void> check_connect(const Connect& packet) {
  TRY(check_text(packet.client_id, is_mqtt_text, "client id"));
  if (packet.will) {
    TRY(check_text(packet.will->topic, is_topic_name, "will topic"));
    if (packet.will->payload.size() > kMaxText) return fail(Code::TooLarge, "will message");
    if (packet.will->qos > 2) return fail(Code::Invalid, "will QoS");
  }
  if (packet.username) TRY(check_text(*packet.username, is_mqtt_text, "user name"));
  if (packet.password && packet.password->size() > kMaxText)
    return fail(Code::TooLarge, "password");
  if (packet.password && !packet.username) return fail(Code::Invalid, "password without user name");
  return {};
}

Result<void> encode_packet(const Connect& packet, ByteVec& out) {
  TRY(check_connect(packet));
  std::size_t size = 10 + 2 + packet.client_id.size();
  unsigned flags = packet.clean_session ? 0x02U : 0U;
  if (packet.will) {
    size += 4 + packet.will->topic.size() + packet.will->payload.size();
    flags |= 0x04U | (static_cast<unsigned>(packet.will->qos) << 3U) |
             (packet.will->retain ? 0x20U : 0U);
  }
  if (packet.username) {
    size += 2 + packet.username->size();
    flags |= 0x80U;
  }
  if (packet.password) {
    size += 2 + packet.password->size();
    flags |= 0x40U;
  }
  TRY(put_header(PacketType::Connect, 0, size, out));
  put_text("MQTT", out);
  out.push_back(4);
  out.push_back(static_cast<std::uint8_t>(flags));
  put_u16(packet.keep_alive_seconds, out);
  put_text(packet.client_id, out);
  if (packet.will) {
    put_text(packet.will->topic, out);
    put_field(packet.will->payload, out);
  }
  if (packet.username) put_text(*packet.username, out);
  if (packet.password) put_field(*packet.password, out);
  return {};
}

Result<void> encode_packet(const Connack& packet, ByteVec& out) {
  if (packet.session_present && packet.code != ConnectCode::Accepted) {
    return fail(Code::Invalid, "a session, and refused");
  }
  TRY(put_header(PacketType::Connack, 0, 2, out));
  out.push_back(packet.session_present ? 1 : 0);
  out.push_back(static_cast<std::uint8_t>(packet.code));
  return {};
}

Result<void> encode_packet(const Publish& packet, ByteVec& out) {
  return encode_publish(packet, out);
}

Result<void> encode_id_only(PacketType type, unsigned flags, std::uint16_t packet_id,
                            ByteVec& out) {
  TRY(check_packet_id(packet_id));
  TRY(put_header(type, flags, 2, out));
  put_u16(packet_id, out);
  return {};
}

Result<void> encode_packet(const Puback& packet, ByteVec& out) {
  return encode_id_only(PacketType::Puback, 0, packet.packet_id, out);
}
Result<void> encode_packet(const Pubrec& packet, ByteVec& out) {
  return encode_id_only(PacketType::Pubrec, 0, packet.packet_id, out);
}
Result<void> encode_packet(const Pubrel& packet, ByteVec& out) {
  return encode_id_only(PacketType::Pubrel, 2, packet.packet_id, out);
}
Result<void> encode_packet(const Pubcomp& packet, ByteVec& out) {
  return encode_id_only(PacketType::Pubcomp, 0, packet.packet_id, out);
}
Result<void> encode_packet(const Unsuback& packet, ByteVec& out) {
  return encode_id_only(PacketType::Unsuback, 0, packet.packet_id, out);
}

Result<void> encode_packet(const Subscribe& packet, ByteVec& out) {
  TRY(check_packet_id(packet.packet_id));
  const std::size_t count = packet.subscriptions.size();
  if (count == 0 || count > kMaxFilters) return fail(Code::Invalid, "number of topic filters");
  std::size_t size = 2;
  for (const Subscription& subscription : packet.subscriptions) {
    TRY(check_text(subscription.filter, is_topic_filter, "topic filter"));
    if (subscription.qos > 2) return fail(Code::Invalid, "requested QoS");
    size += 3 + subscription.filter.size();
  }
  TRY(put_header(PacketType::Subscribe, 2, size, out));
  put_u16(packet.packet_id, out);
  for (const Subscription& subscription : packet.subscriptions) {
    put_text(subscription.filter, out);
    out.push_back(subscription.qos);
  }
  return {};
}

Result<void> encode_packet(const Suback& packet, ByteVec& out) {
  TRY(check_packet_id(packet.packet_id));
  if (packet.codes.empty() || packet.codes.size() > kMaxFilters) {
    return fail(Code::Invalid, "number of return codes");
  }
  const auto known = [](std::uint8_t code) { return code <= 2 || code == kSubscribeFailure; };
  if (!std::ranges::all_of(packet.codes, known)) return fail(Code::Invalid, "return code");
  TRY(put_header(PacketType::Suback, 0, 2 + packet.codes.size(), out));
  put_u16(packet.packet_id, out);
  out.insert(out.end(), packet.codes.begin(), packet.codes.end());
  return {};
}

Result<void> encode_packet(const Unsubscribe& packet, ByteVec& out) {
  TRY(check_packet_id(packet.packet_id));
  const std::size_t count = packet.filters.size();
  if (count == 0 || count > kMaxFilters) return fail(Code::Invalid, "number of topic filters");
  std::size_t size = 2;
  for (const std::string_view filter : packet.filters) {
    TRY(check_text(filter, is_topic_filter, "topic filter"));
    size += 2 + filter.size();
  }
  TRY(put_header(PacketType::Unsubscribe, 2, size, out));
  put_u16(packet.packet_id, out);
  for (const std::string_view filter : packet.filters)
    put_text(filter, out);
  return {};
}

Result<void> encode_packet(const Pingreq& /*packet*/, ByteVec& out) {
  return put_header(PacketType::Pingreq, 0, 0, out);
}
Result<void> encode_packet(const Pingresp& /*packet*/, ByteVec& out) {
  return put_header(PacketType::Pingresp, 0, 0, out);
}
Result<void> encode_packet(const Disconnect& /*packet*/, ByteVec& out) {
  return put_header(PacketType::Disconnect, 0, 0, out);
}

}  // namespace

Result<void> encode_publish(const Publish& packet, ByteVec& out) {
  TRY(check_text(packet.topic, is_topic_name, "topic"));
  if (packet.qos > 2) return fail(Code::Invalid, "QoS");
  if ((packet.qos > 0) != (packet.packet_id != 0)) return fail(Code::Invalid, "packet id");
  if (packet.dup && packet.qos == 0) return fail(Code::Invalid, "DUP with QoS 0");
  const std::size_t fixed = 2 + packet.topic.size() + (packet.qos > 0 ? 2 : 0);
  const unsigned flags = (packet.dup ? 8U : 0U) | (static_cast<unsigned>(packet.qos) << 1U) |
                         (packet.retain ? 1U : 0U);
  TRY(put_header(PacketType::Publish, flags, fixed + packet.payload.size(), out));
  put_text(packet.topic, out);
  if (packet.qos > 0) put_u16(packet.packet_id, out);
  out.insert(out.end(), packet.payload.begin(), packet.payload.end());
  return {};
}

void encode_puback(std::uint16_t packet_id, ByteVec& out) {
  ASSERT(packet_id != 0);
  const std::uint8_t bytes[] = {0x40, 2, static_cast<std::uint8_t>(packet_id >> 8U),
                                static_cast<std::uint8_t>(packet_id & 0xFFU)};
  out.insert(out.end(), std::begin(bytes), std::end(bytes));
}

Result<void> encode(const Packet& packet, ByteVec& out) {
  return std::visit([&out](const auto& kind) { return encode_packet(kind, out); }, packet);
}

}  // namespace wire::mqtt
