#include "dissect/melsec/melsec.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dissect/melsec/commands.h"
#include "dissect/melsec/frames.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::melsec {

namespace {

constexpr std::uint16_t kPorts[] = {5006, 5007, 5560, 5562};
constexpr std::size_t kAskPrefix = 24;  // of MELSOFT, in front of a command
constexpr std::size_t kAnswerPrefix = 26;
constexpr std::uint16_t kExtended = 0x0080;  // of a subcommand: devices are named at length
constexpr std::uint16_t kLong = 0x0002;      // ... by more bytes
constexpr std::uint16_t kBits = 0x0001;
constexpr std::uint16_t kOwnModule = 0x03ff;

// What follows a frame's header: numbers are little-endian, or digits in ASCII.
class Body {
 public:
  Body(base::ByteView bytes, bool ascii) : reader_(bytes), ascii_(ascii) {}

  bool ok() const { return reader_.ok(); }
  bool done() const { return reader_.done(); }
  bool ascii() const { return ascii_; }
  std::size_t remaining() const { return reader_.remaining(); }
  base::ByteView rest() const { return reader_.rest(); }
  base::ByteView bytes(std::size_t count) { return reader_.bytes(count); }

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t number(std::size_t size) {
    return ascii_ ? digits(2 * size, 16) : static_cast<std::uint32_t>(reader_.little(size));
  }
  std::uint32_t digits(std::size_t count, std::uint32_t base) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint8_t c = reader_.u8();
      const unsigned int one = c >= '0' && c <= '9'   ? c - unsigned{'0'}
                               : c >= 'A' && c <= 'F' ? c - unsigned{'A'} + 10
                                                      : 99U;
      if (one >= base) reader_.fail();
      value = value * base + one;
    }
    return value;
  }
  std::string_view text(std::size_t count) { return reader_.text(count); }

 private:
  Reader reader_;
  bool ascii_;
};

struct Place {
  std::uint16_t code = 0;
  std::uint32_t number = 0;
};

Place read_place(Body& body, std::uint16_t subcommand) {
  const bool wide = (subcommand & kLong) != 0;
  Place place;
  if (body.ascii()) {
    place.code = device_code(body.text(wide ? 4 : 2));
    place.number = body.digits(wide ? 8 : 6, hexadecimal_device(place.code) ? 16 : 10);
    return place;
  }
  place.number = body.number(wide ? 4 : 3);
  place.code = static_cast<std::uint16_t>(body.number(wide ? 2 : 1));
  return place;
}

struct Decoding {
  Message& message;
  Sink& sink;
  Objects& objects;
};

void add_place(const Place& place, std::uint32_t count, Decoding& to) {
  to.sink.number("device_code", place.code);
  to.sink.number("device_number", place.number);
  const std::string_view name = device_name(place.code);
  if (name.empty()) {
    to.sink.issue({Issue::Kind::Violation, "device that does not exist", place.code, 0});
    return;
  }
  to.objects.add(to.message, to.sink, {name, {}, place.number, count});
}

void ask_batch(Body& body, std::uint16_t subcommand, Decoding& to) {
  const Place place = read_place(body, subcommand);
  const std::uint16_t count = body.u16();
  if (!body.ok()) return;
  to.sink.number("points", count);
  add_place(place, count, to);
}

// Words and double words, or bits with their values.
void ask_random(Body& body, const Command& what, std::uint16_t subcommand, Decoding& to) {
  const bool bits = what.shape == Shape::RandomWrite && (subcommand & kBits) != 0;
  const std::uint8_t words = body.u8();
  const std::uint8_t doubles = bits ? 0 : body.u8();
  to.sink.number("words", words);
  to.sink.number("double_words", doubles);
  for (unsigned int i = 0; i < unsigned{words} + doubles && body.ok(); ++i) {
    const Place place = read_place(body, subcommand);
    if (!body.ok()) return;
    add_place(place, i < words ? 1 : 2, to);
    if (what.shape != Shape::RandomWrite) continue;
    // A bit's value is a byte, or a word where devices are long.
    const std::size_t size = bits ? ((subcommand & kLong) != 0 ? 2 : 1) : i < words ? 2 : 4;
    to.sink.number("value", body.number(size));
  }
}

void ask_blocks(Body& body, std::uint16_t code, std::uint16_t subcommand, Decoding& to) {
  const std::uint8_t words = body.u8();
  const std::uint8_t bits = body.u8();
  to.sink.number("word_blocks", words);
  to.sink.number("bit_blocks", bits);
  for (unsigned int i = 0; i < unsigned{words} + bits && body.ok(); ++i) {
    const Place place = read_place(body, subcommand);
    const std::uint16_t count = body.u16();
    if (!body.ok()) return;
    to.sink.number("points", count);
    add_place(place, i < words ? count : count * 16U, to);
    if (code == 0x1406) body.bytes(std::size_t{count} * (body.ascii() ? 4 : 2));
  }
}

