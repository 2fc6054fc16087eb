#include "wire/mqtt.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "wire/mqtt_text.h"

namespace wire::mqtt {

using base::ByteView;
using base::Code;
using base::fail;
using base::Result;

namespace {

// The bytes after the fixed header. The packet is all there, so what the cursor calls truncated is
// a length inside the packet that lies.
class Body {
 public:
  Body(ByteView bytes, std::size_t offset) : cursor_(bytes), offset_(offset) {}

  Result<std::uint8_t> u8(const char* what) { return whole(cursor_.u8(), what); }
  Result<std::uint16_t> u16(const char* what) { return whole(cursor_.u16be(), what); }
  Result<ByteView> field(const char* what) {
    const std::uint16_t size = TRY(u16(what));
    return whole(cursor_.bytes(size), what);
  }
  Result<std::string_view> text(const char* what) {
    const std::string_view value = base::as_text(TRY(field(what)));
    if (!is_mqtt_text(value)) return malformed(what, "not UTF-8, or with U+0000");
    return value;
  }
  Result<std::string_view> topic_name(const char* what) {
    const std::string_view value = base::as_text(TRY(field(what)));
    if (!is_topic_name(value)) return malformed(what, "empty, with a wildcard, or not UTF-8");
    return value;
  }
  Result<std::uint16_t> packet_id() {
    const std::uint16_t value = TRY(u16("packet id"));
    if (value == 0) return malformed("packet id", "0");
    return value;
  }
  ByteView rest() {
    const ByteView value = cursor_.rest();
    cursor_ = base::Cursor(value.subspan(value.size()));
    return value;
  }
  bool done() const { return cursor_.done(); }
  Result<void> end() const {
    if (!cursor_.done()) return malformed("packet", "bytes after its end");
    return {};
  }
  std::unexpected<base::Error> malformed(const char* what, const char* found) const {
    return std::unexpected(base::Error{
        Code::Malformed, what, static_cast<std::int64_t>(offset_ + cursor_.offset()), found});
  }

 private:
  template <class T>
  Result<T> whole(Result<T> result, const char* what) const {
    if (!result) return malformed(what, "longer than the packet");
    return result;
  }

