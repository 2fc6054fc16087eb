#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "dissect/protocol.h"
#include "dissect/transaction.h"
#include "sensor/flow/framer.h"
#include "sensor/flow/reassembly.h"
#include "sensor/flow/registry.h"

namespace sensor::flow {

// Which flows go first when there is no room, and how long each may be silent.
enum class Class : std::uint8_t {
  HalfOpen,    // TCP, only asked for
  Closed,      // TCP, ended or refused
  Unanswered,  // datagrams of one side only
  Datagram,
  Stream,
  Industrial,  // any, of a protocol that runs plants
  End,
};
base::WallTime::duration patience(Class which);

// What makes packets belong together. Both directions have the same.
struct Key {
  std::array<std::uint8_t, 16> low{};  // address; link layer: hardware address
  std::array<std::uint8_t, 16> high{};
  std::uint16_t low_port = 0;
  std::uint16_t high_port = 0;
  std::uint16_t selector = 0;
  std::uint16_t vlan = 0;
  std::uint16_t protocol = 0;  // link layer: index in the registry, plus 1
  std::uint8_t transport = 0;
  std::uint8_t unused = 0;

  bool operator==(const Key&) const = default;
};

struct SideCounts {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;    // of packets, with all headers
  std::uint64_t payload = 0;  // of what they carried
};

// What was reported of a flow that goes on.
struct Reported {
  SideCounts counts[2];
  std::uint64_t messages = 0;
  std::uint64_t issues = 0;
  std::uint64_t gaps = 0;
  bool any = false;
};

// Bytes of a flow whose protocol is not known yet.
struct Unknown {
  static constexpr std::size_t kMaxBytes = 4096;  // of each side
  static constexpr std::size_t kMaxPieces = 48;

  // What came at once, with the packet that brought it.
  struct Piece {
    dissect::Side side = dissect::Side::A;
    std::size_t end = 0;   // in bytes[side]
    std::size_t size = 0;  // on the wire
    base::WallTime time;
    std::uint64_t packet = 0;
    dissect::End from;
    dissect::End to;
  };
  base::ByteVec bytes[2];
  std::vector<Piece> pieces;
  ProtocolSet candidates;
  std::uint16_t likely = 0;  // that seemed so with an earlier packet: index + 1
  std::size_t counted = 0;   // in the tracker's budget

  base::ByteVec& of(dissect::Side side) { return bytes[static_cast<std::size_t>(side)]; }
  // Forgets all but the memory.
  void clear() {
    bytes[0].clear();
    bytes[1].clear();
    pieces.clear();
    candidates.reset();
    likely = 0;
    counted = 0;
  }
};

// What only TCP has.
struct TcpState {
  TcpState(Budget& budget, FlowCounts& counts)
      : streams{{budget, counts}, {budget, counts}},
        framers{{dissect::Side::A, budget, counts}, {dissect::Side::B, budget, counts}} {}
  Reassembly streams[2];
  Framer framers[2];
};

// Two ends that talk, and all that is known of it.
struct Flow {
  dissect::FlowInfo info;
  Key key;
  std::uint64_t id = 0;            // its first packet's number, or what the tracker's settings say
  std::uint64_t first_packet = 0;  // its number; 0: live
  std::uint16_t vlan = 0;
  base::WallTime first;
  base::WallTime last;
  base::WallTime active;  // the same by the sensor's clock, which never goes back
  std::uint64_t last_packet = 0;
  SideCounts counts[2];
  std::uint64_t messages = 0;
  std::uint64_t issues = 0;
  std::uint64_t gaps = 0;
  Reported reported;
  const dissect::Protocol* protocol = nullptr;
  // Whose port this is, and who was not found there; null: nothing unexpected.
  const dissect::Protocol* expected = nullptr;

  std::unique_ptr<dissect::Session> session;
  std::unique_ptr<dissect::Matcher> matcher;
  std::unique_ptr<Unknown> unknown;
  std::unique_ptr<TcpState> tcp;

  std::uint32_t initial[2] = {0, 0};   // sequence numbers of SYNs
  std::uint8_t tcp_flags[2] = {0, 0};  // all that were seen
  std::uint8_t tries = 0;              // to identify it
  bool learning = false;               // which protocol it is; `unknown` has what came, if any
  std::uint16_t likely = 0;            // Unknown::likely, between tries
  bool given_up = false;               // nobody wants it
  bool watched = false;                // in the tracker's list
  Class in = Class::Unanswered;
  std::uint32_t newer = 0;  // neighbours in the table's list of the class
  std::uint32_t older = 0;
  std::uint64_t hash = 0;
  std::uint64_t sightings[2] = {0, 0};  // the listener's, of each side's packets; 0 at first

  SideCounts& of(dissect::Side side) { return counts[static_cast<std::size_t>(side)]; }
  const SideCounts& of(dissect::Side side) const { return counts[static_cast<std::size_t>(side)]; }
};

}  // namespace sensor::flow
