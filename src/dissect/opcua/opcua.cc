#include "dissect/opcua/opcua.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "dissect/opcua/service.h"
#include "dissect/text.h"

namespace dissect::opcua {

namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kMaxMessage = 64U << 20U;
constexpr std::size_t kMaxAssembled = 256U << 10U;
constexpr std::size_t kMaxAssemblies = 4;
constexpr std::size_t kMaxReads = 16;
constexpr std::string_view kNoPolicy = "http://opcfoundation.org/UA/SecurityPolicy#None";

enum class MessageType : std::uint8_t {
  None,
  Hello,
  Acknowledge,
  Error,
  Reverse,
  Open,
  Close,
  Message
};

MessageType kind_of(base::ByteView bytes) {
  const std::string_view type = base::as_text(bytes.first(3));
  if (type == "MSG") return MessageType::Message;
  if (type == "OPN") return MessageType::Open;
  if (type == "CLO") return MessageType::Close;
  if (type == "HEL") return MessageType::Hello;
  if (type == "ACK") return MessageType::Acknowledge;
  if (type == "ERR") return MessageType::Error;
  if (type == "RHE") return MessageType::Reverse;
  return MessageType::None;
}

// Whether a chunk begins here, as far as it is there.
bool begins(base::ByteView bytes) {
  if (bytes.size() < kHeader) return false;
  const MessageType kind = kind_of(bytes);
  const char chunk = static_cast<char>(bytes[3]);
  const std::uint32_t size = Reader(bytes.subspan(4)).u32le();
  if (kind == MessageType::None || size < kHeader || size > kMaxMessage) return false;
  return chunk == 'F' || (kind == MessageType::Message && (chunk == 'C' || chunk == 'A'));
}

// What a side has sent of one message in chunks.
struct Assembly {
  Side side = Side::A;
  std::uint32_t request = 0;
  bool cut = false;
  base::ByteVec bytes;
};

struct Read {
  std::uint32_t request = 0;
  std::vector<Asked> asked;
};

enum class Cipher : std::uint8_t { Unknown, Plain, Encrypted };

class OpcUa final : public Session {
 public:
  Frame frame(Side side, base::ByteView bytes) override;
  void take(const Pdu& pdu, Sink& sink) override;
  void gap(Side side) override;
  std::optional<std::size_t> resync(Side side, base::ByteView bytes) override;

 private:
  struct Chunk {
    MessageType kind = MessageType::None;
    char part = 'F';
    Side side = Side::A;
    std::uint32_t channel = 0;
    std::uint32_t request = 0;
  };
  static void greeting(MessageType kind, Reader& reader, Sink& sink);
  static void error(Reader& reader, Sink& sink);
  void secured(Chunk chunk, Reader& reader, const Pdu& pdu, Sink& sink);
  bool open_header(Reader& reader, Sink& sink);
  bool assemble(const Chunk& chunk, base::ByteView& bytes, bool& cut, Sink& sink);
  void service(const Chunk& chunk, base::ByteView bytes, bool cut, Sink& sink);
  void request(const Chunk& chunk, const Service& service, Reader& reader, Sink& sink);
  void response(const Chunk& chunk, const Service& service, Reader& reader, Sink& sink);
  static void encrypted(const Chunk& chunk, std::size_t size, Sink& sink);

