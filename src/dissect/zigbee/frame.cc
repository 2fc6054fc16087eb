#include "dissect/zigbee/frame.h"

#include <array>

#include "dissect/names.h"

namespace dissect::zigbee {

namespace {

enum Control : std::uint16_t {
  kSecurity = 1U << 3U,
  kCompressed = 1U << 6U,
  kNoSequence = 1U << 8U,
  kElements = 1U << 9U,
};
constexpr std::uint8_t kShort = 2;
constexpr std::uint8_t kExtended = 3;
constexpr std::uint8_t kVersion2015 = 2;
// Elements of one frame: more do not fit into 127 bytes.
constexpr std::size_t kMaxElements = 64;

constexpr Named kFrames[] = {
    {kBeacon, "beacon"}, {kData, "data"}, {kAck, "acknowledgement"}, {kCommand, "command"}};
static_assert(sorted_by_code(kFrames));

constexpr Named kCommands[] = {
    {1, "association request"}, {2, "association response"},    {3, "disassociation"},
    {4, "data request"},        {5, "PAN identifier conflict"}, {6, "orphan notification"},
    {7, "beacon request"},      {8, "coordinator realignment"}, {9, "guaranteed time slot request"},
};
static_assert(sorted_by_code(kCommands));

struct Pans {
  bool to = false;
  bool from = false;
};
// Which network identifiers there are (table 7-2; before 2015: section 7.2.1.5 of 2006).
Pans pans_of(std::uint16_t control, std::uint8_t to, std::uint8_t from, bool newer) {
  const bool compressed = (control & kCompressed) != 0;
  if (!newer) return {to != 0, from != 0 && !(compressed && to != 0)};
  if (to == 0 && from == 0) return {compressed, false};
  if (from == 0) return {!compressed, false};
  if (to == 0) return {false, !compressed};
  if (to == kExtended && from == kExtended) return {!compressed, false};
  return {true, !compressed};
}

void read_address(Reader& reader, Address& address) {
  if (address.mode == kShort) address.value = reader.u16le();
  if (address.mode == kExtended) address.value = reader.u64le();
}

// The auxiliary security header (section 9.4).
void read_security(Reader& reader, Frame154& frame, Sink& sink) {
  constexpr std::array<std::size_t, 4> kCodes = {0, 4, 8, 16};
  const std::uint8_t control = reader.u8();
  const std::uint8_t level = control & 7U;
  if ((control & 0x20U) == 0) sink.number("frame_counter", reader.u32le());
  const std::uint8_t mode = control >> 3U & 3U;
  if (mode == 2) reader.skip(4);
  if (mode == 3) reader.skip(8);
  if (mode != 0) sink.number("key_index", reader.u8());
  sink.number("security_level", level);
  frame.encrypted = level >= 4;
  const std::size_t code = kCodes[level & 3U];
  if (reader.remaining() < code) return reader.fail();
  reader = reader.sub(reader.remaining() - code);
}

// Header and payload elements (section 7.4), up to what ends them.
void read_elements(Reader& reader, Sink& sink) {
  bool payload = false;
  for (std::size_t count = 0; count < kMaxElements && reader.ok() && !reader.done(); ++count) {
    const std::uint16_t element = reader.u16le();
    const std::size_t size = payload ? element & 0x7ffU : element & 0x7fU;
    const std::uint32_t id = payload ? element >> 11U & 0xfU : element >> 7U & 0xffU;
    sink.number(payload ? "payload_element" : "header_element", id);
    reader.skip(size);
    if (payload && id == 0xf) return;
    if (payload) continue;
    if (id == 0x7f) return;
    payload = id == 0x7e;
  }
}

void show(const Frame154& frame, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.number("frame_control", frame.control);
  sink.number("frame_type", frame.type());
  sink.number("frame_version", frame.version());
  if ((frame.control & kNoSequence) == 0 || frame.version() < kVersion2015)
    sink.number("sequence", frame.sequence);
  if (frame.to.has_pan) sink.number("destination_pan", frame.to.pan);
  if (frame.from.has_pan) sink.number("source_pan", frame.from.pan);
  if (frame.to.mode != 0)
    sink.number(frame.to.mode == kShort ? "destination_short" : "destination_extended",
                frame.to.value);
  if (frame.from.mode != 0)
    sink.number(frame.from.mode == kShort ? "source_short" : "source_extended", frame.from.value);
}

// The part that says who speaks to whom.
void read_ends(Reader& reader, Frame154& frame) {
  frame.control = reader.u16le();
  const bool newer = frame.version() >= kVersion2015;
  if (!newer || (frame.control & kNoSequence) == 0) frame.sequence = reader.u8();
  frame.to.mode = frame.control >> 10U & 3U;
  frame.from.mode = static_cast<std::uint8_t>(frame.control >> 14U);
  const Pans pans = pans_of(frame.control, frame.to.mode, frame.from.mode, newer);
  frame.to.has_pan = pans.to;
  frame.from.has_pan = pans.from;
  if (pans.to) frame.to.pan = reader.u16le();
  read_address(reader, frame.to);
  if (pans.from) frame.from.pan = reader.u16le();
  read_address(reader, frame.from);
}

}  // namespace

Frame154 read_frame(Reader& reader, Sink& sink) {
  Frame154 frame;
  read_ends(reader, frame);
  if (!reader.ok()) return frame;
  show(frame, sink);
  if (frame.to.mode == 1 || frame.from.mode == 1)
    sink.issue({Issue::Kind::Violation, "address of a reserved kind", frame.control, 0});
  if ((frame.control & kSecurity) != 0) {
    // That of 2003 has no header of its own.
    if (frame.version() == 0)
      frame.encrypted = true;
    else
      read_security(reader, frame, sink);
  }
  if (frame.version() >= kVersion2015 && (frame.control & kElements) != 0)
    read_elements(reader, sink);
  return frame;
}

bool frame_fits(base::ByteView bytes) {
  Reader reader(bytes);
  Frame154 frame;
  read_ends(reader, frame);
  return reader.ok() && bytes.size() <= 2047 && frame.type() <= kCommand &&
         frame.version() <= kVersion2015 && frame.to.mode != 1 && frame.from.mode != 1;
}

std::string_view frame_name(std::uint8_t type) {
  return name_of(kFrames, type);
}

std::string_view command_name(std::uint8_t command) {
  return name_of(kCommands, command);
}

}  // namespace dissect::zigbee
