#include "dissect/pniocm/blocks.h"

#include <algorithm>
#include <string>

#include "dissect/text.h"

namespace dissect::pniocm {

namespace {

constexpr std::uint16_t kMultipleWrite = 0xe040;
constexpr std::uint16_t kResponseBit = 0x8000;

enum Block : std::uint16_t {
  kWrite = 0x0008,
  kRead = 0x0009,
  kIdentification0 = 0x0020,
  kIdentification1 = 0x0021,
  kAr = 0x0101,
  kIocr = 0x0102,
  kExpected = 0x0104,
  kArServer = 0x0106,
  kMultiple = 0x0400,
};

void tell_slot(Sink& sink, const Found& found, Fact fact, std::string_view value) {
  if (value.empty()) return;
  Evidence one;
  one.fact = fact;
  one.value = value;
  if (found.slot) one.slot = static_cast<std::uint16_t>(*found.slot);
  sink.evidence(one);
}

// Identification of what sits in the slot that was read. Source: IEC 61158-6-10, 5.2.8 (I&M0).
void read_identification(Reader& block, Sink& sink, Found& found) {
  const std::uint16_t vendor = block.u16be();
  const std::string order = printable(block.bytes(20));
  const std::string serial = printable(block.bytes(16));
  const std::uint16_t hardware = block.u16be();
  const std::string prefix = printable(block.text(1));
  const std::uint8_t functional = block.u8();
  const std::uint8_t fix = block.u8();
  const std::uint8_t internal = block.u8();
  if (!block) return;
  const std::string software = prefix + std::to_string(functional) + "." + std::to_string(fix) +
                               "." + std::to_string(internal);
  sink.number("im_vendor_id", vendor);
  sink.text("im_order_id", order);
  sink.text("im_serial_number", serial);
  sink.number("im_hardware_revision", hardware);
  sink.text("im_software_revision", software);
  tell_slot(sink, found, Fact::VendorId, "PROFINET " + std::to_string(vendor));
  tell_slot(sink, found, Fact::OrderCode, order);
  tell_slot(sink, found, Fact::Serial, serial);
  tell_slot(sink, found, Fact::Hardware, std::to_string(hardware));
  tell_slot(sink, found, Fact::Firmware, software);
}

void read_tags(Reader& block, Sink& sink, const Found& found) {
  const std::string function = printable(block.bytes(32));
  const std::string location = printable(block.bytes(22));
  if (!block) return;
  sink.text("im_function", function);
  sink.text("im_location", location);
  tell_slot(sink, found, Fact::Name, function);
  tell_slot(sink, found, Fact::Location, location);
}

void read_ar(Reader& block, bool response, Sink& sink) {
  sink.number("ar_type", block.u16be());
  sink.bytes("ar_uuid", block.bytes(16));
  sink.number("session_key", block.u16be());
  const base::ByteView mac = block.bytes(6);
  sink.bytes(response ? "responder_mac" : "initiator_mac", mac);
  if (response) {
    sink.number("responder_port", block.u16be());
    return;
  }
  block.skip(16);
  sink.number("ar_properties", block.u32be());
  sink.number("activity_timeout", block.u16be());
  sink.number("initiator_port", block.u16be());
  const std::string station = printable(block.bytes(block.u16be()));
  if (!block) return;
  sink.text("initiator_station", station);
  sink.tell(Fact::Name, station);
}

// What the device calls itself.
void read_server(Reader& block, Sink& sink) {
  const std::string station = printable(block.bytes(block.u16be()));
  if (!block) return;
  sink.text("responder_station", station);
  sink.tell(Fact::Name, station);
}

void read_iocr(Reader& block, bool response, Sink& sink, Found& found) {
  sink.number("iocr_type", block.u16be());
  sink.number("iocr_reference", block.u16be());
  if (!response) {
    block.skip(6);
    sink.number("iocr_data_length", block.u16be());
  }
  const std::uint16_t frame = block.u16be();
  if (!block) return;
  sink.number("iocr_frame_id", frame);
  found.add({"FrameID", {}, frame, 1});
  if (response) return;
  sink.number("send_clock_factor", block.u16be());
  sink.number("reduction_ratio", block.u16be());
}

// The modules that the controller expects: its word about the device.
void read_expected(Reader& block, Sink& sink, Found& found) {
  const std::uint16_t apis = block.u16be();
  for (unsigned int i = 0; i < apis && block; ++i) {
    sink.number("api", block.u32be());
    const std::uint16_t slot = block.u16be();
    const std::uint32_t module = block.u32be();
    block.skip(2);
    const std::uint16_t submodules = block.u16be();
    if (!block) return;
    sink.number("slot", slot);
    sink.number("module_ident", module);
    found.add({"slot", {}, slot, 1});
    for (unsigned int k = 0; k < submodules && block; ++k) {
      sink.number("subslot", block.u16be());
      sink.number("submodule_ident", block.u32be());
      const std::uint16_t properties = block.u16be();
      block.skip((properties & 3U) == 3 ? 12 : 6);
    }
  }
}

void read_control(Reader& block, Sink& sink, Found& found) {
  block.skip(2);
  sink.bytes("ar_uuid", block.bytes(16));
  sink.number("session_key", block.u16be());
  block.skip(2);
  const std::uint16_t command = block.u16be();
  if (!block) return;
  sink.number("control_command", command);
  found.command = {command, (command & 0x01U) != 0   ? "parameters end"
                            : (command & 0x02U) != 0 ? "application ready"
                            : (command & 0x04U) != 0 ? "release"
                            : (command & 0x08U) != 0 ? "done"
                                                     : "other command"};
}

struct Record {
  std::uint16_t index = 0;
  std::uint32_t length = 0;
};

// The address of a record, of a request or a response to read or write one.
Record read_record(std::uint16_t type, Reader& block, Sink& sink, Found& found) {
  sink.number("record_sequence", block.u16be());
  sink.bytes("ar_uuid", block.bytes(16));
  sink.number("api", block.u32be());
  const std::uint16_t slot = block.u16be();
  sink.number("slot", slot);
  sink.number("subslot", block.u16be());
  block.skip(2);
  Record record;
  record.index = block.u16be();
  record.length = block.u32be();
  if (!block) return record;
  sink.number("record_index", record.index);
  sink.number("record_length", record.length);
  const bool own = record.index < 0x8000;  // of the module's maker, for its users
  const bool write = (type & 0xffU) == kWrite;
  if (found.access == Access::None || found.access == Access::Write)
    found.access = write ? (own ? Access::Write : Access::ConfigWrite)
                         : (own ? Access::Read : Access::ConfigRead);
  if (record.index == kMultipleWrite) return record;
  found.slot = slot;
  found.add({"record", {}, record.index, 1});
  return record;
}

void skip_record_data(Reader& reader, std::size_t start, const Record& record) {
  if (record.index == kMultipleWrite) return;
  if (record.length > reader.remaining()) return reader.fail();
  reader.skip(record.length);
  const std::size_t padding = (4 - (reader.offset() - start) % 4) % 4;
  reader.skip(std::min(padding, reader.remaining()));
}

enum class Nesting : std::uint8_t { Outer, Inner };

void read_some(Reader& reader, Sink& sink, Found& found, Nesting nesting);

// False: the rest is not made of blocks.
bool read_block(std::uint16_t type, Reader& block, Reader& reader, Sink& sink, Found& found,
                Nesting nesting) {
  const bool response = (type & kResponseBit) != 0;
  switch (type & ~kResponseBit) {
    case kWrite: {
      // A record's data follows the request, not the response.
      const std::size_t start = reader.offset() - block.remaining() - 6;
      const Record record = read_record(type, block, sink, found);
      if (!response && block) skip_record_data(reader, start, record);
      break;
    }
    case kRead: {
      // Records of a module's maker are not made of blocks.
      const Record record = read_record(type, block, sink, found);
      return !response || record.index >= 0x8000;
    }
    case kIdentification0:
      read_identification(block, sink, found);
      break;
    case kIdentification1:
      read_tags(block, sink, found);
      break;
    case kAr:
      read_ar(block, response, sink);
      break;
    case kIocr:
      read_iocr(block, response, sink, found);
      break;
    case kArServer:
      if (response) read_server(block, sink);
      break;
    case kMultiple: {
      // Blocks of one submodule, which have no such blocks inside.
      block.skip(2);
      sink.number("api", block.u32be());
      sink.number("slot", block.u16be());
      sink.number("subslot", block.u16be());
      if (nesting == Nesting::Outer) read_some(block, sink, found, Nesting::Inner);
      break;
    }
    case kExpected:
      if (!response) read_expected(block, sink, found);
      break;
    default:
      if ((type & ~kResponseBit) >= 0x0110 && (type & ~kResponseBit) <= 0x0118)
        read_control(block, sink, found);
      break;
  }
  return true;
}

void read_some(Reader& reader, Sink& sink, Found& found, Nesting nesting) {
  while (reader.remaining() >= 6 && reader) {
    const auto at = static_cast<std::uint32_t>(reader.offset());
    const std::uint16_t type = reader.u16be();
    const std::uint16_t length = reader.u16be();
    sink.number("block_type", type);
    sink.number("block_length", length);
    if (length < 2 || length > reader.remaining()) {
      sink.issue({Issue::Kind::Malformed, "length of a block", length, at});
      return;
    }
    Reader block = reader.sub(length);
    block.skip(2);
    const bool more = read_block(type, block, reader, sink, found, nesting);
    if (!block || !reader) {
      sink.issue({Issue::Kind::Malformed, "block too short", type, at});
      return;
    }
    if (!more) break;
  }
}

}  // namespace

void Found::add(const Object& object) {
  if (count == objects.size()) {
    left_out = true;
    return;
  }
  objects[count++] = object;
}

void read_blocks(Reader& reader, Sink& sink, Found& found) {
  read_some(reader, sink, found, Nesting::Outer);
  if (found.left_out) sink.issue({Issue::Kind::LeftOut, "more objects than are listed"});
}

}  // namespace dissect::pniocm
