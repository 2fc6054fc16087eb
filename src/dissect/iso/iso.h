#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "dissect/protocol.h"
#include "dissect/sink.h"

namespace dissect::iso {

// ISO transport over TCP, which S7, MMS, RDP and others stand on: TPKT cuts the stream, COTP
// connects and puts pieces together.
// Sources: RFC 1006; RFC 2126; ISO/IEC 8073 (ITU-T X.224), clauses 13.3 to 13.12.

inline constexpr std::uint16_t kPort = 102;

// One TPKT of a stream. Errors: Lost, when none begins here.
Frame frame(base::ByteView bytes);

enum class Tpdu : std::uint8_t {
  ExpeditedData = 1,
  ExpeditedAck = 2,
  Reject = 5,
  Ack = 6,
  Error = 7,
  DisconnectRequest = 8,
  DisconnectConfirm = 12,
  ConnectConfirm = 13,
  ConnectRequest = 14,
  Data = 15,
};

struct Cotp {
  Tpdu type = Tpdu::Data;
  std::uint16_t destination = 0;  // reference
  std::uint16_t source = 0;       // reference
  std::uint8_t transport_class = 0;
  std::uint8_t reason = 0;                // of a disconnect
  std::optional<std::uint8_t> size_code;  // the largest TPDU is 2 to the power of it
  base::ByteView calling;                 // TSAP of who connects
  base::ByteView called;                  // TSAP of who is connected to
  bool last = true;                       // of Data: nothing follows that belongs to it
  base::ByteView data;                    // what is carried
};

// A TPKT, as frame() cut it, with the COTP in it. Anything that is no such thing is told to `sink`
// as an issue, where there is one.
std::optional<Cotp> read(base::ByteView tpkt, Sink* sink);
// What it says, for people: tpkt_length, cotp_type ...
void tell(base::ByteView tpkt, const Cotp& cotp, Sink& sink);

// The first Data that is in some bytes of a stream, after what connects: what it carries, to
// recognise who speaks.
struct Opening {
  bool tpkt = false;        // the bytes are TPKT and COTP, as far as they go
  bool data = false;        // there was a Data, with `carried` in it
  bool connecting = false;  // a connect request or its confirmation came before
  base::ByteView calling;
  base::ByteView called;
  base::ByteView carried;
};
Opening look(base::ByteView bytes);

// Puts the Data of one direction together, up to kMaxPdu bytes.
class Assembly {
 public:
  // What is complete now, good until the next call; none while more is to come, or when it was too
  // long. A whole message in one piece is not copied.
  std::optional<base::ByteView> add(const Cotp& cotp);
  void clear() {
    held_.clear();
    state_ = State::Empty;
  }

 private:
  enum class State : std::uint8_t { Empty, Holding, Overflown, Given };

  base::ByteVec held_;
  State state_ = State::Empty;
};

}  // namespace dissect::iso
