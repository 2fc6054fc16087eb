#include "dissect/bacnet/bacnet.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "dissect/bacnet/names.h"
#include "dissect/bacnet/service.h"
#include "dissect/reader.h"

namespace dissect::bacnet {

namespace {

constexpr std::uint8_t kBvlcType = 0x81;
constexpr std::size_t kMaxAssemblies = 8;
constexpr std::size_t kMaxAssembled = 64U << 10U;

enum LinkFunction : std::uint8_t {
  kResult = 0,
  kReadBdtAck = 3,
  kForwarded = 4,
  kRegister = 5,
  kReadFdtAck = 7,
  kDeleteFdt = 8,
  kDistribute = 9,
  kUnicast = 10,
  kBroadcast = 11,
  kSecure = 12,
};

// Of the network layer. Source: ANSI/ASHRAE 135-2020, 6.2.
struct Network {
  std::uint8_t control = 0;
  std::uint16_t to = 0;  // 0: no destination is said
  base::ByteView to_address;
  std::uint16_t from = 0;
  base::ByteView from_address;

  bool message() const { return (control & 0x80U) != 0; }
  bool has_destination() const { return (control & 0x20U) != 0; }
  bool has_source() const { return (control & 0x08U) != 0; }
};

enum ApduType : std::uint8_t {
  kConfirmed = 0,
  kUnconfirmedRequest = 1,
  kSimpleAck = 2,
  kComplexAck = 3,
  kSegmentAck = 4,
  kError = 5,
  kReject = 6,
  kAbort = 7,
};

// Segments of one message so far.
struct Assembly {
  std::uint64_t key = 0;
  Side side = Side::A;
  std::uint8_t next = 0;
  base::ByteVec bytes;
};

// Finds the request of an acknowledgement: its number and where in the internetwork it went.
std::uint64_t key_of(std::uint8_t invoke, std::uint16_t network, base::ByteView address) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const std::uint8_t byte : address)
    hash = (hash ^ byte) * 0x100000001b3ULL;
  return std::uint64_t{1} << 63U | std::uint64_t{invoke} << 48U | std::uint64_t{network} << 32U |
         (hash & 0xffffffffU);
}

class Bacnet final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override;

 private:
  struct Call {
    Side side = Side::A;
    Network network;
    Speaker speaker;
  };
  void link_message(std::uint8_t function, Reader& reader, Sink& sink);
  void network_layer(Reader& reader, Call call, Sink& sink);
  void network_message(Reader& reader, const Call& call, Sink& sink);
  void application(Reader& reader, const Call& call, Sink& sink);
  void request(Reader& reader, std::uint8_t first, const Call& call, Sink& sink);
  void unconfirmed(Reader& reader, const Call& call, Sink& sink);
  void acknowledgement(Reader& reader, std::uint8_t first, const Call& call, Sink& sink);
  void refusal(Reader& reader, std::uint8_t first, const Call& call, Sink& sink);
  // The parameters as far as they are there; nothing while segments are awaited.
  bool assemble(std::uint64_t key, Side side, std::uint8_t sequence, bool more,
                base::ByteView& bytes);
  void services(base::ByteView bytes, unsigned int service, Part part, const Call& call,
                Sink& sink);

  // Of the message at hand, and the thread's: there are many sessions.
  static inline thread_local Found found_;
  std::vector<Assembly> assemblies_;
  base::ByteVec assembled_;
};

void tell_routed(const Network& network, Message& message, std::uint16_t where) {
  if (network.has_destination() || network.has_source()) message.unit = where;
}

void Bacnet::take(const Pdu& pdu, Sink& sink) {
  Reader whole(pdu.bytes);
  const std::uint8_t type = whole.u8();
  const std::uint8_t function = whole.u8();
  const std::uint16_t length = whole.u16be();
  if (!whole || type != kBvlcType) {
    sink.issue(
        {whole ? Issue::Kind::Malformed : Issue::Kind::Truncated, "virtual link header", type, 0});
    return;
  }
  sink.number("bvlc_type", type);
  sink.number("bvlc_function", function);
  sink.number("bvlc_length", length);
  if (length != pdu.size)
    sink.issue({Issue::Kind::Malformed, "length that is not the datagram's", length, 2});
  Reader reader(pdu.bytes.subspan(
      4, std::min<std::size_t>(pdu.bytes.size(), std::max<std::size_t>(length, 4)) - 4));
  Call call;
  call.side = pdu.side;
  switch (function) {
    case kForwarded:
      call.speaker.about = About::Address;
      call.speaker.ip = IpAddress::of(reader.bytes(4));
      sink.text("forwarded_ip", call.speaker.ip.text());
      sink.number("forwarded_port", reader.u16be());
      [[fallthrough]];
    case kDistribute:
    case kUnicast:
    case kBroadcast:
      return network_layer(reader, call, sink);
    default:
      return link_message(function, reader, sink);
  }
}

