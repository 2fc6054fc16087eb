#include "sensor/flow/identify.h"

#include <memory>

namespace sensor::flow {

using dissect::FlowInfo;
using dissect::Match;
using dissect::Protocol;
using dissect::Sample;
using dissect::Side;
using dissect::Transport;

namespace {

bool likely(Match match) {
  return match == Match::Likely || match == Match::Yes;
}

bool on_its_port(const Protocol& protocol, const FlowInfo& flow) {
  return has_port(protocol, flow.a.port) || has_port(protocol, flow.b.port);
}

// Whether what follows the first message of a stream, or what the other side says, fits as well.
bool second_fits(const Protocol& protocol, const FlowInfo& flow, Side side, base::ByteView bytes,
                 base::ByteView reply) {
  if (!reply.empty()) {
    const Sample answer{flow, other(side), reply, bytes};
    if (likely(protocol.probe(answer))) return true;
  }
  const std::unique_ptr<dissect::Session> session = protocol.open(flow);
  if (session == nullptr) return false;
  const dissect::Frame frame = session->frame(side, bytes);
  if (frame.kind != dissect::Frame::Kind::Pdu || frame.size == 0 || frame.size >= bytes.size())
    return false;
  const Sample next{flow, side, bytes.subspan(frame.size), reply};
  return likely(protocol.probe(next));
}

}  // namespace

const Protocol* identify(const Registry& registry, const FlowInfo& flow, Unknown& unknown,
                         Side side) {
  const bool stream = flow.transport == Transport::Tcp;
  const base::ByteView all = unknown.of(side);
  // A datagram stands for itself.
  std::size_t begin = 0;
  if (!stream) {
    for (std::size_t i = 0; i + 1 < unknown.pieces.size(); ++i) {
      if (unknown.pieces[i].side == side) begin = unknown.pieces[i].end;
    }
  }
  const base::ByteView bytes = all.subspan(begin);
  const base::ByteView reply = stream ? base::ByteView(unknown.of(other(side))) : base::ByteView();
  const Sample sample{flow, side, bytes, reply};
  const Protocol* by_port = nullptr;
  std::size_t guess = kMaxProtocols;
  for (std::size_t i = unknown.candidates._Find_first(); i < kMaxProtocols;
       i = unknown.candidates._Find_next(i)) {
    const Protocol& protocol = registry.at(i);
    switch (protocol.probe(sample)) {
      case Match::Yes:
        return &protocol;
      case Match::No:
        unknown.candidates.reset(i);
        break;
      case Match::Likely:
        if (by_port == nullptr && on_its_port(protocol, flow)) by_port = &protocol;
        if (guess == kMaxProtocols) guess = i;
        break;
      case Match::Unsure:
        break;
    }
  }
  if (by_port != nullptr || guess == kMaxProtocols) return by_port;
  const Protocol& protocol = registry.at(guess);
  if (stream) return second_fits(protocol, flow, side, bytes, reply) ? &protocol : nullptr;
  if (unknown.likely == guess + 1) return &protocol;
  unknown.likely = static_cast<std::uint16_t>(guess + 1);
  return nullptr;
}

int identify_packet(const Registry& registry, const FlowInfo& flow, base::ByteView payload) {
  const auto choice = registry.of_selector(flow.transport, flow.selector);
  if (choice.size() == 1) return choice.front();
  const Sample sample{flow, Side::A, payload, {}};
  int best = -1;
  for (const std::uint16_t index : choice) {
    const Match match = registry.at(index).probe(sample);
    if (match == Match::Yes) return index;
    if (match == Match::Likely && best < 0) best = index;
  }
  return best;
}

Side guess_server(const Registry& registry, const FlowInfo& flow, const Protocol* protocol) {
  const auto knows = [&](std::uint16_t port) {
    return protocol != nullptr ? has_port(*protocol, port)
                               : registry.at_port(flow.transport, port) != nullptr;
  };
  const bool a = knows(flow.a.port);
  const bool b = knows(flow.b.port);
  if (a != b) return a ? Side::A : Side::B;
  return flow.a.port < flow.b.port ? Side::A : Side::B;
}

}  // namespace sensor::flow
