#include "dissect/dnp3/objects.h"

#include <algorithm>
#include <bit>

#include "dissect/dnp3/function.h"
#include "dissect/dnp3/variation.h"

namespace dissect::dnp3 {

namespace {

constexpr std::uint8_t kClass = 60;
constexpr std::uint8_t kFile = 70;
constexpr std::uint8_t kAuthentication = 120;

std::size_t width_of(unsigned int code) {
  return std::size_t{1} << code;
}

void problem(Sink& sink, Issue::Kind kind, const char* what, std::uint32_t code,
             const Reader& reader) {
  sink.issue({kind, what, code, static_cast<std::uint32_t>(reader.offset())});
}

// False when it cannot be.
bool read_range(Reader& reader, ObjectHeader& header, Sink& sink) {
  const unsigned int range = header.qualifier & 0x0fU;
  sink.number("range_code", range);
  if (range <= 5) {
    const std::size_t width = width_of(range % 3);
    header.first = static_cast<std::uint32_t>(reader.little(width));
    const std::uint64_t last = reader.little(width);
    if (!reader) return false;
    header.ranged = true;
    sink.number("start", header.first);
    sink.number("stop", last);
    if (last < header.first) {
      problem(sink, Issue::Kind::Malformed, "range that stops before it starts", header.first,
              reader);
      return false;
    }
    header.count = last - header.first + 1;
    return true;
  }
  if (range == 6) {
    header.all = true;
    return true;
  }
  if (range == 10 || range > 11) {
    problem(sink, Issue::Kind::Malformed, "reserved range specifier", range, reader);
    return false;
  }
  header.count = reader.little(range == 11 ? 1 : width_of(range - 7));
  sink.number("quantity", header.count);
  return reader.ok();
}

bool read_header(Reader& reader, ObjectHeader& header, Sink& sink) {
  header.group = reader.u8();
  header.variation = reader.u8();
  header.qualifier = reader.u8();
  if (!reader) return false;
  sink.number("object", header.id());
  sink.number("prefix_code", header.qualifier >> 4U & 7U);
  if ((header.qualifier & 0xf0U) >= 0x70) {
    problem(sink, Issue::Kind::Malformed, "reserved object prefix", header.qualifier, reader);
    return false;
  }
  return read_range(reader, header, sink);
}

bool has_values(const ObjectHeader& header, unsigned int function) {
  if (header.size_width() != 0 || header.group == kAuthentication || header.group == kFile)
    return true;
  if (header.group == kClass) return false;
  if (header.variation == 0 && header.group != 0) return false;
  if (header.group == 50 && (function == kFreezeAtTime || function == kFreezeAtTimeNoAck))
    return true;
  return carries_values(function);
}

// What a command asks for. Source: IEEE 1815-2012, A.8.1.
std::string_view command_name(unsigned int code) {
  static constexpr std::string_view kNames[3][5] = {
      {"no operation", "pulse on", "pulse off", "latch on", "latch off"},
      {"close", "close, pulse on", "close, pulse off", "close, latch on", "close, latch off"},
      {"trip", "trip, pulse on", "trip, pulse off", "trip, latch on", "trip, latch off"}};
  const unsigned int trip_close = code >> 6U;
  const unsigned int operation = code & 0x0fU;
  return trip_close < 3 && operation < 5 ? kNames[trip_close][operation] : "reserved";
}

std::string_view command_status_name(unsigned int status) {
  static constexpr std::string_view kNames[] = {"success",
                                                "timeout",
                                                "no select",
                                                "format error",
                                                "not supported",
                                                "already active",
                                                "hardware error",
                                                "local control",
                                                "too many objects",
                                                "not authorized",
                                                "automation inhibit",
                                                "processing limited",
                                                "out of range",
                                                "downstream local",
                                                "already complete",
                                                "blocked",
                                                "canceled",
                                                "blocked by another master",
                                                "downstream failure"};
  if (status < std::size(kNames)) return kNames[status];
  return status == 126 ? "not participating" : "undefined command status";
}

void read_command(Reader& reader, Sink& sink, Found& found) {
  const std::uint8_t code = reader.u8();
  const std::uint8_t count = reader.u8();
  const std::uint32_t on = reader.u32le();
  const std::uint32_t off = reader.u32le();
  if (!reader) return;
  if (found.command.name.empty()) found.command = {code, command_name(code)};
  sink.number("command", code);
  sink.number("command_operation", code & 0x0fU);
  sink.number("command_queue_clear", code >> 4U & 3U);
  sink.number("command_trip_close", code >> 6U);
  sink.number("command_count", count);
  sink.number("on_time", on);
  sink.number("off_time", off);
}

void read_command_status(unsigned int status, Sink& sink, Found& found) {
  status &= 0x7fU;
  sink.number("command_status", status);
  if (status == 0 || found.failure.outcome == Outcome::Failed) return;
  found.failure = {Outcome::Failed, status, command_status_name(status)};
}

double as_single(std::uint32_t bits) {
  return static_cast<double>(std::bit_cast<float>(bits));
}

void setpoint(Found& found) {
  if (found.command.name.empty()) found.command = {41, "set analog output"};
}

// Values of inputs and outputs.
void read_measure(char letter, Reader& reader, Sink& sink) {
  switch (letter) {
    case 'c':
      return sink.number("counter", reader.u16le());
    case 'C':
      return sink.number("counter", reader.u32le());
    case 'a':
      return sink.real("analog", static_cast<std::int16_t>(reader.u16le()));
    case 'A':
      return sink.real("analog", static_cast<std::int32_t>(reader.u32le()));
    case 'r':
      return sink.real("analog", as_single(reader.u32le()));
    case 'R':
      return sink.real("analog", std::bit_cast<double>(reader.u64le()));
    case 'o':
      return sink.real("analog_output", static_cast<std::int16_t>(reader.u16le()));
    case 'O':
      return sink.real("analog_output", static_cast<std::int32_t>(reader.u32le()));
    case 'p':
      return sink.real("analog_output", as_single(reader.u32le()));
    case 'P':
      return sink.real("analog_output", std::bit_cast<double>(reader.u64le()));
    case 'k':
      return sink.number("deadband", reader.u16le());
    case 'K':
      return sink.number("deadband", reader.u32le());
    case 'q':
      return sink.real("deadband", as_single(reader.u32le()));
    case 'w':
      return sink.number("association", reader.u16le());
    case 'W':
      return sink.number("statistic", reader.u32le());
    default:
      return sink.number("byte", reader.u8());
  }
}

void read_field(char letter, Reader& reader, Sink& sink, Found& found) {
  switch (letter) {
    case 'b':
    case 'd':
    case 'f': {
      const std::uint8_t flags = reader.u8();
      sink.number("flags", flags);
      if (letter == 'b') sink.number("binary", flags >> 7U);
      if (letter == 'd') sink.number("double_bit", flags >> 6U);
      return;
    }
    case 'g':
    case 'S': {
      const std::uint8_t status = reader.u8();
      if (letter == 'g') sink.number("commanded", status >> 7U);
      return read_command_status(status, sink, found);
    }
    case 'x':
      return read_command(reader, sink, found);
    case 't':
      return sink.number("time", reader.little(6));
    case 's':
      return sink.number("relative_time", reader.u16le());
    case 'm':
      return sink.number("delay_seconds", reader.u16le());
    case 'n':
      return sink.number("delay_ms", reader.u16le());
    case 'i':
      return sink.number("interval", reader.u32le());
    case 'u':
      return sink.number("interval_unit", reader.u8());
    default:
      return read_measure(letter, reader, sink);
  }
}

void read_packed(Reader& reader, const ObjectHeader& header, unsigned int bits, Sink& sink) {
  const std::uint64_t size = (header.count * bits + 7) / 8;
  if (size > reader.remaining()) return reader.fail();
  const base::ByteView bytes = reader.bytes(static_cast<std::size_t>(size));
  if (!sink.wants_details()) return;
  for (std::uint64_t i = 0; i < header.count; ++i) {
    const std::uint64_t bit = i * bits;
    sink.number("index", header.first + i);
    sink.number(bits == 1 ? "binary" : "double_bit",
                bytes[static_cast<std::size_t>(bit / 8)] >> bit % 8 & (bits == 1 ? 1U : 3U));
  }
}

void note_point(const ObjectHeader& header, std::uint64_t index, Found& found) {
  const std::string_view space = group_name(header.group);
  if (found.count > 0) {
    Object& last = found.objects[found.count - 1];
    if (last.space == space && last.count > 0 && last.first + last.count == index) {
      ++last.count;
      return;
    }
  }
  found.add({space, {}, index, 1});
}

void note_run(const ObjectHeader& header, Found& found) {
  const std::string_view space = group_name(header.group);
  if (header.group == kFile) return;  // by its name
  if (header.group == kClass) {
    found.add({space, {}, header.variation - std::uint64_t{1}, 1});
  } else if (header.ranged) {
    found.add({space,
               {},
               header.first,
               static_cast<std::uint32_t>(std::min<std::uint64_t>(header.count, UINT32_MAX))});
  } else if (header.index_width() == 0) {
    found.add({space, {}, 0, 0});
  }
}

// Whether `header`'s values may be passed over at once.
bool uninteresting(const ObjectHeader& header, const Variation* variation, const Sink& sink) {
  return !sink.wants_details() && variation != nullptr && header.index_width() == 0 &&
         header.size_width() == 0 && header.group != 12 && header.group != 41;
}

struct Point {
  const ObjectHeader& header;
  const Variation* variation;  // null: of no fixed layout
  std::uint64_t index = 0;
  bool from_outstation = false;
};

// One object, whatever is before it already read.
void read_object(Reader& reader, const Point& point, Sink& sink, Found& found) {
  const ObjectHeader& header = point.header;
  if (header.group == 0) return read_attribute(reader, header, point.from_outstation, sink);
  if (header.group == kFile) return read_file(reader, header, sink, found);
  if (header.group == kAuthentication) return read_authentication(reader, header, sink, found);
  if (header.group >= 110 && header.group <= 113)
    return sink.bytes("octet_string", reader.bytes(header.variation));
  if (point.variation == nullptr) return sink.bytes("value", reader.bytes(reader.remaining()));
  if (header.group == 41) setpoint(found);
  for (const char* letter = point.variation->layout; *letter != '\0' && reader; ++letter)
    read_field(*letter, reader, sink, found);
}

// Takes at least one byte, or fails.
void read_one(Reader& reader, const Point& point, Sink& sink, Found& found) {
  const ObjectHeader& header = point.header;
  std::uint64_t index = point.index;
  if (header.index_width() != 0) {
    index = reader.little(header.index_width());
    if (!reader) return;
    note_point(header, index, found);
  }
  Reader object = reader;
  if (header.size_width() != 0) {
    const std::uint64_t size = reader.little(header.size_width());
    if (!reader || size > reader.remaining()) return reader.fail();
    sink.number("object_size", size);
    object = reader.sub(static_cast<std::size_t>(size));
  }
  if (header.ranged || header.index_width() != 0) sink.number("index", index);
  const std::size_t before = object.offset();
  read_object(object, point, sink, found);
  if (!object) return reader.fail();
  if (header.size_width() != 0) return;
  if (object.offset() == before) return reader.fail();
  reader.skip(object.offset() - before);
}

void read_values(Reader& reader, const ObjectHeader& header, bool from_outstation, Sink& sink,
                 Found& found) {
  const Variation* const variation = find_variation(header.group, header.variation);
  const bool packed = variation != nullptr && variation->size == 0;
  if (packed && header.index_width() + header.size_width() == 0)
    return read_packed(reader, header, static_cast<unsigned int>(variation->layout[0] - '0'), sink);
  const bool variable = header.group == 0 || header.group == kAuthentication ||
                        (header.group >= 110 && header.group <= 113);
  if (packed || (variation == nullptr && !variable && header.size_width() == 0)) {
    problem(sink, packed ? Issue::Kind::Violation : Issue::Kind::Unsupported,
            packed ? "packed objects with a prefix" : "object of an unknown layout", header.id(),
            reader);
    return reader.skip(reader.remaining());
  }
  if (uninteresting(header, variation, sink)) {
    if (header.count > reader.remaining() / variation->size) return reader.fail();
    return reader.skip(static_cast<std::size_t>(header.count) * variation->size);
  }
  for (std::uint64_t i = 0; i < header.count && reader; ++i)
    read_one(reader, {header, variation, header.first + i, from_outstation}, sink, found);
}

// Indices only.
void read_indices(Reader& reader, const ObjectHeader& header, Sink& sink, Found& found) {
  const std::size_t width = header.index_width();
  if (width == 0) return;
  if (header.count > reader.remaining() / width) return reader.fail();
  for (std::uint64_t i = 0; i < header.count; ++i) {
    const std::uint64_t index = reader.little(width);
    sink.number("index", index);
    note_point(header, index, found);
  }
}

}  // namespace

void Found::clear() {
  count = 0;
  left_out = false;
  first = 0;
  command = {};
  failure = {};
  file.clear();
}

void Found::add(const Object& object) {
  if (count == objects.size()) {
    left_out = true;
    return;
  }
  objects[count++] = object;
}

std::size_t ObjectHeader::index_width() const {
  const unsigned int prefix = qualifier >> 4U & 7U;
  return prefix >= 1 && prefix <= 3 ? width_of(prefix - 1) : 0;
}

std::size_t ObjectHeader::size_width() const {
  const unsigned int prefix = qualifier >> 4U & 7U;
  return prefix >= 4 && prefix <= 6 ? width_of(prefix - 4) : 0;
}

void read_objects(Reader& reader, unsigned int function, bool from_outstation, Sink& sink,
                  Found& found) {
  while (!reader.done()) {
    const std::size_t at = reader.offset();
    ObjectHeader header;
    if (!read_header(reader, header, sink)) {
      if (!reader) problem(sink, Issue::Kind::Truncated, "object header", 0, reader);
      break;
    }
    if (found.first == 0) found.first = header.id();
    if (group_name(header.group).empty())
      problem(sink, Issue::Kind::Malformed, "unknown object group", header.group, reader);
    note_run(header, found);
    if (has_values(header, function)) {
      read_values(reader, header, from_outstation, sink, found);
    } else {
      read_indices(reader, header, sink, found);
    }
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "objects", header.id(), static_cast<std::uint32_t>(at)});
      break;
    }
  }
  if (found.left_out) sink.issue({Issue::Kind::LeftOut, "more objects than are listed"});
}

}  // namespace dissect::dnp3