void Bacnet::link_message(std::uint8_t function, Reader& reader, Sink& sink) {
  const Service service = link_function(function);
  if (service.name.empty())
    sink.issue({Issue::Kind::Violation, "reserved virtual link function", function, 1});
  Message message;
  message.operation = {0x100U | function, service.name};
  message.access = service.access;
  message.key = std::uint64_t{1} << 62U;
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  message.kind = function == kResult || function == kReadBdtAck || function == kReadFdtAck
                     ? Kind::Response
                     : Kind::Request;
  if (function == kSecure || service.name.empty()) message.kind = Kind::OneWay;
  if (function == kResult) {
    const std::uint16_t code = reader.u16be();
    sink.number("bvlc_result", code);
    message.status = {code == 0 ? Outcome::Ok : Outcome::Failed, code,
                      code == 0 ? "successful completion" : "negative acknowledgement"};
  } else if (message.kind == Kind::Response) {
    message.status = {Outcome::Ok, 0, "acknowledged"};
  } else if (function == kRegister) {
    sink.number("time_to_live", reader.u16be());
  } else if (function == kDeleteFdt) {
    sink.text("foreign_ip", IpAddress::of(reader.bytes(4)).text());
    sink.number("foreign_port", reader.u16be());
  }
  if (!reader) sink.issue({Issue::Kind::Truncated, "virtual link message", function, 4});
  sink.message(message);
}

void Bacnet::network_layer(Reader& reader, Call call, Sink& sink) {
  Network& network = call.network;
  const std::uint8_t version = reader.u8();
  network.control = reader.u8();
  sink.number("npdu_version", version);
  sink.number("npdu_control", network.control);
  if (network.has_destination()) {
    network.to = reader.u16be();
    network.to_address = reader.bytes(reader.u8());
    sink.number("destination_network", network.to);
    sink.bytes("destination_address", network.to_address);
  }
  if (network.has_source()) {
    network.from = reader.u16be();
    network.from_address = reader.bytes(reader.u8());
    sink.number("source_network", network.from);
    sink.bytes("source_address", network.from_address);
    call.speaker.told = false;
  }
  if (network.has_destination()) sink.number("hop_count", reader.u8());
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "network header"});
    return;
  }
  if (version != 1) {
    sink.issue({Issue::Kind::Violation, "protocol version that is not 1", version, 4});
    return;
  }
  if (network.has_source() && (network.from == 0 || network.from == 0xffff))
    sink.issue({Issue::Kind::Violation, "source network that cannot be", network.from, 4});
  if (network.has_source() && network.from_address.empty())
    sink.issue({Issue::Kind::Violation, "source network without an address", network.from, 4});
  // Who sends for another network forwards for it.
  if (network.has_source() && call.speaker.about == About::Sender)
    sink.tell(Fact::Gateway, "BACnet network " + std::to_string(network.from));
  if (network.message()) return network_message(reader, call, sink);
  application(reader, call, sink);
}

void Bacnet::network_message(Reader& reader, const Call& call, Sink& sink) {
  const std::uint8_t type = reader.u8();
  sink.number("network_message", type);
  if (type >= 0x80) sink.number("network_vendor", reader.u16be());
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "network message"});
    return;
  }
  const Service service = bacnet::network_message(type);
  if (service.name.empty()) sink.issue({Issue::Kind::Violation, "reserved network message", type});
  Message message;
  message.operation = {0x200U | type, service.name};
  message.access = service.access;
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  tell_routed(call.network, message,
              call.network.has_source() ? call.network.from : call.network.to);
  std::vector<Object> networks;
  if (type == 3) {
    const std::uint8_t reason = reader.u8();
    sink.number("network_reject_reason", reason);
    message.status = {Outcome::Failed, reason, "message rejected"};
  }
  if (type <= 5 && type != 2) {
    while (reader.remaining() >= 2 && networks.size() < kMaxObjects) {
      const std::uint16_t network = reader.u16be();
      sink.number("network", network);
      networks.push_back({"network", {}, network, 1});
    }
  }
  message.objects = networks;
  sink.message(message);
}

