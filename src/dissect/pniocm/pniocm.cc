#include "dissect/pniocm/pniocm.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>

#include "dissect/pniocm/blocks.h"
#include "dissect/pniocm/rpc.h"

namespace dissect::pniocm {

namespace {

struct Operations {
  std::string_view name;
  Access access;
};
constexpr Operations kOperations[] = {
    {"connect", Access::Session}, {"release", Access::Session}, {"read", Access::Read},
    {"write", Access::Write},     {"control", Access::Session}, {"read implicit", Access::Read},
};

// Which step refused, by the first byte of a status. Source: IEC 61158-6-10, 5.2.6.
std::string_view status_name(std::uint32_t status) {
  switch (status >> 24U) {
    case 0x00:
      return "ok";
    case 0xdb:
      return "connect refused";
    case 0xdc:
      return "release refused";
    case 0xdd:
      return "control refused";
    case 0xde:
      return "read refused";
    case 0xdf:
      return "write refused";
    default:
      return "error";
  }
}

// The activity and its running number; several activities use one pair of ports.
std::uint64_t key_of(const RpcHeader& header) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const std::uint8_t byte : header.activity)
    hash = (hash ^ byte) * 0x100000001b3ULL;
  return (hash ^ header.sequence) | std::uint64_t{1} << 63U;
}

class PnioCm final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override;

 private:
  static void tell_header(const RpcHeader& header, Sink& sink);
  static void call(const RpcHeader& header, Reader& reader, Sink& sink);
  static void arguments(const RpcHeader& header, Reader& reader, Sink& sink, Found& found,
                        Message& message);
};

void PnioCm::tell_header(const RpcHeader& header, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.number("packet_type", header.type);
  sink.number("flags", header.flags);
  sink.number("rpc_sequence", header.sequence);
  sink.number("operation", header.operation);
  sink.number("fragment_length", header.length);
  sink.number("fragment_number", header.fragment);
}

void PnioCm::take(const Pdu& pdu, Sink& sink) {
  const auto header = RpcHeader::read(pdu.bytes);
  if (!header) {
    sink.issue({Issue::Kind::Malformed, "RPC header"});
    return;
  }
  // Endpoint mapping and others use the port, too.
  if (!header->profinet()) return;
  tell_header(*header, sink);
  Reader reader(pdu.bytes.subspan(RpcHeader::kSize));
  if (header->length > reader.remaining()) {
    sink.issue({Issue::Kind::Truncated, "RPC packet", header->length, 74});
    return;
  }
  switch (header->type) {
    case kRequest:
    case kResponse:
      if (header->fragment != 0) return;
      if (header->fragmented())
        sink.issue({Issue::Kind::LeftOut, "fragments behind the first", header->length});
      {
        Reader body = reader.sub(header->length);
        call(*header, body, sink);
      }
      return;
    case kFault:
    case kReject: {
      Message message;
      message.kind = Kind::Response;
      message.key = key_of(*header);
      const std::uint32_t code = header->u32(reader);
      sink.number("rpc_status", code);
      message.operation = {header->operation, "RPC fault"};
      message.status = {Outcome::Failed, code,
                        header->type == kFault ? "RPC fault" : "RPC rejected"};
      sink.message(message);
      return;
    }
    default:
      return;
  }
}

// What the array of arguments has around its blocks.
void PnioCm::arguments(const RpcHeader& header, Reader& reader, Sink& sink, Found& found,
                       Message& message) {
  const std::uint32_t first = header.u32(reader);
  if (header.type == kResponse) {
    sink.number("status", first);
    message.status = {first == 0 ? Outcome::Ok : Outcome::Failed, first, status_name(first)};
  } else {
    sink.number("arguments_maximum", first);
  }
  const std::uint32_t length = header.u32(reader);
  sink.number("arguments_length", length);
  reader.skip(8);
  const std::uint32_t there = header.u32(reader);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "arguments", header.operation, 80});
    return;
  }
  message.bytes = there;
  if (there != length || (there > reader.remaining() && !header.fragmented()))
    sink.issue({Issue::Kind::Malformed, "length of the arguments", there, 80});
  if (header.fragmented()) return;
  Reader blocks = reader.sub(std::min<std::size_t>(there, reader.remaining()));
  read_blocks(blocks, sink, found);
}

void PnioCm::call(const RpcHeader& header, Reader& reader, Sink& sink) {
  Found found;
  Message message;
  message.kind = header.type == kRequest ? Kind::Request : Kind::Response;
  message.key = key_of(header);
  if (header.operation < std::size(kOperations)) {
    message.operation = {header.operation, kOperations[header.operation].name};
    message.access = kOperations[header.operation].access;
    arguments(header, reader, sink, found, message);
  } else {
    sink.issue({Issue::Kind::Violation, "reserved operation", header.operation, 68});
    message.operation = {header.operation, {}};
  }
  if (found.access != Access::None) message.access = found.access;
  message.sub_operation = found.command;
  message.unit = found.slot;
  message.objects = std::span(found.objects).first(found.count);
  sink.message(message);
  // A controller calls a device back by the device's own object.
  if (header.type == kResponse && header.interface[header.little ? 0 : 3] == 0x01 &&
      header.vendor_id() != 0)
    sink.tell(Fact::VendorId, "PROFINET " + std::to_string(header.vendor_id()));
}

Match probe(const Sample& sample) {
  const auto header = RpcHeader::read(sample.bytes);
  if (!header || !header->profinet() || header->type > 10) return Match::No;
  return header->length <= sample.bytes.size() - RpcHeader::kSize ? Match::Yes : Match::Likely;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<PnioCm>();
}

constexpr Transport kTransports[] = {Transport::Udp};
constexpr std::uint16_t kPorts[] = {34964};

}  // namespace

const Protocol kProtocol = {.name = "pniocm",
                            .title = "PROFINET context management",
                            .industrial = true,
                            .transports = kTransports,
                            .ports = kPorts,
                            .selectors = {},
                            .probe = probe,
                            .open = open};

}  // namespace dissect::pniocm
