// TCP, and finding out what a flow speaks.
#include <algorithm>
#include <utility>

#include "sensor/flow/identify.h"
#include "sensor/flow/tracker.h"

namespace sensor::flow {

using dissect::Protocol;
using dissect::Side;
using dissect::Transport;
using packet::Packet;

namespace {

// How often a flow's bytes may fit nothing before it is left alone. Where nobody saw it begin, most
// tries begin in the middle of something.
constexpr std::uint8_t kTries = 8;
constexpr std::uint8_t kTriesMidStream = 48;
// Nothing was a message for so long: it is another protocol.
constexpr unsigned int kLostForGood = 16;

std::size_t index_of(Side side) {
  return static_cast<std::size_t>(side);
}

bool from_its_start(const Flow& flow) {
  return ((flow.tcp_flags[0] | flow.tcp_flags[1]) & packet::kSyn) != 0;
}

}  // namespace

bool Tracker::begins_anew(const Flow& flow, Side side, const Packet& packet) const {
  if ((packet.tcp_flags & (packet::kSyn | packet::kAck)) != packet::kSyn) return false;
  const std::uint8_t seen = flow.tcp_flags[index_of(side)];
  return (seen & packet::kSyn) == 0 || flow.initial[index_of(side)] != packet.sequence;
}

void Tracker::handshake(Flow& flow, Side side, const Packet& packet) const {
  const bool answers = (packet.tcp_flags & packet::kAck) != 0;
  flow.initial[index_of(side)] = packet.sequence;
  flow.info.server = answers ? side : dissect::other(side);
  flow.info.server_known = true;
}

TcpState& Tracker::tcp_of(Flow& flow) {
  if (flow.tcp == nullptr) {
    flow.tcp = std::make_unique<TcpState>(budget_, counts_);
    for (const std::size_t i : {0U, 1U}) {
      if ((flow.tcp_flags[i] & packet::kSyn) != 0) flow.tcp->streams[i].begin(flow.initial[i]);
    }
  }
  return *flow.tcp;
}

void Tracker::take_tcp(Flow& flow, Side side, const Packet& packet, base::WallTime now) {
  std::uint8_t& seen = flow.tcp_flags[index_of(side)];
  const bool syn = (packet.tcp_flags & packet::kSyn) != 0;
  if (syn && (seen & packet::kSyn) == 0) {
    handshake(flow, side, packet);
    if (flow.tcp != nullptr && !flow.tcp->streams[index_of(side)].begun())
      flow.tcp->streams[index_of(side)].begin(packet.sequence);
  }
  seen |= packet.tcp_flags;
  const Side peer = dissect::other(side);
  if ((packet.tcp_flags & packet::kAck) != 0 && flow.tcp != nullptr &&
      flow.tcp->streams[index_of(peer)].waiting()) {
    StreamDelivery to(*this, flow, peer);
    flow.tcp->streams[index_of(peer)].acknowledged(packet.acknowledged, to);
  }
  if (packet.payload_size == 0 || flow.given_up) return;
  StreamDelivery to(*this, flow, side);
  const std::uint32_t sequence = syn ? packet.sequence + 1 : packet.sequence;
  tcp_of(flow).streams[index_of(side)].segment(sequence, packet.payload, packet.payload_size, now,
                                               to);
}

void Tracker::stream_bytes(Flow& flow, Side side, base::ByteView bytes) {
  if (flow.session == nullptr) {
    if (!flow.given_up) learn(flow, side, bytes, bytes.size());
    return;
  }
  Framer& framer = flow.tcp->framers[index_of(side)];
  const bool first = !framer.fed();
  framer.feed(bytes, *flow.session, *this);
  if (framer.lost_in_a_row() >= kLostForGood) {
    forget(flow);
  } else if (first && framer.lost_in_a_row() != 0 && from_its_start(flow)) {
    answered_otherwise(flow, side, bytes);
  }
}

// What one side said first looked like a protocol, and what the other says first is none of it: it
// decides, if it is known (a request to a server that speaks something else).
void Tracker::answered_otherwise(Flow& flow, Side side, base::ByteView bytes) {
  Unknown unknown;
  unknown.candidates = registry_.over(flow.info.transport);
  const base::ByteView begin = bytes.first(std::min(bytes.size(), dissect::kMaxPdu));
  unknown.of(side).assign(begin.begin(), begin.end());
  const Protocol* const protocol = identify(registry_, flow.info, unknown, side);
  if (protocol == nullptr || protocol == flow.protocol) return;
  forget(flow);
  if (!flow.given_up) learn(flow, side, bytes, bytes.size());
}

void Tracker::stream_gap(Flow& flow, Side side, std::size_t bytes) {
  ++flow.gaps;
  if (flow.session != nullptr) {
    flow.tcp->framers[index_of(side)].gap(bytes, *flow.session, *this);
  } else if (flow.learning) {
    try_again(flow);
  }
}

void Tracker::stream_conflict(Flow& flow) {
  ++flow.issues;
  pdu_ = dissect::Pdu{};
  pdu_.side = at_.side;
  pdu_.time = at_.time;
  pdu_.packet = at_.packet;
  pdu_.from = at_.from;
  pdu_.to = at_.to;
  pdu_.vlan = flow.vlan;
  dissect::Issue issue;
  issue.kind = dissect::Issue::Kind::Violation;
  issue.what = "TCP bytes were sent again with other content";
  listener_.issue(flow, pdu_, issue);
}

void Tracker::begin_unknown(Flow& flow) {
  flow.learning = true;
  if (spare_.empty()) {
    flow.unknown = std::make_unique<Unknown>();
  } else {
    flow.unknown = std::move(spare_.back());
    spare_.pop_back();
  }
  flow.unknown->candidates = registry_.over(flow.info.transport);
  flow.unknown->likely = flow.likely;
}

void Tracker::give_back(std::unique_ptr<Unknown> used) {
  if (used == nullptr) return;
  budget_.give(used->counted);
  const auto small = [](const base::ByteVec& bytes) {
    return bytes.capacity() <= 2 * Unknown::kMaxBytes;
  };
  if (spare_.size() >= kSpare || !small(used->bytes[0]) || !small(used->bytes[1])) return;
  used->clear();
  spare_.push_back(std::move(used));
}

// Keeps what came, and sees whether the flow's protocol shows by now.
void Tracker::learn(Flow& flow, Side side, base::ByteView bytes, std::size_t size) {
  if (flow.unknown == nullptr) begin_unknown(flow);
  Unknown& unknown = *flow.unknown;
  base::ByteVec& held = unknown.of(side);
  const bool stream = flow.info.transport == Transport::Tcp;
  const std::size_t room = dissect::kMaxPdu - held.size();
  const base::ByteView part = bytes.first(std::min(bytes.size(), room));
  held.insert(held.end(), part.begin(), part.end());
  unknown.pieces.push_back({side, held.size(), size, at_.time, at_.packet, at_.from, at_.to});
  const Protocol* const protocol = identify(registry_, flow.info, unknown, side);
  if (protocol != nullptr) {
    settle(flow, *protocol);
    return;
  }
  const bool hopeless = unknown.candidates.none() || held.size() >= Unknown::kMaxBytes ||
                        unknown.pieces.size() >= Unknown::kMaxPieces;
  const std::size_t more = part.size() + sizeof(Unknown::Piece);
  // Datagrams stand for themselves: what is no longer possible after one may be with the next.
  if (hopeless || (!stream && unknown.likely == 0)) {
    try_again(flow);
  } else if (!budget_.take(more)) {
    counts_.add(FlowCount::HeldOut, held.size());
    try_again(flow);
  } else {
    unknown.counted += more;
    if (!stream) unknown.candidates = registry_.over(flow.info.transport);
  }
}

// Without what came so far.
void Tracker::try_again(Flow& flow) {
  ++flow.tries;
  const bool start = flow.info.transport != Transport::Tcp || from_its_start(flow);
  if (flow.unknown != nullptr) flow.likely = flow.unknown->likely;
  give_back(std::move(flow.unknown));
  if (flow.tries < (start ? kTries : kTriesMidStream)) return;
  // Its streams are in use here, and go when the packet is done with.
  flow.learning = false;
  flow.given_up = true;
  counts_.add(FlowCount::Unidentified);
}

// Something speaks here that is not what the port is for.
void Tracker::expect(Flow& flow) const {
  flow.expected = nullptr;
  if (flow.info.transport != Transport::Tcp && flow.info.transport != Transport::Udp) return;
  if (flow.counts[0].payload == 0 && flow.counts[1].payload == 0) return;
  const Protocol* const there =
      registry_.at_port(flow.info.transport, flow.info.end(flow.info.server).port);
  if (there == nullptr || there == flow.protocol) return;
  if (flow.protocol != nullptr && has_port(*flow.protocol, flow.info.end(flow.info.server).port))
    return;
  flow.expected = there;
}

void Tracker::settle(Flow& flow, const Protocol& protocol) {
  flow.learning = false;
  flow.protocol = &protocol;
  if (!flow.info.server_known) flow.info.server = guess_server(registry_, flow.info, &protocol);
  expect(flow);
  flow.session = protocol.open(flow.info);
  std::unique_ptr<Unknown> unknown = std::move(flow.unknown);
  if (flow.session == nullptr) {
    flow.given_up = true;
  } else {
    const At now = at_;
    replay(flow, *unknown);
    at_ = now;
  }
  give_back(std::move(unknown));
}

void Tracker::replay(Flow& flow, Unknown& unknown) {
  std::size_t done[2] = {0, 0};
  for (const Unknown::Piece& piece : unknown.pieces) {
    std::size_t& begin = done[index_of(piece.side)];
    const base::ByteView bytes =
        base::ByteView(unknown.of(piece.side)).subspan(begin, piece.end - begin);
    begin = piece.end;
    at_ = {&flow, piece.side, piece.time, piece.packet, piece.from, piece.to};
    if (flow.info.transport == Transport::Tcp) {
      flow.tcp->framers[index_of(piece.side)].feed(bytes, *flow.session, *this);
    } else {
      give(flow, piece.side, bytes, piece.size);
    }
  }
}

// It was not what it seemed: begins again with nothing.
void Tracker::forget(Flow& flow) {
  counts_.add(FlowCount::Reidentified);
  if (flow.matcher != nullptr) flow.matcher->finish(tell_);
  flow.matcher.reset();
  flow.session.reset();
  flow.protocol = nullptr;
  flow.expected = nullptr;
  for (Framer& framer : flow.tcp->framers)
    framer.reset();
  flow.learning = true;
  flow.likely = 0;
  try_again(flow);
}

}  // namespace sensor::flow
