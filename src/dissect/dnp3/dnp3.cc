#include "dissect/dnp3/dnp3.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "dissect/dnp3/application.h"
#include "dissect/dnp3/link.h"
#include "dissect/reader.h"

namespace dissect::dnp3 {

namespace {

// Fragments larger than this are not put together. The standard's default limit is 2048.
constexpr std::size_t kMaxFragment = 16U << 10U;
// A connection to a gateway carries several outstations.
constexpr std::size_t kMaxAssociations = 32;

constexpr std::uint8_t kTransportFinal = 0x80;
constexpr std::uint8_t kTransportFirst = 0x40;

// One direction between two stations.
struct Direction {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
  Side side = Side::A;
  bool assembling = false;
  bool seen_first = false;
  std::uint8_t next = 0;        // sequence number
  bool confirmed_data = false;  // the last frame wants an ack, and it is not a question of its own
  base::ByteVec fragment;
  Dialogue dialogue;
};

class Dnp3 final : public Session {
 public:
  Frame frame(Side side, base::ByteView bytes) override;
  void take(const Pdu& pdu, Sink& sink) override;
  void gap(Side side) override;
  std::optional<std::size_t> resync(Side side, base::ByteView bytes) override;

 private:
  void take_frame(const LinkHeader& link, base::ByteView frame, Side side, Sink& sink);
  void link_message(const LinkHeader& link, Side side, Sink& sink);
  void segment(const LinkHeader& link, base::ByteView data, Side side, Sink& sink);
  Direction& direction(std::uint16_t source, std::uint16_t destination, Side side);

