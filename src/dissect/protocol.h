#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "dissect/address.h"
#include "dissect/sink.h"

namespace dissect {

enum class Transport : std::uint8_t { Tcp, Udp, Link, Ip };

// The two ends of a flow. A sent the first packet that was seen, which in mid-stream may be
// anybody.
enum class Side : std::uint8_t { A, B };
inline Side other(Side side) {
  return side == Side::A ? Side::B : Side::A;
}

struct FlowInfo {
  Transport transport = Transport::Tcp;
  End a;
  End b;
  // Link: EtherType, or 802.2 LLC's DSAP and SSAP (0x4242: spanning tree). A SNAP header of OUI 0
  // is as good as an EtherType; others are 0xAAAA, and their payload begins with OUI and protocol
  // id (CDP: 00 00 0c 20 00). Else the payload is what follows all headers, without padding where a
  // length says so. 802.15.4 is 0x809A, and its payload the MAC frame without its FCS. Ip: protocol
  // number; the payload is the whole ICMP or other message.
  std::uint16_t selector = 0;
  // Who serves. Known from the handshake; otherwise a guess: by a port of the protocol, then the
  // lower port. A parser whose messages say which they are needs neither.
  Side server = Side::B;
  bool server_known = false;

  const End& end(Side side) const { return side == Side::A ? a : b; }
};

// Whether bytes are of a protocol.
enum class Match : std::uint8_t {
  No,
  Unsure,  // could be; wait for more bytes
  Likely,  // fits, but so could others: believed when a second message fits, or the port does
  Yes,     // nobody else would say that
};

// What was seen of a flow so far: the first bytes in order of each side (TCP, up to some
// kilobytes), or the packet at hand (everything else) under `side` with nothing of the other side.
struct Sample {
  const FlowInfo& flow;
  Side side = Side::A;
  base::ByteView bytes;  // of `side`
  base::ByteView reply;  // of the other side
};

// How bytes in order divide into messages.
struct Frame {
  enum class Kind : std::uint8_t {
    Incomplete,  // `size` bytes are needed before more can be said (0: just more)
    Pdu,         // the first `size` bytes are one message
    Lost,        // no message begins here: resync() decides where the next one does
  };
  Kind kind = Kind::Incomplete;
  std::size_t size = 0;
  // Of a Pdu, how much the parser wants to see: the rest is passed by without being kept. Never
  // more than kMaxPdu is shown.
  std::size_t keep = SIZE_MAX;

  static Frame need(std::size_t size = 0) { return {Kind::Incomplete, size, SIZE_MAX}; }
  static Frame pdu(std::size_t size, std::size_t keep = SIZE_MAX) {
    return {Kind::Pdu, size, keep};
  }
  static Frame lost() { return {Kind::Lost, 0, SIZE_MAX}; }
};
inline constexpr std::size_t kMaxPdu = 64U << 10U;

// One message at hand.
struct Pdu {
  Side side = Side::A;       // who sent it
  base::WallTime time;       // of the packet that completed it
  std::uint64_t packet = 0;  // its number in the capture, from 1; 0: live
  std::size_t size = 0;      // of the whole message; `bytes` may be less (Frame::keep)
  base::ByteView bytes;
  End from;  // of the packet: the hardware address may differ from the flow's
  End to;
  std::uint16_t vlan = 0;  // 0: none
};

// What a parser remembers of one flow: little, and bounded. Threads: one.
class Session {
 public:
  virtual ~Session() = default;

  // Streams only. `bytes` begin where a message should begin, and are all that is there in order.
  // Must say Pdu with a size of at least 1, or ask for more than there is, or be Lost.
  virtual Frame frame(Side side, base::ByteView bytes);

  // A whole message: of a stream as frame() cut it, or a packet's payload.
  virtual void take(const Pdu& pdu, Sink& sink) = 0;

  // Bytes of this side were not seen. What was remembered of half a message is void.
  virtual void gap(Side side);

  // After Lost or a gap: where in `bytes` (from 0) the next message begins, if it does. The default
  // looks for the first place where frame() gives a Pdu and, if there is room, another one after
  // it.
  virtual std::optional<std::size_t> resync(Side side, base::ByteView bytes);
};

// A function that a protocol brings; of a protocol that is described by data rather than written,
// a function with that data, which must outlive it.
template <class Returned, class Argument>
class Offer {
 public:
  using Plain = Returned (*)(const Argument&);
  using Bound = Returned (*)(const void* data, const Argument&);

  constexpr Offer() = default;
  template <std::convertible_to<Plain> Function>
  constexpr explicit(false) Offer(Function plain)  // NOLINT(google-explicit-constructor)
      : plain_(plain) {}
  constexpr Offer(Bound bound, const void* data) : bound_(bound), data_(data) {}

  Returned operator()(const Argument& argument) const {
    return plain_ != nullptr ? plain_(argument) : bound_(data_, argument);
  }
  constexpr bool operator==(std::nullptr_t) const { return plain_ == nullptr && bound_ == nullptr; }

 private:
  Plain plain_ = nullptr;
  Bound bound_ = nullptr;
  const void* data_ = nullptr;
};

// A protocol, as the list of all of them has it. Constant data.
struct Protocol {
  std::string_view name;   // in records: "modbus"
  std::string_view title;  // for people: "Modbus TCP"
  bool industrial = false;
  std::span<const Transport> transports;
  std::span<const std::uint16_t> ports;      // hints
  std::span<const std::uint16_t> selectors;  // Link: EtherTypes; Ip: protocol numbers. Binding
  Offer<Match, Sample> probe;
  Offer<std::unique_ptr<Session>, FlowInfo> open;
};

}  // namespace dissect