  Cipher cipher_ = Cipher::Unknown;
  std::vector<Assembly> assemblies_;
  std::vector<Read> reads_;
  base::ByteVec whole_;
  // Of the message at hand, and the thread's: there are many sessions.
  static inline thread_local Found found_;
};

Frame OpcUa::frame(Side, base::ByteView bytes) {
  if (bytes.size() < kHeader) return Frame::need(kHeader);
  if (!begins(bytes)) return Frame::lost();
  return Frame::pdu(Reader(bytes.subspan(4)).u32le());
}

std::optional<std::size_t> OpcUa::resync(Side, base::ByteView bytes) {
  for (std::size_t at = 0; at + kHeader <= bytes.size(); ++at) {
    if (begins(bytes.subspan(at))) return at;
  }
  return std::nullopt;
}

void OpcUa::gap(Side side) {
  std::erase_if(assemblies_, [side](const Assembly& one) { return one.side == side; });
}

void OpcUa::take(const Pdu& pdu, Sink& sink) {
  if (!begins(pdu.bytes)) return;
  Chunk chunk;
  chunk.kind = kind_of(pdu.bytes);
  chunk.part = static_cast<char>(pdu.bytes[3]);
  chunk.side = pdu.side;
  Reader reader(pdu.bytes);
  sink.text("message_type", reader.text(3));
  sink.text("chunk_type", reader.text(1));
  sink.number("message_size", reader.u32le());
  switch (chunk.kind) {
    case MessageType::Hello:
    case MessageType::Acknowledge:
    case MessageType::Reverse:
      return greeting(chunk.kind, reader, sink);
    case MessageType::Error:
      return error(reader, sink);
    default:
      return secured(chunk, reader, pdu, sink);
  }
}

void OpcUa::greeting(MessageType kind, Reader& reader, Sink& sink) {
  Message message;
  message.kind = kind == MessageType::Hello         ? Kind::Request
                 : kind == MessageType::Acknowledge ? Kind::Response
                                                    : Kind::OneWay;
  message.access = Access::Session;
  message.operation = {static_cast<std::uint32_t>(kind),
                       kind == MessageType::Reverse ? "ReverseHello" : "Hello"};
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  std::string url;
  if (kind == MessageType::Reverse) {
    sink.text("server_uri", printable(read_string(reader)));
    url = printable(read_string(reader));
  } else {
    sink.number("protocol_version", reader.u32le());
    sink.number("receive_buffer", reader.u32le());
    sink.number("send_buffer", reader.u32le());
    sink.number("max_message", reader.u32le());
    sink.number("max_chunks", reader.u32le());
    if (kind == MessageType::Hello) url = printable(read_string(reader));
  }
  if (!reader) sink.issue({Issue::Kind::Truncated, "greeting", 0, 8});
  if (!url.empty()) sink.text("hello_url", url);
  const Object object = {"endpoint", url, 0, 0};
  if (!url.empty()) message.objects = std::span(&object, 1);
  if (kind == MessageType::Acknowledge) message.status = {Outcome::Ok, 0, "Good"};
  sink.message(message);
}

void OpcUa::error(Reader& reader, Sink& sink) {
  const std::uint32_t code = reader.u32le();
  const std::string_view reason = read_string(reader);
  if (!reader) sink.issue({Issue::Kind::Truncated, "error message", 0, 8});
  sink.number("error", code);
  sink.text("reason", printable(reason));
  Message message;
  message.operation = {static_cast<std::uint32_t>(MessageType::Error), "Error"};
  message.access = Access::Session;
  message.status = {Outcome::Failed, code, status_name(code)};
  sink.message(message);
}

// False: what follows is encrypted.
bool OpcUa::open_header(Reader& reader, Sink& sink) {
  const std::string_view policy = read_string(reader);
  const std::string_view certificate = read_string(reader);
  const std::string_view thumbprint = read_string(reader);
  if (!reader) return false;
  sink.text("policy", printable(policy));
  if (!certificate.empty()) sink.bytes("sender_certificate", base::as_bytes(certificate));
  if (!thumbprint.empty()) sink.bytes("receiver_thumbprint", base::as_bytes(thumbprint));
  cipher_ = policy == kNoPolicy ? Cipher::Plain : Cipher::Encrypted;
  return cipher_ == Cipher::Plain;
}

// Whether a sequence header and the type of a service follow.
bool looks_plain(base::ByteView bytes) {
  Reader reader(bytes);
  reader.skip(8);
  const NodeId type = read_node_id(reader);
  return reader && type.space == 0 && type.kind == 'i' &&
         (type.number == kServiceFault || find_service(type.number) != nullptr);
}

void OpcUa::secured(Chunk chunk, Reader& reader, const Pdu& pdu, Sink& sink) {
  chunk.channel = reader.u32le();
  sink.number("channel", chunk.channel);
  bool plain = true;
  if (chunk.kind == MessageType::Open) {
    plain = open_header(reader, sink);
  } else {
    sink.number("token", reader.u32le());
    const bool first = std::ranges::none_of(
        assemblies_, [&](const Assembly& one) { return one.side == chunk.side; });
    // A channel that only signs has its messages in the clear.
    if (cipher_ != Cipher::Plain && first) plain = looks_plain(reader.rest());
  }
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "security header", 0, 8});
    return;
  }
  if (!plain) return encrypted(chunk, pdu.size, sink);
  sink.number("sequence_number", reader.u32le());
  chunk.request = reader.u32le();
  sink.number("request_id", chunk.request);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "sequence header", 0, 12});
    return;
  }
  base::ByteView bytes = reader.rest();
  bool cut = pdu.bytes.size() < pdu.size;
  if (chunk.part == 'A') {
    std::erase_if(assemblies_, [&](const Assembly& one) {
      return one.side == chunk.side && one.request == chunk.request;
    });
    return;
  }
  if (!assemble(chunk, bytes, cut, sink)) return;
  service(chunk, bytes, cut, sink);
}