void Bacnet::application(Reader& reader, const Call& call, Sink& sink) {
  const std::uint8_t first = reader.u8();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "application header"});
    return;
  }
  sink.number("apdu_type", first >> 4U);
  switch (first >> 4U) {
    case kConfirmed:
      return request(reader, first, call, sink);
    case kUnconfirmedRequest:
      return unconfirmed(reader, call, sink);
    case kSimpleAck:
    case kComplexAck:
      return acknowledgement(reader, first, call, sink);
    case kSegmentAck:
      sink.number("invoke_id", reader.u8());
      sink.number("sequence_number", reader.u8());
      sink.number("window_size", reader.u8());
      if (!reader) sink.issue({Issue::Kind::Truncated, "segment acknowledgement"});
      return;
    case kError:
    case kReject:
    case kAbort:
      return refusal(reader, first, call, sink);
    default:
      sink.issue({Issue::Kind::Violation, "reserved application message", first});
      return;
  }
}

bool Bacnet::assemble(std::uint64_t key, Side side, std::uint8_t sequence, bool more,
                      base::ByteView& bytes) {
  auto found = std::ranges::find_if(
      assemblies_, [&](const Assembly& one) { return one.key == key && one.side == side; });
  if (sequence == 0 && more) {
    if (found == assemblies_.end()) {
      if (assemblies_.size() == kMaxAssemblies) assemblies_.erase(assemblies_.begin());
      assemblies_.emplace_back();
      found = assemblies_.end() - 1;
    }
    *found = {key, side, 1, base::ByteVec(bytes.begin(), bytes.end())};
    return false;
  }
  if (sequence == 0) return true;
  if (found == assemblies_.end()) return false;
  // Sent again: it is there already.
  if (static_cast<std::uint8_t>(sequence + 1) == found->next) return false;
  if (sequence != found->next || found->bytes.size() + bytes.size() > kMaxAssembled) {
    assemblies_.erase(found);
    return false;
  }
  ++found->next;
  found->bytes.insert(found->bytes.end(), bytes.begin(), bytes.end());
  if (more) return false;
  assembled_ = std::move(found->bytes);
  assemblies_.erase(found);
  bytes = assembled_;
  return true;
}

void Bacnet::services(base::ByteView bytes, unsigned int service, Part part, const Call& call,
                      Sink& sink) {
  read_service(bytes, service, part, true, call.speaker, sink, found_);
}

void Bacnet::request(Reader& reader, std::uint8_t first, const Call& call, Sink& sink) {
  const std::uint8_t sizes = reader.u8();
  const std::uint8_t invoke = reader.u8();
  const bool segmented = (first & 8U) != 0;
  const bool more = segmented && (first & 4U) != 0;
  sink.number("segmented", segmented ? 1 : 0);
  sink.number("more_segments", more ? 1 : 0);
  sink.number("segmented_accepted", first >> 1U & 1U);
  sink.number("max_segments", sizes >> 4U & 7U);
  sink.number("max_apdu_code", sizes & 15U);
  sink.number("invoke_id", invoke);
  std::uint8_t sequence = 0;
  if (segmented) {
    sequence = reader.u8();
    sink.number("sequence_number", sequence);
    sink.number("window_size", reader.u8());
  }
  const std::uint8_t choice = reader.u8();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "confirmed request"});
    return;
  }
  sink.number("confirmed_service", choice);
  const Service service = confirmed_service(choice);
  if (service.name.empty())
    sink.issue({Issue::Kind::Violation, "reserved confirmed service", choice});
  const Network& network = call.network;
  const std::uint64_t key = key_of(invoke, network.to, network.to_address);
  base::ByteView bytes = reader.rest();
  if (!assemble(key, call.side, sequence, more, bytes)) return;
  services(bytes, choice, Part::Request, call, sink);
  Message message;
  message.kind = Kind::Request;
  message.key = key;
  message.operation = {choice, service.name};
  message.sub_operation = found_.detail;
  message.access = found_.access == Access::None ? service.access : found_.access;
  message.objects = std::span(found_.objects).first(found_.count);
  message.bytes = static_cast<std::uint32_t>(bytes.size());
  if (network.has_destination()) message.unit = network.to;
  sink.message(message);
}

void Bacnet::unconfirmed(Reader& reader, const Call& call, Sink& sink) {
  const std::uint8_t choice = reader.u8();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "unconfirmed request"});
    return;
  }
  sink.number("unconfirmed_service", choice);
  const Service service = unconfirmed_service(choice);
  if (service.name.empty())
    sink.issue({Issue::Kind::Violation, "reserved unconfirmed service", choice});
  services(reader.rest(), choice, Part::Unconfirmed, call, sink);
  Message message;
  message.operation = {0x400U | choice, service.name};
  message.access = service.access;
  message.objects = std::span(found_.objects).first(found_.count);
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  tell_routed(call.network, message,
              call.network.has_source() ? call.network.from : call.network.to);
  sink.message(message);
}