  base::Cursor cursor_;
  std::size_t offset_;
};

struct ConnectFlags {
  bool clean_session;
  bool has_will;
  std::uint8_t will_qos;
  bool will_retain;
  bool has_password;
  bool has_username;
};

// Section 3.1.2.3 to 3.1.2.9.
Result<ConnectFlags> decode_connect_flags(Body& body) {
  const std::uint8_t bits = TRY(body.u8("connect flags"));
  const auto bit = [bits](unsigned number) { return ((bits >> number) & 1U) != 0; };
  const ConnectFlags flags{bit(1), bit(2), static_cast<std::uint8_t>((bits >> 3U) & 3U),
                           bit(5), bit(6), bit(7)};
  if (bit(0)) return body.malformed("connect flags", "the reserved bit");
  if (flags.will_qos == 3) return body.malformed("connect flags", "will QoS 3");
  if (!flags.has_will && (flags.will_qos != 0 || flags.will_retain)) {
    return body.malformed("connect flags", "will QoS or retain without a will");
  }
  if (flags.has_password && !flags.has_username) {
    return body.malformed("connect flags", "a password without a user name");
  }
  return flags;
}

Result<void> check_protocol(Body& body) {
  const std::string_view name = TRY(body.text("protocol name"));
  const std::uint8_t level = TRY(body.u8("protocol level"));
  if (name != "MQTT" && name != "MQIsdp") return body.malformed("protocol name", "not MQTT");
  if (name != "MQTT" || level != 4) return fail(Code::Unsupported, "protocol level", level);
  return {};
}

Result<Packet> decode_connect(Body& body) {
  TRY(check_protocol(body));
  const ConnectFlags flags = TRY(decode_connect_flags(body));
  Connect packet;
  packet.clean_session = flags.clean_session;
  packet.keep_alive_seconds = TRY(body.u16("keep-alive"));
  packet.client_id = TRY(body.text("client id"));
  if (flags.has_will) {
    Will will;
    will.topic = TRY(body.topic_name("will topic"));
    will.payload = TRY(body.field("will message"));
    will.qos = flags.will_qos;
    will.retain = flags.will_retain;
    packet.will = will;
  }
  if (flags.has_username) packet.username = TRY(body.text("user name"));
  if (flags.has_password) packet.password = TRY(body.field("password"));
  return packet;
}

Result<Packet> decode_connack(Body& body) {
  const std::uint8_t flags = TRY(body.u8("connack flags"));
  const std::uint8_t code = TRY(body.u8("return code"));
  if ((flags & 0xFEU) != 0) return body.malformed("connack flags", "reserved bits");
  if (code > 5) return body.malformed("return code", "above 5");
  if (flags != 0 && code != 0) return body.malformed("connack flags", "a session, and refused");
  return Connack{flags != 0, static_cast<ConnectCode>(code)};
}

Result<Packet> decode_publish(Body& body, std::uint8_t flags) {
  Publish packet;
  packet.dup = (flags & 8U) != 0;
  packet.qos = static_cast<std::uint8_t>((flags >> 1U) & 3U);
  packet.retain = (flags & 1U) != 0;
  if (packet.qos == 3) return body.malformed("publish flags", "QoS 3");
  if (packet.dup && packet.qos == 0) return body.malformed("publish flags", "DUP with QoS 0");
  packet.topic = TRY(body.topic_name("topic"));
  if (packet.qos > 0) packet.packet_id = TRY(body.packet_id());
  packet.payload = body.rest();
  return packet;
}

Result<Packet> decode_subscribe(Body& body) {
  Subscribe packet;
  packet.packet_id = TRY(body.packet_id());
  if (body.done()) return body.malformed("subscribe", "no topic filter");
  while (!body.done()) {
    if (packet.subscriptions.size() == kMaxFilters)
      return body.malformed("subscribe", "too many filters");
    const std::string_view filter = TRY(body.text("topic filter"));
    const std::uint8_t qos = TRY(body.u8("requested QoS"));
    if (!is_topic_filter(filter))
      return body.malformed("topic filter", "empty, or a misplaced wildcard");
    if (qos > 2) return body.malformed("requested QoS", "above 2");
    packet.subscriptions.push_back({filter, qos});
  }
  return packet;
}

Result<Packet> decode_suback(Body& body) {
  Suback packet;
  packet.packet_id = TRY(body.packet_id());
  const ByteView codes = body.rest();
  if (codes.empty()) return body.malformed("suback", "no return code");
  if (codes.size() > kMaxFilters) return body.malformed("suback", "too many return codes");
  for (const std::uint8_t code : codes) {
    if (code > 2 && code != kSubscribeFailure)
      return body.malformed("suback", "unknown return code");
  }
  packet.codes.assign(codes.begin(), codes.end());
  return packet;
}

Result<Packet> decode_unsubscribe(Body& body) {
  Unsubscribe packet;
  packet.packet_id = TRY(body.packet_id());
  if (body.done()) return body.malformed("unsubscribe", "no topic filter");
  while (!body.done()) {
    if (packet.filters.size() == kMaxFilters)
      return body.malformed("unsubscribe", "too many filters");
    const std::string_view filter = TRY(body.text("topic filter"));
    if (!is_topic_filter(filter))
      return body.malformed("topic filter", "empty, or a misplaced wildcard");
    packet.filters.push_back(filter);
  }
  return packet;
}

Result<Packet> decode_body(const FixedHeader& header, Body& body) {
  switch (header.type) {
    case PacketType::Connect:
      return decode_connect(body);
    case PacketType::Connack:
      return decode_connack(body);
    case PacketType::Publish:
      return decode_publish(body, header.flags);
    case PacketType::Puback:
      return Puback{TRY(body.packet_id())};
    case PacketType::Pubrec:
      return Pubrec{TRY(body.packet_id())};
    case PacketType::Pubrel:
      return Pubrel{TRY(body.packet_id())};
    case PacketType::Pubcomp:
      return Pubcomp{TRY(body.packet_id())};
    case PacketType::Subscribe:
      return decode_subscribe(body);
    case PacketType::Suback:
      return decode_suback(body);
    case PacketType::Unsubscribe:
      return decode_unsubscribe(body);
    case PacketType::Unsuback:
      return Unsuback{TRY(body.packet_id())};
    case PacketType::Pingreq:
      return Pingreq{};
    case PacketType::Pingresp:
      return Pingresp{};
    case PacketType::Disconnect:
      return Disconnect{};
  }
  return body.malformed("packet type", "reserved");
}

}  // namespace

std::string_view to_string(PacketType type) {
  static constexpr std::array<std::string_view, 15> kNames = {
      "reserved",    "CONNECT",  "CONNACK", "PUBLISH",   "PUBACK",
      "PUBREC",      "PUBREL",   "PUBCOMP", "SUBSCRIBE", "SUBACK",
      "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP",  "DISCONNECT"};
  return kNames[static_cast<std::size_t>(type)];
}

PacketType type_of(const Packet& packet) {
  // The variant lists the types in the order of their numbers, from 1.
  return static_cast<PacketType>(packet.index() + 1);
}

Result<FixedHeader> read_fixed_header(ByteView bytes, std::size_t max_packet_bytes) {
  if (bytes.empty()) return fail(Code::Truncated, "fixed header", 0);
  const unsigned type = bytes[0] >> 4U;
  const auto flags = static_cast<std::uint8_t>(bytes[0] & 0x0FU);
  if (type == 0 || type == 15) return fail(Code::Malformed, "packet type", 0, "reserved");
  FixedHeader header{static_cast<PacketType>(type), flags, 1, 0};
  const bool fixed_two = header.type == PacketType::Pubrel ||
                         header.type == PacketType::Subscribe ||
                         header.type == PacketType::Unsubscribe;
  if (header.type != PacketType::Publish && flags != (fixed_two ? 2 : 0)) {
    return fail(Code::Malformed, "fixed header flags", 0, std::string(to_string(header.type)));
  }
  std::size_t remaining = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (shift > 21) return fail(Code::Malformed, "remaining length", 1, "longer than four bytes");
    if (header.header_bytes == bytes.size()) {
      return fail(Code::Truncated, "fixed header", static_cast<std::int64_t>(bytes.size()));
    }
    const std::uint8_t digit = bytes[header.header_bytes++];
    remaining |= static_cast<std::size_t>(digit & 0x7FU) << shift;
    if ((digit & 0x80U) == 0) break;
  }
  header.packet_bytes = header.header_bytes + remaining;
  if (header.packet_bytes > max_packet_bytes) return fail(Code::TooLarge, "packet", 1);
  return header;
}