bool OpcUa::assemble(const Chunk& chunk, base::ByteView& bytes, bool& cut, Sink& sink) {
  auto found = std::ranges::find_if(assemblies_, [&](const Assembly& one) {
    return one.side == chunk.side && one.request == chunk.request;
  });
  if (found == assemblies_.end()) {
    if (chunk.part == 'F') return true;
    if (assemblies_.size() == kMaxAssemblies) assemblies_.erase(assemblies_.begin());
    assemblies_.push_back({chunk.side, chunk.request, false, {}});
    found = assemblies_.end() - 1;
  }
  if (found->bytes.size() + bytes.size() > kMaxAssembled) {
    if (!found->cut)
      sink.issue({Issue::Kind::LeftOut, "message in chunks too large",
                  static_cast<std::uint32_t>(found->bytes.size())});
    found->cut = true;
  }
  // After something left out, nothing fits.
  if (!found->cut) found->bytes.insert(found->bytes.end(), bytes.begin(), bytes.end());
  found->cut = found->cut || cut;
  if (chunk.part == 'C') return false;
  whole_ = std::move(found->bytes);
  cut = found->cut;
  assemblies_.erase(found);
  bytes = whole_;
  return true;
}

void OpcUa::service(const Chunk& chunk, base::ByteView bytes, bool cut, Sink& sink) {
  Reader reader(bytes);
  const NodeId type = read_node_id(reader);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "type of a service", chunk.request});
    return;
  }
  sink.number("service", type.number);
  const Service* found = find_service(type.number);
  static constexpr Service kFault = {0, kServiceFault, "ServiceFault", Access::None};
  if (type.number == kServiceFault) found = &kFault;
  if (type.space != 0 || type.kind != 'i' || found == nullptr) {
    sink.issue({Issue::Kind::Unsupported, "service", type.number});
    return;
  }
  if (type.number == found->request) {
    request(chunk, *found, reader, sink);
  } else {
    response(chunk, *found, reader, sink);
  }
  if (!reader && !cut)
    sink.issue({Issue::Kind::Malformed, "body of a service", type.number,
                static_cast<std::uint32_t>(reader.offset())});
  if (found_.left_out) sink.issue({Issue::Kind::LeftOut, "more objects than are listed"});
}

std::uint64_t key_of(std::uint32_t request) {
  return std::uint64_t{1} << 32U | request;
}

void OpcUa::request(const Chunk& chunk, const Service& service, Reader& reader, Sink& sink) {
  Message message;
  message.kind = service.request == 452 ? Kind::OneWay : Kind::Request;  // nobody answers the close
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  read_request(reader, service, sink, found_);
  if (!found_.asked.empty()) {
    if (reads_.size() == kMaxReads) reads_.erase(reads_.begin());
    reads_.push_back({chunk.request, found_.asked});
  }
  message.key = key_of(chunk.request);
  message.operation = {service.request, service.name};
  message.sub_operation = found_.detail;
  message.access = service.access;
  message.objects = std::span(found_.objects).first(found_.count);
  sink.message(message);
}

void OpcUa::response(const Chunk& chunk, const Service& service, Reader& reader, Sink& sink) {
  Message message;
  message.kind = Kind::Response;
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  std::vector<Asked> asked;
  const auto read = std::ranges::find(reads_, chunk.request, &Read::request);
  if (read != reads_.end()) {
    asked = std::move(read->asked);
    reads_.erase(read);
  }
  read_response(reader, service, asked, sink, found_);
  message.key = key_of(chunk.request);
  message.operation = {service.request, service.name};
  message.sub_operation = found_.detail;
  message.access = found_.access == Access::None ? service.access : found_.access;
  message.status = {is_bad(found_.result) ? Outcome::Failed : Outcome::Ok, found_.result,
                    status_name(found_.result)};
  sink.message(message);
}

void OpcUa::encrypted(const Chunk& chunk, std::size_t size, Sink& sink) {
  Message message;
  message.bytes = static_cast<std::uint32_t>(size);
  message.operation = {static_cast<std::uint32_t>(chunk.kind),
                       chunk.kind == MessageType::Open    ? "OpenSecureChannel"
                       : chunk.kind == MessageType::Close ? "CloseSecureChannel"
                                                          : "encrypted message"};
  message.access = chunk.kind == MessageType::Message ? Access::None : Access::Session;
  sink.message(message);
}

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.size() < kHeader) {
    const std::string_view there =
        base::as_text(bytes.first(std::min<std::size_t>(3, bytes.size())));
    for (const std::string_view type : {"HEL", "ACK", "ERR", "RHE", "OPN", "CLO", "MSG"}) {
      if (type.starts_with(there)) return Match::Unsure;
    }
    return Match::No;
  }
  if (!begins(bytes)) return Match::No;
  const std::uint32_t size = Reader(bytes.subspan(4)).u32le();
  if (bytes.size() >= size + kHeader && !begins(bytes.subspan(size))) return Match::No;
  return Match::Yes;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<OpcUa>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {4840};

}  // namespace

const Protocol kProtocol = {.name = "opcua",
                            .title = "OPC UA",
                            .industrial = true,
                            .transports = kTransports,
                            .ports = kPorts,
                            .selectors = {},
                            .probe = probe,
                            .open = open};

}  // namespace dissect::opcua
