#include "sensor/flow/tracker.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sensor/flow/identify.h"

namespace sensor::flow {

using dissect::FlowInfo;
using dissect::Side;
using dissect::Transport;
using packet::Packet;

namespace {

std::size_t index_of(Side side) {
  return static_cast<std::size_t>(side);
}

bool same_end(Transport transport, const dissect::End& a, const dissect::End& b) {
  if (transport == Transport::Link) return a.mac == b.mac;
  return a.ip == b.ip && a.port == b.port;
}

Key key_of(const Packet& packet) {
  Key key;
  std::array<std::uint8_t, 16> from{};
  std::array<std::uint8_t, 16> to{};
  if (packet.transport == Transport::Link) {
    std::ranges::copy(packet.from.mac.bytes, from.begin());
    std::ranges::copy(packet.to.mac.bytes, to.begin());
  } else {
    from = packet.from.ip.bytes;
    to = packet.to.ip.bytes;
  }
  const int order = std::memcmp(from.data(), to.data(), from.size());
  const bool low = order < 0 || (order == 0 && packet.from.port <= packet.to.port);
  key.low = low ? from : to;
  key.high = low ? to : from;
  key.low_port = low ? packet.from.port : packet.to.port;
  key.high_port = low ? packet.to.port : packet.from.port;
  key.selector = packet.selector;
  key.vlan = packet.vlan;
  key.transport = static_cast<std::uint8_t>(packet.transport);
  return key;
}

}  // namespace

Tracker::Tracker(const Registry& registry, Listener& listener, dissect::Details* details,
                 TrackerSettings settings)
    : Sink(details),
      registry_(registry),
      listener_(listener),
      budget_{settings.reassembly, 0},
      table_(settings.flows),
      id_(settings.first_id),
      id_step_(settings.next_id),
      tell_([this](const dissect::Transaction& one) { listener_.transaction(*at_.flow, one); }) {}

Tracker::~Tracker() = default;

void Tracker::take(const Packet& packet, base::WallTime now) {
  const std::uint32_t index = flow_of(packet);
  if (index == Table::kNone) return;
  Flow& flow = table_.at(index);
  const Side side = same_end(packet.transport, packet.from, flow.info.a) ? Side::A : Side::B;
  at_ = {&flow, side, packet.time, packet.number, packet.from, packet.to};
  count(flow, side, packet, now);
  listener_.seen(flow, side, packet);
  if (packet.transport == Transport::Tcp) {
    take_tcp(flow, side, packet, now);
  } else if (flow.session != nullptr) {
    give(flow, side, packet.payload, packet.payload_size);
  } else if (!flow.given_up && !packet.payload.empty()) {
    learn(flow, side, packet.payload, packet.payload_size);
  }
  if (flow.given_up) flow.tcp.reset();
  table_.touch(index, class_of(flow));
  watch(index);
}

std::uint32_t Tracker::flow_of(const Packet& packet) {
  Key key = key_of(packet);
  int protocol = -1;
  if (packet.transport == Transport::Link || packet.transport == Transport::Ip) {
    FlowInfo info;
    info.transport = packet.transport;
    info.a = packet.from;
    info.b = packet.to;
    info.selector = packet.selector;
    protocol = identify_packet(registry_, info, packet.payload);
    if (protocol < 0) counts_.add(FlowCount::UnknownSelector);
    key.protocol = static_cast<std::uint16_t>(protocol + 1);
  }
  const std::uint64_t hash = table_.hash(key);
  const std::uint32_t found = table_.find(key, hash);
  if (found != Table::kNone) {
    Flow& flow = table_.at(found);
    const Side side = same_end(packet.transport, packet.from, flow.info.a) ? Side::A : Side::B;
    if (packet.transport != Transport::Tcp || !begins_anew(flow, side, packet)) return found;
    end(found);
  }
  if (table_.full()) {
    counts_.add(FlowCount::Evicted);
    end(table_.dispensable());
  }
  return add(packet, key, hash, protocol);
}

std::uint32_t Tracker::add(const Packet& packet, const Key& key, std::uint64_t hash, int protocol) {
  const std::uint32_t index = table_.add(key, hash, Class::Unanswered);
  Flow& flow = table_.at(index);
  counts_.add(FlowCount::Flows);
  flow.first_packet = packet.number;
  flow.id = packet.number != 0 ? packet.number : std::exchange(id_, id_ + id_step_);
  flow.vlan = packet.vlan;
  flow.first = packet.time;
  flow.info.transport = packet.transport;
  flow.info.a = packet.from;
  flow.info.b = packet.to;
  flow.info.selector = packet.selector;
  flow.info.server = guess_server(registry_, flow.info, nullptr);
  if (protocol >= 0) {
    flow.protocol = &registry_.at(static_cast<std::size_t>(protocol));
    flow.session = flow.protocol->open(flow.info);
  }
  if (packet.transport == Transport::Link || packet.transport == Transport::Ip)
    flow.given_up = flow.session == nullptr;
  return index;
}

void Tracker::count(Flow& flow, Side side, const Packet& packet, base::WallTime now) {
  flow.last = packet.time;
  flow.active = now;
  flow.last_packet = packet.number;
  SideCounts& counts = flow.of(side);
  ++counts.packets;
  counts.bytes += packet.size;
  counts.payload += packet.payload_size;
}

Class Tracker::class_of(const Flow& flow) const {
  const bool industrial = flow.protocol != nullptr && flow.protocol->industrial;
  const bool both = flow.counts[0].packets != 0 && flow.counts[1].packets != 0;
  if (flow.info.transport != Transport::Tcp) {
    if (industrial) return Class::Industrial;
    return both ? Class::Datagram : Class::Unanswered;
  }
  const auto any = static_cast<std::uint8_t>(flow.tcp_flags[0] | flow.tcp_flags[1]);
  const auto both_said = static_cast<std::uint8_t>(flow.tcp_flags[0] & flow.tcp_flags[1]);
  if ((any & packet::kRst) != 0 || (both_said & packet::kFin) != 0) return Class::Closed;
  if (industrial) return Class::Industrial;
  const bool payload = flow.counts[0].payload != 0 || flow.counts[1].payload != 0;
  return both || payload ? Class::Stream : Class::HalfOpen;
}

void Tracker::end(std::uint32_t index) {
  Flow& flow = table_.at(index);
  const At before = at_;
  at_ = {&flow, Side::A, flow.last, flow.last_packet, flow.info.a, flow.info.b};
  if (flow.tcp != nullptr) {
    for (const Side side : {Side::A, Side::B}) {
      at_.side = side;
      StreamDelivery to(*this, flow, side);
      flow.tcp->streams[index_of(side)].finish(to);
    }
  }
  if (flow.matcher != nullptr) {
    flow.matcher->finish(tell_);
    counts_.add(FlowCount::LateAnswers, flow.matcher->crowded_out());
  }
  if (flow.protocol == nullptr) expect(flow);
  if (flow.learning) counts_.add(FlowCount::Unidentified);
  counts_.add(FlowCount::Ended);
  listener_.ended(flow);
  give_back(std::move(flow.unknown));
  table_.remove(index);
  at_ = before;
}

// It waits for something that time alone may decide.
void Tracker::watch(std::uint32_t index) {
  Flow& flow = table_.at(index);
  if (flow.watched) return;
  const bool late =
      flow.tcp != nullptr && (flow.tcp->streams[0].waiting() || flow.tcp->streams[1].waiting());
  if (!late && (flow.matcher == nullptr || flow.matcher->pending() == 0)) return;
  flow.watched = true;
  watched_.push_back({index, flow.id, flow.active});
}

void Tracker::pass_time(base::WallTime now) {
  while (!watched_.empty() && watched_.front().since + kLate <= now) {
    const Watched one = watched_.front();
    watched_.pop_front();
    Flow& flow = table_.at(one.index);
    if (flow.id != one.id || !flow.watched) continue;
    at_ = {&flow, Side::A, flow.last, flow.last_packet, flow.info.a, flow.info.b};
    if (flow.tcp != nullptr) {
      for (const Side side : {Side::A, Side::B}) {
        at_.side = side;
        StreamDelivery to(*this, flow, side);
        flow.tcp->streams[index_of(side)].give_up_before(now - kLate, to);
      }
    }
    if (flow.matcher != nullptr) flow.matcher->pass_time(now, tell_);
    flow.watched = false;
    watch(one.index);
    if (flow.watched) watched_.back().since = now;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(Class::End); ++i) {
    const auto in = static_cast<Class>(i);
    for (std::uint32_t index = table_.oldest(in);
         index != Table::kNone && table_.at(index).active + patience(in) < now;
         index = table_.oldest(in))
      end(index);
  }
}

void Tracker::finish() {
  while (table_.size() != 0)
    end(table_.dispensable());
  watched_.clear();
}

void Tracker::each_active(base::WallTime since, const std::function<void(Flow&)>& visit) {
  for (std::size_t in = 0; in < static_cast<std::size_t>(Class::End); ++in) {
    std::uint32_t index = table_.newest(static_cast<Class>(in));
    while (index != Table::kNone && table_.at(index).active >= since) {
      Flow& flow = table_.at(index);
      index = flow.older;
      visit(flow);
    }
  }
}

void Tracker::give(Flow& flow, Side side, base::ByteView bytes, std::size_t size) {
  const bool same = side == at_.side;
  pdu_.side = side;
  pdu_.time = at_.time;
  pdu_.packet = at_.packet;
  pdu_.size = size;
  pdu_.bytes = bytes;
  // What a packet of the other side set free has the ends that the flow began with.
  pdu_.from = same ? at_.from : flow.info.end(side);
  pdu_.to = same ? at_.to : flow.info.end(dissect::other(side));
  pdu_.vlan = flow.vlan;
  ++flow.messages;
  counts_.add(FlowCount::Messages);
  counts_.add(FlowCount::MessageBytes, size);
  listener_.message_begins(flow, pdu_);
  flow.session->take(pdu_, *this);
  listener_.message_ends(flow, pdu_);
}

void Tracker::message(Side side, base::ByteView bytes, std::size_t size) {
  give(*at_.flow, side, bytes, size);
}

void Tracker::message(const dissect::Message& message) {
  Flow& flow = *at_.flow;
  if (flow.matcher == nullptr)
    flow.matcher = std::make_unique<dissect::Matcher>(flow.protocol->name, transactions_);
  flow.matcher->take(message, pdu_, tell_);
}

void Tracker::evidence(const dissect::Evidence& evidence) {
  listener_.evidence(*at_.flow, pdu_, evidence);
}

void Tracker::issue(const dissect::Issue& issue) {
  ++at_.flow->issues;
  counts_.add(FlowCount::Issues);
  listener_.issue(*at_.flow, pdu_, issue);
}

}  // namespace sensor::flow
