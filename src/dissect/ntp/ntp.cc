#include "dissect/ntp/ntp.h"

#include <string>

#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::ntp {

namespace {

constexpr std::size_t kHeader = 48;

enum Mode : std::uint8_t {
  kActive = 1,
  kPassive,
  kClient,
  kServer,
  kBroadcast,
  kControl,
  kPrivate
};

constexpr Named kModes[] = {
    {1, "symmetric active"}, {2, "symmetric passive"}, {3, "client"},  {4, "server"},
    {5, "broadcast"},        {6, "control"},           {7, "private"},
};
static_assert(sorted_by_code(kModes));

constexpr Named kControls[] = {
    {1, "read status"},          {2, "read variables"},
    {3, "write variables"},      {4, "read clock"},
    {5, "write clock"},          {6, "set trap address"},
    {7, "trap response"},        {8, "configure"},
    {9, "export configuration"}, {10, "read most recently used"},
    {11, "read ordered list"},   {12, "request nonce"},
    {31, "unset trap"},
};
static_assert(sorted_by_code(kControls));
constexpr std::uint8_t kReadStatus = 1;

class NtpSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    const std::uint8_t flags = reader.u8();
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "message ends within its header"});
      return;
    }
    const std::uint8_t mode = flags & 7U;
    sink.number("flags", flags);
    if (mode != kPrivate) sink.number("leap", flags >> 6U);
    sink.number("version", flags >> 3U & 7U);
    sink.number("mode", mode);
    if (mode == kControl) {
      control(reader, sink);
    } else if (mode == kPrivate) {
      private_request(flags, reader, sink);
    } else {
      time(pdu, mode, reader, sink);
    }
  }

 private:
  static void time(const Pdu& pdu, std::uint8_t mode, Reader reader, Sink& sink) {
    const std::uint8_t stratum = reader.u8();
    const std::uint8_t poll = reader.u8();
    const std::uint8_t precision = reader.u8();
    const std::uint32_t delay = reader.u32be();
    const std::uint32_t dispersion = reader.u32be();
    const base::ByteView reference = reader.bytes(4);
    const base::ByteView updated = reader.bytes(8);
    const std::uint64_t origin = reader.u64be();
    const std::uint64_t received = reader.u64be();
    const std::uint64_t sent = reader.u64be();
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "message ends within its header", 0,
                  static_cast<std::uint32_t>(pdu.bytes.size())});
      return;
    }
    if (sink.wants_details()) {
      sink.number("stratum", stratum);
      sink.number("poll", poll);
      sink.number("precision", precision);
      sink.number("root_delay", delay);
      sink.number("root_dispersion", dispersion);
      sink.bytes("reference_id", reference);
      sink.bytes("reference_time", updated);
      sink.number("origin_time", origin);
      sink.number("receive_time", received);
      sink.number("transmit_time", sent);
    }
    if (mode == 0) sink.issue({Issue::Kind::Violation, "mode that is not used", mode, 0});
    if (stratum > 16) sink.issue({Issue::Kind::Violation, "stratum beyond 16", stratum, 1});
    tell_time(mode, stratum, origin, sent, reference, sink);
  }

  static void tell_time(std::uint8_t mode, std::uint8_t stratum, std::uint64_t origin,
                        std::uint64_t sent, base::ByteView reference, Sink& sink) {
    // What a server follows: a name of four letters, or an address.
    const std::string source =
        stratum <= 1 ? printable(reference) : IpAddress::of(reference).text();
    const Object object{"time source", source};
    Message message;
    message.operation = {mode, name_of(kModes, mode)};
    message.access = Access::Read;
    if (mode == kClient) {
      message.kind = Kind::Request;
      message.key = sent;
    } else if (mode == kServer) {
      message.kind = Kind::Response;
      message.key = origin;
      message.objects = {&object, 1};
      // Stratum 0 refuses, with the reason where the source is.
      message.status = {stratum == 0 ? Outcome::Failed : Outcome::Ok, stratum,
                        stratum == 0 ? "refused" : ""};
    }
    sink.message(message);
  }

  static void control(Reader reader, Sink& sink) {
    const std::uint8_t code = reader.u8();
    const std::uint16_t sequence = reader.u16be();
    const std::uint16_t status = reader.u16be();
    const std::uint16_t association = reader.u16be();
    const std::uint16_t offset = reader.u16be();
    const std::uint16_t size = reader.u16be();
    const base::ByteView data = reader.bytes(size);
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "control message ends within its data", size});
      return;
    }
    const bool response = (code & 0x80U) != 0;
    const bool failed = (code & 0x40U) != 0;
    const std::uint8_t operation = code & 31U;
    if (sink.wants_details()) {
      sink.number("control_operation", operation);
      sink.number("control_response", response ? 1 : 0);
      sink.number("sequence", sequence);
      sink.number("association", association);
      sink.number("offset", offset);
      sink.number("count", size);
    }
    if (response && operation == kReadStatus && association == 0) associations(Reader(data), sink);
    if (response && operation == 2) variables(base::as_text(data), sink);
    Message message;
    message.kind = response ? Kind::Response : Kind::Request;
    message.key = std::uint64_t{1} << 32U | sequence;
    message.last = (code & 0x20U) == 0;
    message.operation = {kControl, "control"};
    message.sub_operation = {operation, name_of(kControls, operation)};
    const bool writes =
        operation == 3 || operation == 5 || operation == 6 || operation == 8 || operation == 31;
    message.access = writes ? Access::ConfigWrite : Access::Diagnostics;
    if (response)
      message.status = {failed ? Outcome::Failed : Outcome::Ok, failed ? status >> 8U : 0U, {}};
    sink.message(message);
  }

  // Whom it synchronises with: numbers that further questions name, and a status word of each.
  static void associations(Reader reader, Sink& sink) {
    while (reader.remaining() >= 4) {
      sink.number("association", reader.u16be());
      sink.number("peer_status", reader.u16be());
    }
  }

  // version="ntpd 4.2.8p15", processor="x86_64", system="Linux/5.10"
  static void variables(std::string_view text, Sink& sink) {
    struct Variable {
      std::string_view name;
      Fact fact;
    };
    static constexpr Variable kVariables[] = {
        {"version=\"", Fact::Software}, {"processor=\"", Fact::Hardware}, {"system=\"", Fact::Os}};
    for (const Variable& one : kVariables) {
      const std::size_t at = text.find(one.name);
      if (at == std::string_view::npos) continue;
      const std::string_view value = text.substr(at + one.name.size());
      sink.tell(one.fact, printable(value.substr(0, value.find('"'))), Confidence::Banner);
    }
  }

  static void private_request(std::uint8_t flags, Reader reader, Sink& sink) {
    reader.skip(1);
    const std::uint8_t implementation = reader.u8();
    const std::uint8_t code = reader.u8();
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "private message ends within its header"});
      return;
    }
    sink.number("implementation", implementation);
    sink.number("private_request", code);
    Message message;
    message.kind = (flags & 0x80U) != 0 ? Kind::Response : Kind::Request;
    message.last = (flags & 0x40U) == 0;
    message.operation = {kPrivate, "private"};
    // 42: the clients of a server, which answers far more than was asked.
    message.sub_operation = {code, code == 42 ? "monitor list" : ""};
    message.access = Access::Diagnostics;
    sink.message(message);
  }
};

