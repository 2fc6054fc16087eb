#include "dissect/ptp/ptp.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "dissect/names.h"
#include "dissect/objects.h"
#include "dissect/ptp/management.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::ptp {

namespace {

constexpr std::size_t kHeader = 34;
constexpr std::size_t kHeader1 = 40;  // of version 1

enum Type : std::uint8_t {
  kSync = 0,
  kDelayRequest = 1,
  kPeerDelayRequest = 2,
  kPeerDelayResponse = 3,
  kFollowUp = 8,
  kDelayResponse = 9,
  kPeerDelayFollowUp = 10,
  kAnnounce = 11,
  kSignaling = 12,
  kManagement = 13,
};

constexpr Named kTypes[] = {
    {kSync, "Sync"},
    {kDelayRequest, "Delay_Req"},
    {kPeerDelayRequest, "Pdelay_Req"},
    {kPeerDelayResponse, "Pdelay_Resp"},
    {kFollowUp, "Follow_Up"},
    {kDelayResponse, "Delay_Resp"},
    {kPeerDelayFollowUp, "Pdelay_Resp_Follow_Up"},
    {kAnnounce, "Announce"},
    {kSignaling, "Signaling"},
    {kManagement, "Management"},
};
static_assert(sorted_by_code(kTypes));

// By the control field of version 1.
constexpr Named kControls[] = {
    {0, "Sync"}, {1, "Delay_Req"}, {2, "Follow_Up"}, {3, "Delay_Resp"}, {4, "Management"}};
static_assert(sorted_by_code(kControls));

constexpr Named kActions[] = {{kGet, "get"},
                              {kSet, "set"},
                              {kResponse, "response"},
                              {kCommand, "command"},
                              {kAcknowledge, "acknowledge"}};
static_assert(sorted_by_code(kActions));

constexpr Named kErrors[] = {
    {1, "response too big"}, {2, "no such id"},    {3, "wrong length"},       {4, "wrong value"},
    {5, "not settable"},     {6, "not supported"}, {0xfffe, "general error"},
};
static_assert(sorted_by_code(kErrors));

enum Tlv : std::uint16_t {
  kTlvManagement = 0x0001,
  kTlvError = 0x0002,
  kTlvOrganization = 0x0003,
  kTlvRequestUnicast = 0x0004,
  kTlvGrantUnicast = 0x0005,
  kTlvPathTrace = 0x0008,
};
constexpr Named kTlvs[] = {
    {kTlvManagement, "management"},
    {kTlvError, "management error"},
    {kTlvOrganization, "organization extension"},
    {kTlvRequestUnicast, "request unicast transmission"},
    {kTlvGrantUnicast, "grant unicast transmission"},
    {0x0006, "cancel unicast transmission"},
    {0x0007, "acknowledge cancel unicast transmission"},
    {kTlvPathTrace, "path trace"},
    {0x0009, "alternate time offset indicator"},
    {0x2000, "authentication"},
    {0x8000, "organization extension"},
    {0x8001, "l1 sync"},
    {0x8008, "pad"},
};
static_assert(sorted_by_code(kTlvs));

// What a body has at least (section 13.4 and following).
std::size_t body_size(std::uint8_t type) {
  switch (type) {
    case kSync:
    case kDelayRequest:
    case kFollowUp:
    case kSignaling:
      return 10;
    case kPeerDelayRequest:
    case kPeerDelayResponse:
    case kDelayResponse:
    case kPeerDelayFollowUp:
      return 20;
    case kAnnounce:
      return 30;
    default:
      return 14;
  }
}

std::uint8_t control_of(std::uint8_t type) {
  switch (type) {
    case kSync:
      return 0;
    case kDelayRequest:
      return 1;
    case kFollowUp:
      return 2;
    case kDelayResponse:
      return 3;
    case kManagement:
      return 4;
    default:
      return 5;
  }
}

struct Header {
  std::uint8_t type = 0;
  std::uint8_t version = 0;
  std::uint16_t length = 0;
  std::uint8_t domain = 0;
  std::uint16_t flags = 0;
  std::uint64_t clock = 0;
  std::uint16_t port = 0;
  std::uint16_t sequence = 0;
};

class PtpSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    if (pdu.bytes.size() >= 4 && pdu.bytes[0] == 0 && pdu.bytes[1] == 1 && pdu.bytes[2] == 0 &&
        pdu.bytes[3] == 1)
      return take_version_1(reader, sink);
    Header header;
    read_header(reader, header, sink);
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    if (header.version != 2)
      sink.issue({Issue::Kind::Unsupported, "version that is not known", header.version, 1});
    if (header.length < kHeader + body_size(header.type)) {
      sink.issue({Issue::Kind::Malformed, "length that is too small", header.length, 2});
      return;
    }
    if (header.length > pdu.size)
      sink.issue({Issue::Kind::Truncated, "shorter than its length", header.length, 2});
    // What follows the length is padding.
    Reader body = reader.sub(std::min<std::size_t>(header.length - kHeader, reader.remaining()));
    objects_.begin();
    Message message;
    message.operation = {header.type, name_of(kTypes, header.type)};
    message.unit = header.domain;
    message.bytes = header.length;
    message.key = std::uint64_t{1} << 32U | header.sequence;
    objects_.add(message, sink, {"clock", identity(header.clock), header.port, 1});
    read(pdu, header, body, message, sink);
    if (!body.ok()) sink.issue({Issue::Kind::Truncated, "ends within a field", header.type, 0});
    sink.message(message);
  }

 private:
  static void read_header(Reader& reader, Header& header, Sink& sink) {
    const std::uint8_t first = reader.u8();
    const std::uint8_t version = reader.u8();
    header.type = first & 15U;
    header.version = version & 15U;
    header.length = reader.u16be();
    header.domain = reader.u8();
    const std::uint8_t minor_sdo = reader.u8();
    header.flags = reader.u16be();
    const std::uint64_t correction = reader.u64be();
    reader.skip(4);
    header.clock = reader.u64be();
    header.port = reader.u16be();
    header.sequence = reader.u16be();
    const std::uint8_t control = reader.u8();
    const std::uint8_t interval = reader.u8();
    if (!reader.ok() || !sink.wants_details()) return;
    sink.number("major_sdo_id", first >> 4U);
    sink.number("message_type", header.type);
    sink.number("minor_version", version >> 4U);
    sink.number("version", header.version);
    sink.number("message_length", header.length);
    sink.number("domain", header.domain);
    sink.number("minor_sdo_id", minor_sdo);
    sink.number("flags", header.flags);
    sink.number("correction", correction);
    sink.number("clock_identity", header.clock);
    sink.number("port_number", header.port);
    sink.number("sequence_id", header.sequence);
    sink.number("control", control);
    sink.number("log_interval", interval);
  }

  // "001d9cfffec7b070", as it is written on devices.
  std::string_view identity(std::uint64_t clock) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<char, 16> text{};
    for (std::size_t i = 0; i < text.size(); ++i)
      text[i] = kDigits[clock >> (60 - 4 * i) & 15U];
    return objects_.compose({std::string_view(text.data(), text.size())});
  }

  void read(const Pdu& pdu, const Header& header, Reader& body, Message& message, Sink& sink) {
    // Who answers what was sent to all does so in another flow.
    const bool to_all = pdu.to.ip.group() || pdu.to.mac.group();
    switch (header.type) {
      case kSync:
      case kDelayRequest:
      case kPeerDelayRequest:
        timestamp(body, "origin", sink);
        if (header.type != kSync && !to_all) message.kind = Kind::Request;
        return;
      case kFollowUp:
        return timestamp(body, "precise_origin", sink);
      case kDelayResponse:
      case kPeerDelayResponse:
      case kPeerDelayFollowUp:
        timestamp(body, header.type == kPeerDelayFollowUp ? "response_origin" : "receive", sink);
        sink.number("requesting_clock", body.u64be());
        sink.number("requesting_port", body.u16be());
        if (!to_all && header.type != kPeerDelayFollowUp) {
          message.kind = Kind::Response;
          message.status.outcome = Outcome::Ok;
        }
        return;
      case kAnnounce:
        return announce(header, body, message, sink);
      case kSignaling:
        message.access = Access::Session;
        sink.number("target_clock", body.u64be());
        sink.number("target_port", body.u16be());
        return read_tlvs(body, 0, message, sink);
      case kManagement:
        return manage(to_all, body, message, sink);
      default:
        sink.issue({Issue::Kind::Malformed, "message type that does not exist", header.type, 0});
        return;
    }
  }

  static void timestamp(Reader& body, std::string_view name, Sink& sink) {
    const std::uint64_t seconds = body.big(6);
    const std::uint32_t nanoseconds = body.u32be();
    if (!body.ok()) return;
    if (nanoseconds >= 1'000'000'000)
      sink.issue({Issue::Kind::Violation, "time with too many nanoseconds", nanoseconds, 0});
    if (!sink.wants_details()) return;
    std::string full(name);
    sink.number(full + "_seconds", seconds);
    sink.number(full + "_nanoseconds", nanoseconds);
  }

  void announce(const Header& header, Reader& body, Message& message, Sink& sink) {
    timestamp(body, "origin", sink);
    const std::uint16_t offset = body.u16be();
    body.skip(1);
    const std::uint8_t priority1 = body.u8();
    const std::uint8_t clock_class = body.u8();
    const std::uint8_t accuracy = body.u8();
    const std::uint16_t variance = body.u16be();
    const std::uint8_t priority2 = body.u8();
    const std::uint64_t grandmaster = body.u64be();
    const std::uint16_t steps = body.u16be();
    const std::uint8_t source = body.u8();
    if (!body.ok()) return;
    sink.number("utc_offset", offset);
    sink.number("grandmaster_priority1", priority1);
    sink.number("grandmaster_class", clock_class);
    sink.number("grandmaster_accuracy", accuracy);
    sink.number("grandmaster_variance", variance);
    sink.number("grandmaster_priority2", priority2);
    sink.number("grandmaster", grandmaster);
    sink.number("steps_removed", steps);
    sink.number("time_source", source);
    objects_.add(message, sink, {"grandmaster", identity(grandmaster), clock_class, 1});
    message.access = Access::Discovery;
    if (steps == 0 && grandmaster != header.clock)
      sink.issue({Issue::Kind::Violation, "grandmaster is another clock", 0, 0});
    read_tlvs(body, 0, message, sink);
  }

  void manage(bool to_all, Reader& body, Message& message, Sink& sink) {
    sink.number("target_clock", body.u64be());
    sink.number("target_port", body.u16be());
    sink.number("starting_boundary_hops", body.u8());
    sink.number("boundary_hops", body.u8());
    const std::uint8_t action = body.u8() & 15U;
    body.skip(1);
    sink.number("action", action);
    if (!body.ok()) return;
    if (name_of(kActions, action).empty())
      sink.issue({Issue::Kind::Malformed, "action that does not exist", action, 0});
    message.access = Access::ConfigRead;
    const bool answers = action == kResponse || action == kAcknowledge;
    if (!to_all) message.kind = answers ? Kind::Response : Kind::Request;
    if (answers) message.status.outcome = Outcome::Ok;
    read_tlvs(body, action, message, sink);
  }

  void read_tlvs(Reader& body, std::uint8_t action, Message& message, Sink& sink) {
    while (body.ok() && body.remaining() >= 4) {
      const std::uint16_t type = body.u16be();
      const std::uint16_t length = body.u16be();
      Reader value = body.sub(length);
      sink.number("tlv_type", type);
      sink.number("tlv_length", length);
      if (!body.ok()) return;
      read_tlv(type, action, value, message, sink);
      if (!value.ok())
        sink.issue({Issue::Kind::Truncated, "extension ends within a field", type, 0});
    }
  }

  void read_tlv(std::uint16_t type, std::uint8_t action, Reader& value, Message& message,
                Sink& sink) {
    if (message.sub_operation.name.empty()) message.sub_operation = {type, name_of(kTlvs, type)};
    switch (type) {
      case kTlvManagement: {
        const std::uint16_t id = value.u16be();
        sink.number("management_id", id);
        message.access = management_access(action, id);
        message.sub_operation = {action, name_of(kActions, action)};
        objects_.add(message, sink, {"management", management_name(id), id, 1});
        return read_management(id, value, sink);
      }
      case kTlvError: {
        const std::uint16_t error = value.u16be();
        sink.number("management_error", error);
        sink.number("management_id", value.u16be());
        message.status = {Outcome::Failed, error, name_of(kErrors, error)};
        return;
      }
      case kTlvOrganization:
        sink.number("organization", value.u24be());
        sink.number("organization_type", value.u24be());
        return;
      case kTlvRequestUnicast:
      case kTlvGrantUnicast:
        sink.number("unicast_type", value.u8() >> 4U);
        sink.number("unicast_log_interval", value.u8());
        sink.number("unicast_duration", value.u32be());
        return;
      case kTlvPathTrace:
        while (value.ok() && value.remaining() >= 8)
          sink.number("path_clock", value.u64be());
        return;
      default:
        return;
    }
  }

  void take_version_1(Reader& reader, Sink& sink) {
    sink.number("version", reader.u16be());
    sink.number("network_version", reader.u16be());
    const std::string_view domain = reader.text(16);
    reader.skip(1);  // event or general
    reader.skip(1);  // of what kind the address is
    const base::ByteView clock = reader.bytes(6);
    const std::uint16_t port = reader.u16be();
    const std::uint16_t sequence = reader.u16be();
    const std::uint8_t control = reader.u8();
    reader.skip(1);
    const std::uint16_t flags = reader.u16be();
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 1, 0});
      return;
    }
    sink.shown("subdomain", domain);
    sink.bytes("clock_identity", clock);
    sink.number("port_number", port);
    sink.number("sequence_id", sequence);
    sink.number("control", control);
    sink.number("flags", flags);
    objects_.begin();
    Message message;
    message.operation = {control, name_of(kControls, control)};
    message.bytes = static_cast<std::uint32_t>(reader.remaining());
    objects_.add(message, sink, {"clock", objects_.compose({hex(clock)}), port, 1});
    if (message.operation.name.empty())
      sink.issue({Issue::Kind::Malformed, "message type that does not exist", control, 32});
    sink.message(message);
  }

  Objects objects_;
};

