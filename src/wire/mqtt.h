#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// MQTT 3.1.1, both ends, without sockets: bytes to packets and packets to bytes.
// Source: OASIS MQTT Version 3.1.1. Threads: pure.
namespace wire::mqtt {

enum class PacketType : std::uint8_t {
  Connect = 1,
  Connack,
  Publish,
  Puback,
  Pubrec,
  Pubrel,
  Pubcomp,
  Subscribe,
  Suback,
  Unsubscribe,
  Unsuback,
  Pingreq,
  Pingresp,
  Disconnect,
};
std::string_view to_string(PacketType type);

// Return codes of CONNACK (section 3.2.2.3).
enum class ConnectCode : std::uint8_t {
  Accepted = 0,
  UnacceptableProtocol = 1,
  IdentifierRejected = 2,
  ServerUnavailable = 3,
  BadCredentials = 4,
  NotAuthorized = 5,
};

// A return code of SUBACK that is no granted QoS.
inline constexpr std::uint8_t kSubscribeFailure = 0x80;

// Largest packet that the protocol can express, and limits of ours.
inline constexpr std::size_t kLargestPacket = 5 + 268'435'455;
inline constexpr std::size_t kMaxFilters = 64;  // in one SUBSCRIBE or UNSUBSCRIBE

// Text and bytes in packets are views: of the decoded input, or of what the encoder's caller owns.

struct Will {
  std::string_view topic{};
  base::ByteView payload{};
  std::uint8_t qos = 0;
  bool retain = false;
};

struct Connect {
  std::string_view client_id{};
  bool clean_session = true;
  std::uint16_t keep_alive_seconds = 0;
  std::optional<Will> will{};
  std::optional<std::string_view> username{};
  std::optional<base::ByteView> password{};  // only with a user name
};

struct Connack {
  bool session_present = false;
  ConnectCode code = ConnectCode::Accepted;
};

struct Publish {
  std::string_view topic{};
  base::ByteView payload{};
  std::uint16_t packet_id = 0;  // 0 exactly when qos is 0
  std::uint8_t qos = 0;
  bool dup = false;
  bool retain = false;
};

struct Puback {
  std::uint16_t packet_id = 0;
};
struct Pubrec {
  std::uint16_t packet_id = 0;
};
struct Pubrel {
  std::uint16_t packet_id = 0;
};
struct Pubcomp {
  std::uint16_t packet_id = 0;
};

struct Subscription {
  std::string_view filter;
  std::uint8_t qos = 0;
};
struct Subscribe {
  std::uint16_t packet_id = 0;
  std::vector<Subscription> subscriptions;
};
struct Suback {
  std::uint16_t packet_id = 0;
  std::vector<std::uint8_t> codes;  // granted QoS or kSubscribeFailure, in the order of the request
};
struct Unsubscribe {
  std::uint16_t packet_id = 0;
  std::vector<std::string_view> filters;
};
struct Unsuback {
  std::uint16_t packet_id = 0;
};
struct Pingreq {};
struct Pingresp {};
struct Disconnect {};

using Packet = std::variant<Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe,
                            Suback, Unsubscribe, Unsuback, Pingreq, Pingresp, Disconnect>;
PacketType type_of(const Packet& packet);

// The first 2 to 5 bytes of a packet.
struct FixedHeader {
  PacketType type;
  std::uint8_t flags;        // lower half of the first byte
  std::size_t header_bytes;  // 2 to 5
  std::size_t packet_bytes;  // the whole packet, header included
};

// Reads the fixed header at the start of `bytes`.
// Errors: Truncated (fewer bytes than the header has), Malformed (type, flags or length field),
// TooLarge (the whole packet would exceed `max_packet_bytes`; known before its body arrives).
base::Result<FixedHeader> read_fixed_header(base::ByteView bytes, std::size_t max_packet_bytes);

struct Decoded {
  Packet packet;
  std::size_t bytes;  // what the packet took of the input
};

// Decodes the packet at the start of `bytes`; what follows it is left alone.
// Errors: as read_fixed_header; Truncated also when the body is not there yet; Unsupported (CONNECT
// of another protocol level: answer CONNACK 1); Malformed for anything the standard calls a
// violation: reserved bits, text that is not UTF-8 or holds U+0000, wildcards in a topic name,
// packet id 0, bytes left over. `at` is the offset into `bytes`.
base::Result<Decoded> decode(base::ByteView bytes, std::size_t max_packet_bytes = kLargestPacket);

// Appends the packet's bytes to `out`.
// Errors: TooLarge (text above 65,535 bytes, or the packet above the protocol's limit); Invalid (a
// packet that decode() would refuse). `out` is unchanged after an error.
base::Result<void> encode(const Packet& packet, base::ByteVec& out);
// The same for one kind without making a variant of it.
base::Result<void> encode_publish(const Publish& packet, base::ByteVec& out);
void encode_puback(std::uint16_t packet_id, base::ByteVec& out);  // packet_id is not 0

// Cuts a stream of bytes into packets. Holds at most one packet of the permitted size and
// kReadBytes; grows for a large packet, release() gives the memory back.
//
//   auto room = stream.room();  n = read(room);  stream.filled(n);
//   while (auto packet = TRY(stream.next())) ...
class Stream {
 public:
  explicit Stream(std::size_t max_packet_bytes);

  // Where to read to: at least 1 byte, usually kReadBytes or what the current packet still lacks.
  // Invalidates the views in packets that next() returned.
  std::span<std::uint8_t> room();
  // `count` bytes of the last room() now hold input.
  void filled(std::size_t count);
  // The same by copy.
  void feed(base::ByteView bytes);

  // The next whole packet, nullopt when it has not arrived. Its views hold until room() or feed().
  // Errors: as decode(), never Truncated; the stream is of no use after one.
  base::Result<std::optional<Packet>> next();
  // Puts the packet that next() just returned back: next() will return it again. Not after room(),
  // feed() or an earlier unread().
  void unread();

  // For packets whose length has not been read yet.
  void set_max_packet_bytes(std::size_t max_packet_bytes) { max_packet_bytes_ = max_packet_bytes; }

  // Frees the buffer while nothing is pending: an idle connection then costs none.
  void release();

  // Bytes held that next() has not handed out.
  std::size_t pending_bytes() const { return end_ - begin_; }
  std::size_t capacity_bytes() const { return buffer_.size(); }

  static constexpr std::size_t kReadBytes = 4096;

 private:
  base::ByteVec buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t max_packet_bytes_;
  std::size_t wanted_bytes_ = 0;  // size of the packet at begin_, 0 when not known yet
  std::size_t last_bytes_ = 0;    // of the packet that next() returned, while it can be put back
};

}  // namespace wire::mqtt