// Of the years 1995 to 2036, or not known.
bool plausible_time(std::uint64_t time) {
  return time == 0 || time >> 32U >= 0xb3000000U;
}

// What a clock says of itself: not known to be on the port, so all of it must fit.
bool plausible(Reader reader) {
  reader.skip(3);
  const auto precision = static_cast<std::int8_t>(reader.u8());
  const std::uint32_t delay = reader.u32be();
  const std::uint32_t dispersion = reader.u32be();
  reader.skip(4);
  const std::uint64_t updated = reader.u64be();
  const std::uint64_t origin = reader.u64be();
  const std::uint64_t received = reader.u64be();
  const std::uint64_t sent = reader.u64be();
  static constexpr std::uint32_t kSixteenSeconds = 16U << 16U;
  return reader && precision <= 0 && precision >= -32 && delay <= kSixteenSeconds &&
         dispersion <= kSixteenSeconds && sent != 0 && plausible_time(updated) &&
         plausible_time(origin) && plausible_time(received) && plausible_time(sent);
}

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.empty()) return Match::No;
  const std::uint8_t mode = bytes[0] & 7U;
  const std::uint8_t version = bytes[0] >> 3U & 7U;
  if (version < 1 || version > 4 || mode == 0) return Match::No;
  const bool port = sample.flow.a.port == 123 || sample.flow.b.port == 123;
  if (mode == kControl || mode == kPrivate)
    return port && bytes.size() >= 8 ? Match::Likely : Match::No;
  if (bytes.size() < kHeader || bytes.size() > kHeader + 1024 || bytes[1] > 16) return Match::No;
  // Polls between 1 s and 36 h.
  if (bytes[2] > 17) return Match::No;
  return port || plausible(Reader(bytes)) ? Match::Likely : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<NtpSession>();
}

constexpr Transport kTransports[] = {Transport::Udp};
constexpr std::uint16_t kPorts[] = {123};

}  // namespace

constinit const Protocol kProtocol{"ntp", "NTP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::ntp