Result<Decoded> decode(ByteView bytes, std::size_t max_packet_bytes) {
  const FixedHeader header = TRY(read_fixed_header(bytes, max_packet_bytes));
  if (bytes.size() < header.packet_bytes) {
    return fail(Code::Truncated, "packet", static_cast<std::int64_t>(bytes.size()));
  }
  Body body(bytes.subspan(header.header_bytes, header.packet_bytes - header.header_bytes),
            header.header_bytes);
  Decoded decoded{TRY(decode_body(header, body)), header.packet_bytes};
  TRY(body.end());
  return decoded;
}

Stream::Stream(std::size_t max_packet_bytes) : max_packet_bytes_(max_packet_bytes) {}

std::span<std::uint8_t> Stream::room() {
  last_bytes_ = 0;
  const std::size_t pending = end_ - begin_;
  const std::size_t missing = wanted_bytes_ > pending ? wanted_bytes_ - pending : 0;
  const std::size_t least = std::max(missing, kReadBytes);
  if (buffer_.size() - end_ < least) {
    if (begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, pending);
    begin_ = 0;
    end_ = pending;
    const std::size_t size = pending + least;
    if (buffer_.size() < size) buffer_.resize(size);
  }
  return std::span(buffer_).subspan(end_);
}

void Stream::filled(std::size_t count) {
  ASSERT(count <= buffer_.size() - end_);
  end_ += count;
}

void Stream::feed(ByteView bytes) {
  while (!bytes.empty()) {
    const std::span<std::uint8_t> space = room();
    const std::size_t count = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), count);
    filled(count);
    bytes = bytes.subspan(count);
  }
}

Result<std::optional<Packet>> Stream::next() {
  const ByteView pending = ByteView(buffer_).subspan(begin_, end_ - begin_);
  if (pending.empty() || pending.size() < wanted_bytes_) return std::nullopt;
  auto decoded = decode(pending, max_packet_bytes_);
  if (decoded) {
    begin_ += decoded->bytes;
    last_bytes_ = decoded->bytes;
    wanted_bytes_ = 0;
    return std::move(decoded->packet);
  }
  if (decoded.error().code != Code::Truncated) return std::unexpected(std::move(decoded).error());
  if (wanted_bytes_ == 0) {
    const auto header = read_fixed_header(pending, max_packet_bytes_);
    if (header) wanted_bytes_ = header->packet_bytes;
  }
  return std::nullopt;
}

void Stream::unread() {
  ASSERT(last_bytes_ > 0);
  begin_ -= last_bytes_;
  last_bytes_ = 0;
}

void Stream::release() {
  if (begin_ != end_) return;
  begin_ = 0;
  end_ = 0;
  last_bytes_ = 0;
  buffer_ = base::ByteVec();  // an empty list would keep the memory
}

}  // namespace wire::mqtt