void ask_memory(Body& body, Decoding& to) {
  const std::uint32_t address = body.number(4);
  const std::uint16_t count = body.u16();
  if (!body.ok()) return;
  to.sink.number("memory_address", address);
  to.sink.number("points", count);
  to.objects.add(to.message, to.sink, {"buffer memory", {}, address, count});
}

// The longest text in UTF-16 with its length in front, which is how MELSOFT names files.
std::string find_name(base::ByteView bytes) {
  constexpr std::size_t kFarthest = 40;
  base::ByteView name;
  for (std::size_t at = 0; at + 4 < bytes.size() && at < kFarthest; ++at) {
    const std::size_t length = bytes[at] | static_cast<std::size_t>(bytes[at + 1]) << 8U;
    const bool text = bytes[at + 2] > 0x20 && bytes[at + 2] < 0x7f && bytes[at + 3] == 0;
    if (length < 4 || length % 2 != 0 || length > 512 || at + 2 + length > bytes.size() || !text)
      continue;
    if (length > name.size()) name = bytes.subspan(at + 2, length);
  }
  return printable_utf16le(name);
}

void name_file(const std::string& name, Decoding& to) {
  if (name.empty()) return;
  to.sink.text("file_name", name);
  to.objects.add(to.message, to.sink, {"file", to.objects.compose({name}), 0, 0});
}

void ask(const Command& what, std::uint16_t subcommand, Body& body, Decoding& to) {
  if ((subcommand & kExtended) != 0 && what.shape != Shape::Password) {
    if (!body.done()) to.sink.bytes("data", body.rest());
    return;
  }
  switch (what.shape) {
    case Shape::Batch:
      ask_batch(body, subcommand, to);
      break;
    case Shape::Random:
    case Shape::RandomWrite:
      return ask_random(body, what, subcommand, to);
    case Shape::Blocks:
      return ask_blocks(body, what.code, subcommand, to);
    case Shape::Memory:
      ask_memory(body, to);
      break;
    case Shape::File:
      name_file(find_name(body.rest()), to);
      break;
    case Shape::Password:
      return;
    case Shape::Identity:
    case Shape::Other:
      break;
  }
  if (!body.done() && body.ok()) to.sink.bytes("data", body.rest());
}

// Sixteen characters of the model, then its number.
void tell_model(Body& body, Sink& sink) {
  const std::string model = printable(body.text(16));
  const std::uint16_t code = body.u16();
  if (!body.ok()) return;
  sink.text("model", model);
  sink.number("model_code", code);
  sink.tell(Fact::Vendor, "Mitsubishi Electric");
  sink.tell(Fact::Model, model);
  sink.tell(Fact::Type, "PLC");
}

bool fits_slmp(const FrameHeader& header, base::ByteView bytes) {
  Body body(bytes.subspan(header.begin), header.format == Format::Ascii);
  body.u16();  // timer
  const Command what = command(body.u16());
  body.u16();
  return body.ok() && !what.name.empty() && header.module == kOwnModule && header.multidrop < 32;
}

Match probe(const Sample& sample) {
  const bool stream = sample.flow.transport == Transport::Tcp;
  const std::optional<FrameHeader> header = read_frame_header(sample.bytes);
  if (!header) return Match::No;
  if (header->size == 0 || header->size > sample.bytes.size())
    return stream ? Match::Unsure : Match::No;
  if (!stream && header->size != sample.bytes.size()) return Match::No;
  switch (header->format) {
    case Format::Melsoft: {
      const base::ByteView body = sample.bytes.subspan(header->begin);
      const bool ours = body[0] == (header->answers ? 0x9c : 0x1c) && body[1] == 0x0a;
      return ours ? Match::Yes : Match::No;
    }
    case Format::Link: {
      const bool fits =
          sample.bytes[1] == 0 && sample.bytes[2] == 0 &&
          (header->answers ? header->size >= 14 && header->size <= 64 : header->size == 4);
      return fits ? Match::Likely : Match::No;
    }
    default:
      if (header->answers)
        return header->module == kOwnModule && header->multidrop < 32 ? Match::Likely : Match::No;
      return fits_slmp(*header, sample.bytes) ? Match::Yes : Match::No;
  }
}