  std::vector<Direction> directions_;
  std::size_t replace_ = 0;
  // Of the message at hand, and the thread's: there are many sessions.
  static inline thread_local Found found_;
  std::array<std::uint8_t, kMaxLinkData> room_{};
};

// The start bytes, as far as they are there.
bool may_start(base::ByteView bytes) {
  return !bytes.empty() && bytes[0] == 0x05 && (bytes.size() < 2 || bytes[1] == 0x64);
}

Frame Dnp3::frame(Side, base::ByteView bytes) {
  if (!may_start(bytes)) return Frame::lost();
  if (bytes.size() < kLinkHeader) return Frame::need(kLinkHeader);
  const auto link = LinkHeader::read(bytes);
  if (!link) return Frame::lost();
  // A receiver believes nothing of such a header, and looks for the next one.
  return Frame::pdu(link->crc_good ? link->frame_size() : kLinkHeader);
}

std::optional<std::size_t> Dnp3::resync(Side, base::ByteView bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const base::ByteView rest = bytes.subspan(at);
    if (!may_start(rest)) continue;
    if (rest.size() < kLinkHeader) return at;
    const auto link = LinkHeader::read(rest);
    if (link && link->crc_good) return at;
  }
  return std::nullopt;
}

void Dnp3::gap(Side side) {
  for (Direction& one : directions_) {
    if (one.side != side) continue;
    one.assembling = false;
    one.seen_first = false;
  }
}

Direction& Dnp3::direction(std::uint16_t source, std::uint16_t destination, Side side) {
  const auto found = std::ranges::find_if(directions_, [&](const Direction& one) {
    return one.source == source && one.destination == destination && one.side == side;
  });
  if (found != directions_.end()) return *found;
  Direction made;
  made.source = source;
  made.destination = destination;
  made.side = side;
  if (directions_.size() < kMaxAssociations) {
    directions_.push_back(std::move(made));
    return directions_.back();
  }
  replace_ = (replace_ + 1) % directions_.size();
  directions_[replace_] = std::move(made);
  return directions_[replace_];
}

void Dnp3::take(const Pdu& pdu, Sink& sink) {
  base::ByteView rest = pdu.bytes;
  // A datagram may carry several frames; each is at least a header long.
  while (!rest.empty()) {
    const auto link = LinkHeader::read(rest);
    if (!link) {
      sink.issue({rest.size() < kLinkHeader && may_start(rest) ? Issue::Kind::Truncated
                                                               : Issue::Kind::Malformed,
                  "link header", rest[0],
                  static_cast<std::uint32_t>(pdu.bytes.size() - rest.size())});
      return;
    }
    const std::size_t size =
        std::min(rest.size(), link->crc_good ? link->frame_size() : kLinkHeader);
    take_frame(*link, rest.first(size), pdu.side, sink);
    if (!link->crc_good) return;
    rest = rest.subspan(size);
  }
}

void tell_link(const LinkHeader& link, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.number("link_length", link.length);
  sink.number("link_control", link.control);
  sink.number("link_from_master", link.from_master() ? 1 : 0);
  sink.number("link_primary", link.primary() ? 1 : 0);
  if (link.primary()) {
    sink.number("link_count", link.control >> 5U & 1U);
    sink.number("link_count_valid", link.control >> 4U & 1U);
    sink.number("link_primary_function", link.function());
  } else {
    sink.number("link_busy", link.control >> 4U & 1U);
    sink.number("link_secondary_function", link.function());
  }
  sink.number("destination", link.destination);
  sink.number("source", link.source);
  sink.number("link_crc", link.crc);
}

void Dnp3::take_frame(const LinkHeader& link, base::ByteView frame, Side side, Sink& sink) {
  tell_link(link, sink);
  if (!link.crc_good) {
    sink.issue({Issue::Kind::Malformed, "link header checksum", link.crc, 8});
    return;
  }
  if (link_function_name(link.primary(), link.function()).empty())
    sink.issue({Issue::Kind::Violation, "reserved link function code", link.function(), 3});
  if (link.source >= 0xfff0)
    sink.issue({Issue::Kind::Violation, "reserved source address", link.source, 6});
  const bool data =
      link.primary() && (link.function() == kConfirmedData || link.function() == kUnconfirmedData);
  if (!data) {
    if (link.user_data() != 0)
      sink.issue({Issue::Kind::Violation, "user data in a frame that has none", link.length, 2});
    link_message(link, side, sink);
    return;
  }
  direction(link.source, link.destination, side).confirmed_data = link.function() == kConfirmedData;
  const LinkData user = link_data(link, frame, room_);
  if (user.whole) {
    segment(link, user.bytes, side, sink);
    return;
  }
  const bool cut = frame.size() < link.frame_size();
  sink.issue({cut ? Issue::Kind::Truncated : Issue::Kind::Malformed,
              cut ? "link frame" : "link data checksum", link.length,
              static_cast<std::uint32_t>(kLinkHeader + user.bytes.size())});
}

void Dnp3::link_message(const LinkHeader& link, Side side, Sink& sink) {
  Message message;
  message.operation = {link.function() | (link.primary() ? 0x1000U : 0x2000U),
                       link_function_name(link.primary(), link.function())};
  message.unit = link.outstation();
  message.key = dialogue_key(link, 0x8000U | (link.primary() == link.from_master() ? 1U : 0U));
  if (link.primary()) {
    message.kind = link.broadcast() ? Kind::OneWay : Kind::Request;
    message.access = link.function() == kResetLink ? Access::Session : Access::None;
    direction(link.source, link.destination, side).confirmed_data = false;
  } else {
    message.kind = Kind::Response;
    // Acknowledges data: says nothing about a request of the link layer.
    Direction& asked = direction(link.destination, link.source, other(side));
    if (link.function() <= 1 && asked.confirmed_data) return;
    message.status = {link.function() == 0 || link.function() == 11 ? Outcome::Ok : Outcome::Failed,
                      link.function(), link_function_name(false, link.function())};
  }
  sink.message(message);
}

void Dnp3::segment(const LinkHeader& link, base::ByteView data, Side side, Sink& sink) {
  if (data.empty()) {
    sink.issue({Issue::Kind::Malformed, "no user data", link.length, 2});
    return;
  }
  const std::uint8_t control = data[0];
  const auto sequence = static_cast<std::uint8_t>(control & 0x3fU);
  sink.number("transport_control", control);
  sink.number("transport_final", control >> 7U);
  sink.number("transport_first", control >> 6U & 1U);
  sink.number("transport_sequence", sequence);
  data = data.subspan(1);
  Direction& way = direction(link.source, link.destination, side);
  const bool first = (control & kTransportFirst) != 0;
  const bool final = (control & kTransportFinal) != 0;
  if (first && final) {
    way.assembling = false;
    way.seen_first = true;
    read_fragment(data, link, way.dialogue, found_, sink);
    return;
  }
  if (first) {
    way.fragment.clear();
    way.assembling = true;
    way.seen_first = true;
  } else if (!way.assembling || sequence != way.next) {
    // Before the first beginning, it was sent before anybody listened.
    if (way.seen_first)
      sink.issue({Issue::Kind::Violation, "transport segment out of sequence", sequence, 0});
    way.assembling = false;
    return;
  }
  way.next = (sequence + 1U) & 0x3fU;
  if (way.fragment.size() + data.size() > kMaxFragment) {
    sink.issue({Issue::Kind::LeftOut, "fragment too large",
                static_cast<std::uint32_t>(way.fragment.size()), 0});
    way.assembling = false;
    return;
  }
  way.fragment.insert(way.fragment.end(), data.begin(), data.end());
  if (!final) return;
  way.assembling = false;
  read_fragment(way.fragment, link, way.dialogue, found_, sink);
}

Match probe(const Sample& sample) {
  if (!may_start(sample.bytes)) return Match::No;
  if (sample.bytes.size() < kLinkHeader)
    return sample.flow.transport == Transport::Tcp ? Match::Unsure : Match::No;
  const auto link = LinkHeader::read(sample.bytes);
  if (!link) return Match::No;
  return link->crc_good ? Match::Yes : Match::Likely;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<Dnp3>();
}

constexpr Transport kTransports[] = {Transport::Tcp, Transport::Udp};
constexpr std::uint16_t kPorts[] = {20000};

}  // namespace

const Protocol kProtocol = {.name = "dnp3",
                            .title = "DNP3",
                            .industrial = true,
                            .transports = kTransports,
                            .ports = kPorts,
                            .selectors = {},
                            .probe = probe,
                            .open = open};

}  // namespace dissect::dnp3