void Bacnet::acknowledgement(Reader& reader, std::uint8_t first, const Call& call, Sink& sink) {
  const bool complex = first >> 4U == kComplexAck;
  const bool segmented = complex && (first & 8U) != 0;
  const bool more = segmented && (first & 4U) != 0;
  const std::uint8_t invoke = reader.u8();
  sink.number("invoke_id", invoke);
  std::uint8_t sequence = 0;
  if (complex) {
    sink.number("segmented", segmented ? 1 : 0);
    sink.number("more_segments", more ? 1 : 0);
  }
  if (segmented) {
    sequence = reader.u8();
    sink.number("sequence_number", sequence);
    sink.number("window_size", reader.u8());
  }
  const std::uint8_t choice = reader.u8();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "acknowledgement"});
    return;
  }
  sink.number("confirmed_service", choice);
  const Network& network = call.network;
  const std::uint64_t key = key_of(invoke, network.from, network.from_address);
  base::ByteView bytes = reader.rest();
  if (!assemble(key, call.side, sequence, more, bytes)) return;
  services(bytes, choice, Part::Ack, call, sink);
  const Service service = confirmed_service(choice);
  Message message;
  message.kind = Kind::Response;
  message.key = key;
  message.operation = {choice, service.name};
  message.access = service.access;
  message.status = {Outcome::Ok, 0, "acknowledged"};
  message.objects = std::span(found_.objects).first(found_.count);
  message.bytes = static_cast<std::uint32_t>(bytes.size());
  if (network.has_source()) message.unit = network.from;
  sink.message(message);
}

void Bacnet::refusal(Reader& reader, std::uint8_t first, const Call& call, Sink& sink) {
  const unsigned int type = first >> 4U;
  const std::uint8_t invoke = reader.u8();
  const std::uint8_t code = reader.u8();  // service, or reason
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "refusal"});
    return;
  }
  sink.number("invoke_id", invoke);
  Message message;
  message.kind = Kind::Response;
  const Network& network = call.network;
  message.key = key_of(invoke, network.from, network.from_address);
  if (network.has_source()) message.unit = network.from;
  switch (type) {
    case kError:
      sink.number("confirmed_service", code);
      services(reader.rest(), code, Part::Error, call, sink);
      message.operation = {code, confirmed_service(code).name};
      message.access = confirmed_service(code).access;
      message.status = found_.failure;
      if (message.status.name.empty()) message.status = {Outcome::Failed, 0, "error"};
      break;
    case kReject:
      sink.number("reject_reason", code);
      message.operation = {0, "reject"};
      message.status = {Outcome::Failed, code, reject_reason(code)};
      sink.issue({Issue::Kind::Violation, "request rejected as not of the standard", code});
      break;
    default:
      sink.number("abort_reason", code);
      sink.number("by_server", first & 1U);
      message.operation = {0, "abort"};
      message.status = {Outcome::Failed, code, abort_reason(code)};
      // The client may give up, too: then nobody answers.
      if ((first & 1U) == 0) message.kind = Kind::OneWay;
      break;
  }
  sink.message(message);
}

// The link header says the length; the network header may not use its reserved bits.
Match probe(const Sample& sample) {
  Reader reader(sample.bytes);
  const std::uint8_t type = reader.u8();
  const std::uint8_t function = reader.u8();
  const std::uint16_t length = reader.u16be();
  if (!reader || type != kBvlcType || link_function(function).name.empty() ||
      length != sample.bytes.size())
    return Match::No;
  if (function == kForwarded) reader.skip(6);
  if (function == kForwarded || (function >= kDistribute && function <= kBroadcast)) {
    const std::uint8_t version = reader.u8();
    const std::uint8_t control = reader.u8();
    return reader && version == 1 && (control & 0x50U) == 0 ? Match::Yes : Match::No;
  }
  static constexpr std::uint8_t kSizes[] = {2, 0, 0, 0, 0, 2, 0, 0, 6};
  const bool fits = function >= std::size(kSizes) || kSizes[function] == 0
                        ? function == 2 || function == 6 || reader.remaining() % 10 == 0
                        : reader.remaining() == kSizes[function];
  return fits ? Match::Likely : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<Bacnet>();
}

constexpr Transport kTransports[] = {Transport::Udp};
constexpr std::uint16_t kPorts[] = {47808};

}  // namespace

const Protocol kProtocol = {.name = "bacnet",
                            .title = "BACnet/IP",
                            .industrial = true,
                            .transports = kTransports,
                            .ports = kPorts,
                            .selectors = {},
                            .probe = probe,
                            .open = open};

}  // namespace dissect::bacnet