class MelsecSession final : public Session {
 public:
  explicit MelsecSession(const FlowInfo& /*flow*/) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    const std::optional<FrameHeader> header = read_frame_header(bytes);
    if (!header) return Frame::lost();
    // A link message has no length: in a stream it is as long as what came with it.
    return header->size == 0 ? Frame::need(bytes.size() + 1) : Frame::pdu(header->size);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    const std::optional<FrameHeader> header = read_frame_header(pdu.bytes);
    if (!header || header->size == 0) {
      sink.issue({Issue::Kind::Malformed, "header that cannot be", 0, 0});
      return;
    }
    if (header->size > pdu.bytes.size()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its length says",
                  static_cast<std::uint32_t>(header->size), 0});
      return;
    }
    show(*header, sink);
    objects_.begin();
    Message message;
    message.kind = header->answers ? Kind::Response : Kind::Request;
    const base::ByteView rest = pdu.bytes.subspan(header->begin, header->size - header->begin);
    message.bytes = static_cast<std::uint32_t>(rest.size());
    Decoding to{message, sink, objects_};
    switch (header->format) {
      case Format::Link:
        link(rest, to);
        break;
      case Format::Melsoft:
        melsoft(*header, rest, pdu.side, to);
        break;
      default:
        message.unit = header->station;
        if (header->numbered) message.key = 1U << 16U | header->serial;
        slmp(*header, rest, pdu.side, to);
    }
    sink.message(message);
  }

 private:
  // The command that a side asked last: its answer does not repeat it.
  struct Asked {
    std::uint16_t command = 0;
    std::uint16_t serial = 0;
  };
  Asked& asked_by(Side side) { return asked_[side == Side::A ? 0 : 1]; }

  static void show(const FrameHeader& header, Sink& sink) {
    static constexpr std::string_view kFormats[] = {"binary", "ascii", "melsoft", "link"};
    sink.text("format", kFormats[static_cast<std::size_t>(header.format)]);
    if (header.format == Format::Melsoft || header.format == Format::Link) return;
    if (header.numbered) sink.number("serial", header.serial);
    sink.number("network", header.network);
    sink.number("station", header.station);
    sink.number("module", header.module);
    sink.number("multidrop", header.multidrop);
  }

  static void link(base::ByteView rest, Decoding& to) {
    const std::uint8_t kind = rest.empty() ? 0 : rest[0];
    to.sink.number("link_type", kind);
    if (rest.size() > 1) to.sink.bytes("data", rest.subspan(1));
    to.message.operation = {0x10000U | kind, "link"};
    to.message.access = Access::Session;
    to.message.key = 1U << 20U | kind;
  }

  void slmp(const FrameHeader& header, base::ByteView rest, Side side, Decoding& to) {
    Body body(rest, header.format == Format::Ascii);
    if (header.answers) {
      const Asked asked = asked_by(other(side));
      const bool known = asked.command != 0 && (!header.numbered || asked.serial == header.serial);
      const std::uint16_t end = body.u16();
      to.sink.number("end_code", end);
      to.message.status = {end == 0 ? Outcome::Ok : Outcome::Failed, end, end_name(end)};
      if (known) {
        const Command what = command(asked.command);
        to.message.operation = {asked.command, what.name};
        to.message.access = what.access;
        if (end == 0 && what.shape == Shape::Identity) return tell_model(body, to.sink);
      }
      if (!body.done()) to.sink.bytes("data", body.rest());
      return;
    }
    to.sink.number("timer", body.u16());
    const Command what = command(body.u16());
    const std::uint16_t subcommand = body.u16();
    if (!body.ok()) {
      to.sink.issue({Issue::Kind::Truncated, "shorter than its command needs", what.code, 0});
      return;
    }
    begin(what, subcommand, to);
    asked_by(side) = {what.code, header.serial};
    ask(what, subcommand, body, to);
    if (!body.ok())
      to.sink.issue({Issue::Kind::Truncated, "shorter than its command needs", what.code, 0});
  }

  static void begin(const Command& what, std::uint16_t subcommand, Decoding& to) {
    to.sink.number("command", what.code);
    to.sink.number("subcommand", subcommand);
    to.message.operation = {what.code, what.name};
    to.message.sub_operation = {subcommand, {}};
    to.message.access = what.access;
    if (what.name.empty())
      to.sink.issue({Issue::Kind::Violation, "command that is not known", what.code, 0});
  }

  static void melsoft(const FrameHeader& header, base::ByteView rest, Side /*side*/, Decoding& to) {
    Reader reader(rest);
    reader.skip(header.answers ? kAnswerPrefix : kAskPrefix);
    const Command what = melsoft_command(reader.u16be());
    const std::uint16_t serial = reader.u16le();
    if (!reader.ok()) {
      to.sink.issue({Issue::Kind::Truncated, "shorter than its command needs", 0, 0});
      return;
    }
    to.sink.number("command", what.code);
    to.sink.number("serial", serial);
    to.message.key = std::uint64_t{1} << 32U | std::uint64_t{what.code} << 16U | serial;
    to.message.operation = {what.code, what.name};
    to.message.access = what.access;
    Body body(reader.rest(), false);
    if (!header.answers) {
      ask(what, 0, body, to);
      return;
    }
    const std::uint16_t end = body.u16();
    if (!body.ok()) return;
    to.sink.number("end_code", end);
    to.message.status = {end == 0 ? Outcome::Ok : Outcome::Failed, end, end_name(end)};
    if (end == 0 && what.shape == Shape::Identity) return tell_model(body, to.sink);
    if (!body.done()) to.sink.bytes("data", body.rest());
  }

  std::array<Asked, 2> asked_{};
  Objects objects_;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<MelsecSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp, Transport::Udp};

}  // namespace

const Protocol kProtocol = {
    .name = "melsec",
    .title = "MELSEC (SLMP)",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::melsec