Match probe_version_1(base::ByteView bytes) {
  // A subdomain's name, an event or general message, by Ethernet or IP, and its control.
  const bool good = bytes.size() >= kHeader1 && (bytes[20] == 1 || bytes[20] == 2) &&
                    bytes[32] <= 5 && bytes[4] == '_';
  return good ? Match::Yes : Match::No;
}

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.size() < kHeader) return Match::No;
  if (bytes[0] == 0 && bytes[1] == 1 && bytes[2] == 0 && bytes[3] == 1)
    return probe_version_1(bytes);
  const std::uint8_t type = bytes[0] & 15U;
  if ((bytes[1] & 15U) != 2 || bytes[1] >> 4U > 1 || name_of(kTypes, type).empty())
    return Match::No;
  const std::size_t length = std::size_t{bytes[2]} << 8U | bytes[3];
  // Some add two bytes to what they send over UDP (annex E).
  const bool fits = length >= kHeader + body_size(type) && length <= bytes.size();
  if (!fits) return Match::No;
  const bool link = sample.flow.transport == Transport::Link;
  if (!link && bytes.size() - length > 2) return Match::No;
  const std::uint8_t control = bytes[32];
  if (control == control_of(type)) return Match::Yes;
  return control == 0 && bytes[1] >> 4U == 1 ? Match::Likely : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<PtpSession>();
}

constexpr Transport kTransports[] = {Transport::Link, Transport::Udp};
constexpr std::uint16_t kPorts[] = {319, 320};
constexpr std::uint16_t kSelectors[] = {0x88f7};

}  // namespace

constinit const Protocol kProtocol{
    "ptp", "Precision Time Protocol", false, kTransports, kPorts, kSelectors, probe, open};

}  // namespace dissect::ptp
