#include "dissect/iec104/iec104.h"

#include <memory>
#include <optional>

#include "dissect/iec104/asdu.h"
#include "dissect/reader.h"

namespace dissect::iec104 {

namespace {

constexpr std::uint8_t kStart = 0x68;
constexpr std::size_t kHeader = 6;
constexpr std::size_t kMinLength = 4;    // of the control fields
constexpr std::size_t kMaxLength = 253;  // IEC 60870-5-104:2006, 5

// Unnumbered control functions: what is asked and confirmed.
struct Control {
  std::uint8_t code;
  std::string_view name;
  bool confirms;
  Access access;
};
constexpr Control kControls[] = {
    {0x07, "STARTDT", false, Access::Session}, {0x0b, "STARTDT", true, Access::Session},
    {0x13, "STOPDT", false, Access::Session},  {0x23, "STOPDT", true, Access::Session},
    {0x43, "TESTFR", false, Access::None},     {0x83, "TESTFR", true, Access::None}};

const Control* find_control(std::uint8_t code) {
  for (const Control& one : kControls) {
    if (one.code == code) return &one;
  }
  return nullptr;
}

enum class Format : std::uint8_t { Information, Supervisory, Unnumbered };

Format format_of(std::uint8_t control) {
  if ((control & 1U) == 0) return Format::Information;
  return (control & 3U) == 1 ? Format::Supervisory : Format::Unnumbered;
}

// Whether more bytes are needed before plausible() can say something.
bool too_short(base::ByteView bytes) {
  if (bytes.size() < 3) return true;
  const bool numbered = format_of(bytes[2]) == Format::Information;
  return bytes.size() < (numbered ? kHeader + AsduHeader::kSize : kHeader) &&
         bytes.size() < 2U + bytes[1];
}

// Whether an APDU begins as the standard has it; of objects, what the header says of their size.
bool plausible(base::ByteView bytes) {
  if (bytes.size() < kHeader || bytes[0] != kStart || bytes[1] < kMinLength ||
      bytes[1] > kMaxLength)
    return false;
  switch (format_of(bytes[2])) {
    case Format::Supervisory:
      return bytes[1] == 4 && bytes[2] == 1 && bytes[3] == 0 && (bytes[4] & 1U) == 0;
    case Format::Unnumbered:
      return bytes[1] == 4 && bytes[3] == 0 && bytes[4] == 0 && bytes[5] == 0 &&
             find_control(bytes[2]) != nullptr;
    case Format::Information:
      break;
  }
  if ((bytes[4] & 1U) != 0 || bytes[1] < kMinLength + AsduHeader::kSize) return false;
  Reader reader(bytes.subspan(kHeader));
  const AsduHeader header = AsduHeader::read(reader);
  const Type* const type = reader ? find_type(header.type) : nullptr;
  if (type == nullptr || header.count == 0 || cause_name(header.cause).empty()) return false;
  const std::size_t said = bytes[1] - kMinLength - AsduHeader::kSize;
  const std::size_t wanted = objects_size(header, *type);
  return header.type == 125 ? said >= wanted : said == wanted;
}

class Iec104 final : public Session {
 public:
  Frame frame(Side side, base::ByteView bytes) override;
  void take(const Pdu& pdu, Sink& sink) override;
  void gap(Side side) override { expected_[index(side)].reset(); }
  std::optional<std::size_t> resync(Side side, base::ByteView bytes) override;

 private:
  static std::size_t index(Side side) { return side == Side::A ? 0 : 1; }
  void take_numbered(const Pdu& pdu, Sink& sink);
  static void take_control(std::uint8_t code, Sink& sink);

  // The next send sequence number of each side, once one was seen.
  std::optional<std::uint16_t> expected_[2];
};

Frame Iec104::frame(Side, base::ByteView bytes) {
  if (bytes[0] != kStart) return Frame::lost();
  if (bytes.size() < 2) return Frame::need(2);
  if (bytes[1] < kMinLength || bytes[1] > kMaxLength) return Frame::lost();
  return Frame::pdu(2U + bytes[1]);
}

std::optional<std::size_t> Iec104::resync(Side, base::ByteView bytes) {
  std::optional<std::size_t> may_be;  // near the end, where not enough is there to tell
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const base::ByteView rest = bytes.subspan(at);
    if (rest[0] != kStart) continue;
    if (plausible(rest)) return at;
    if (!may_be && too_short(rest)) may_be = at;
  }
  return may_be;
}

void Iec104::take(const Pdu& pdu, Sink& sink) {
  if (pdu.bytes.size() < kHeader) return;
  const std::uint8_t first = pdu.bytes[2];
  const Format format = format_of(first);
  sink.number("apdu_length", pdu.bytes[1]);
  sink.number("format", format == Format::Information ? 0 : first & 3U);
  if (format == Format::Information) return take_numbered(pdu, sink);
  if (pdu.bytes[1] != kMinLength)
    sink.issue({Issue::Kind::Malformed, "data in a frame that has none", pdu.bytes[1], 1});
  if (format == Format::Unnumbered) {
    sink.number("control_function", first >> 2U);
    return take_control(first, sink);
  }
  Reader reader(pdu.bytes.subspan(4));
  sink.number("receive_sequence", reader.u16le() >> 1U);
}

void Iec104::take_control(std::uint8_t code, Sink& sink) {
  const Control* const control = find_control(code);
  if (control == nullptr) {
    sink.issue({Issue::Kind::Violation, "reserved control function", code, 2});
    return;
  }
  Message message;
  message.kind = control->confirms ? Kind::Response : Kind::Request;
  message.key = std::uint64_t{1} << 62U | static_cast<std::uint8_t>(control->name[3]);
  message.operation = {static_cast<std::uint32_t>(code >> 2U), control->name};
  message.access = control->access;
  if (control->confirms) message.status = {Outcome::Ok, 0, "confirmed"};
  sink.message(message);
}

void Iec104::take_numbered(const Pdu& pdu, Sink& sink) {
  Reader reader(pdu.bytes.subspan(2));
  const auto sent = static_cast<std::uint16_t>(reader.u16le() >> 1U);
  const auto received = static_cast<std::uint16_t>(reader.u16le() >> 1U);
  sink.number("send_sequence", sent);
  sink.number("receive_sequence", received);
  auto& expected = expected_[index(pdu.side)];
  if (expected && *expected != sent)
    sink.issue({Issue::Kind::Violation, "send sequence number out of order", sent, 2});
  expected = static_cast<std::uint16_t>((sent + 1U) & 0x7fffU);
  read_asdu(pdu.bytes.subspan(kHeader), sink);
}

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.empty() || bytes[0] != kStart) return Match::No;
  if (bytes.size() < 2) return Match::Unsure;
  if (bytes[1] < kMinLength || bytes[1] > kMaxLength) return Match::No;
  // The serial protocols of the family say the length twice, then the start again.
  if (bytes.size() >= 4 && bytes[1] == bytes[2] && bytes[3] == kStart) return Match::No;
  if (too_short(bytes)) return Match::Unsure;
  if (!plausible(bytes)) return Match::No;
  const std::size_t size = 2U + bytes[1];
  if (bytes.size() > size && bytes[size] != kStart) return Match::No;
  return format_of(bytes[2]) == Format::Supervisory ? Match::Likely : Match::Yes;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<Iec104>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {2404};

}  // namespace

const Protocol kProtocol = {.name = "iec104",
                            .title = "IEC 60870-5-104",
                            .industrial = true,
                            .transports = kTransports,
                            .ports = kPorts,
                            .selectors = {},
                            .probe = probe,
                            .open = open};

}  // namespace dissect::iec104
