#include <string>

#include "dissect/s7comm/decode.h"
#include "dissect/s7comm/names.h"
#include "dissect/text.h"

namespace dissect::s7comm {

namespace {

// Partial lists, the low byte of the id.
constexpr std::uint8_t kModuleIdentification = 0x11;
constexpr std::uint8_t kComponentIdentification = 0x1c;
constexpr std::uint8_t kModes = 0x24;
constexpr std::uint8_t kCommunicationStatus = 0x32;

// Entries of the module identification.
constexpr std::uint16_t kModule = 1;
constexpr std::uint16_t kHardware = 6;
constexpr std::uint16_t kFirmware = 7;

std::string dotted(std::uint8_t major, std::uint8_t minor, std::uint8_t patch) {
  return 'V' + std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

// 34.9: index, order number (20 characters), module type, version (two words).
void module_identification(Reader record, Decoding& to) {
  const std::uint16_t index = record.u16be();
  const std::string_view order = record.text(20);
  const std::uint16_t type = record.u16be();
  const std::uint16_t version = record.u16be();
  const std::uint16_t more = record.u16be();
  if (!record.ok()) return;
  to.sink.number("module_index", index);
  to.text("module_order_number", order);
  to.sink.number("module_type", type);
  to.sink.number("module_version", version);
  to.sink.number("module_version_more", more);
  if (index == kModule) {
    to.sink.tell(Fact::OrderCode, printable(order));
  } else if (index == kHardware) {
    if (version != 0) to.sink.tell(Fact::Hardware, std::to_string(version));
  } else if (index == kFirmware && version >> 8U == 'V') {
    to.sink.tell(Fact::Firmware,
                 dotted(version & 0xffU, static_cast<std::uint8_t>(more >> 8U), more & 0xffU));
  }
}

struct Component {
  std::uint16_t index;
  std::string_view detail;
  Fact fact;
  bool told;
};

// 34.12: index and a text of 24 or 32 characters.
constexpr Component kComponents[] = {
    {1, "system_name", Fact::Name, true},
    {2, "module_name", Fact::Module, true},
    {3, "plant_identification", Fact::Location, true},
    {4, "copyright", Fact::Vendor, false},
    {5, "serial_number", Fact::Serial, true},
    {7, "module_type_name", Fact::Model, true},
    {8, "memory_card_serial", Fact::Serial, false},
    {11, "location_designation", Fact::Location, true},
};

void component_identification(Reader record, Decoding& to) {
  const std::uint16_t index = record.u16be() & 0xfffU;  // above: which CPU of a redundant pair
  const std::string_view text = record.text(record.remaining());
  if (!record.ok()) return;
  to.sink.number("component_index", index);
  for (const Component& one : kComponents) {
    if (one.index != index) continue;
    const std::string value = printable(text);
    if (!value.empty()) to.sink.text(one.detail, value);
    if (one.told) to.sink.tell(one.fact, value);
    if (index == 4 && value.find("Siemens") != std::string::npos)
      to.sink.tell(Fact::Vendor, "Siemens");
  }
}

void mode(Reader record, Decoding& to) {
  const std::uint16_t event = record.u16be();
  record.skip(1);
  const std::uint8_t state = record.u8();
  if (!record.ok()) return;
  to.sink.number("mode_event", event);
  to.sink.number("mode", state & 15U);
  to.sink.number("mode_before", state >> 4U);
  to.sink.tell(Fact::Mode, state_mode(state & 15U));
}

// Index 4: what the key switch and the configuration allow.
void protection(Reader record, Decoding& to) {
  const std::uint16_t index = record.u16be();
  if (index != 4) return;
  const std::uint16_t key = record.u16be();
  const std::uint16_t assigned = record.u16be();
  const std::uint16_t valid = record.u16be();
  const std::uint16_t position = record.u16be();
  if (!record.ok()) return;
  to.sink.number("protection_key", key);
  to.sink.number("protection_assigned", assigned);
  to.sink.number("protection_valid", valid);
  to.sink.number("mode_switch", position);
}

}  // namespace

void read_status_list(Reader& list, Decoding& to) {
  if (list.done()) return;  // refused
  const std::uint16_t id = list.u16be();
  const std::uint16_t index = list.u16be();
  const std::uint16_t length = list.u16be();
  const std::uint16_t count = list.u16be();
  if (!list.ok()) return;
  to.sink.number("szl_id", id);
  to.sink.number("szl_index", index);
  to.sink.number("szl_record_length", length);
  to.sink.number("szl_record_count", count);
  const std::uint8_t part = id & 0xffU;
  if (part == kModuleIdentification || part == kComponentIdentification)
    to.message.access = Access::Discovery;
  if (length == 0) return;
  for (std::uint32_t i = 0; i < count && list.remaining() >= length; ++i) {
    Reader record = list.sub(length);
    switch (part) {
      case kModuleIdentification:
        module_identification(record, to);
        break;
      case kComponentIdentification:
        component_identification(record, to);
        break;
      case kModes:
        mode(record, to);
        break;
      case kCommunicationStatus:
        protection(record, to);
        break;
      default:
        to.sink.bytes("szl_record", record.rest());
        break;
    }
  }
}

}  // namespace dissect::s7comm
