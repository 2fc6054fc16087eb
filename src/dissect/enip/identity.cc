#include <string>

#include "dissect/enip/cip.h"
#include "dissect/enip/services.h"
#include "dissect/text.h"

namespace dissect::enip {

namespace {

constexpr std::uint16_t kRockwell = 1;
constexpr std::uint16_t kController = 0x0e;

void tell(Fact fact, std::string_view value, std::optional<std::uint16_t> slot, Sink& sink) {
  if (value.empty()) return;
  Evidence one;
  one.fact = fact;
  one.value = value;
  one.slot = slot;
  sink.evidence(one);
}

void tell_vendor(std::uint16_t vendor, std::optional<std::uint16_t> slot, Sink& sink) {
  tell(Fact::VendorId, "CIP " + std::to_string(vendor), slot, sink);
  tell(Fact::Vendor, vendor_name(vendor), slot, sink);
}

void tell_revision(std::uint8_t major, std::uint8_t minor, std::optional<std::uint16_t> slot,
                   Sink& sink) {
  tell(Fact::Firmware, std::to_string(major & 0x7fU) + '.' + std::to_string(minor), slot, sink);
}

void tell_serial(std::uint32_t serial, std::optional<std::uint16_t> slot, Sink& sink) {
  if (serial == 0) return;
  const std::uint8_t bytes[] = {
      static_cast<std::uint8_t>(serial >> 24U), static_cast<std::uint8_t>(serial >> 16U),
      static_cast<std::uint8_t>(serial >> 8U), static_cast<std::uint8_t>(serial)};
  tell(Fact::Serial, hex(bytes), slot, sink);
}

// Controllers of Rockwell Automation have their mode in the status word: bits 4 to 7 the state,
// bits 12 and 13 the key.
void tell_mode(const Identity& identity, std::optional<std::uint16_t> slot, Sink& sink) {
  if (identity.vendor != kRockwell || identity.type != kController) return;
  const unsigned int state = identity.status >> 4U & 15U;
  const unsigned int key = identity.status >> 12U & 3U;
  if (state != 6 && state != 7) return;
  const bool runs = state == 6;
  if (key == 3)
    tell(Fact::Mode, runs ? "remote run" : "remote program", slot, sink);
  else
    tell(Fact::Mode, runs ? "run" : "program", slot, sink);
}

}  // namespace

bool read_identity(Reader& reader, Identity& identity) {
  identity.vendor = reader.u16le();
  identity.type = reader.u16le();
  identity.product = reader.u16le();
  identity.major = reader.u8();
  identity.minor = reader.u8();
  identity.status = reader.u16le();
  identity.serial = reader.u32le();
  identity.name = reader.text(reader.u8());
  return reader.ok();
}

void tell_identity(const Identity& identity, std::optional<std::uint16_t> slot, Sink& sink) {
  tell_vendor(identity.vendor, slot, sink);
  tell(Fact::Model, printable(identity.name), slot, sink);
  tell_revision(identity.major, identity.minor, slot, sink);
  tell_serial(identity.serial, slot, sink);
  tell(Fact::Type, device_type(identity.type), slot, sink);
  tell_mode(identity, slot, sink);
}

void show_identity(const Identity& identity, From from, Sink& sink) {
  if (!sink.wants_details()) return;
  const bool listed = from == From::Encapsulation;
  sink.number(listed ? "identity_vendor" : "device_vendor", identity.vendor);
  sink.number(listed ? "identity_device_type" : "device_type", identity.type);
  sink.number(listed ? "identity_product_code" : "device_product_code", identity.product);
  sink.number(listed ? "identity_major" : "device_major", identity.major);
  sink.number(listed ? "identity_minor" : "device_minor", identity.minor);
  sink.number(listed ? "identity_status" : "device_status", identity.status);
  sink.number(listed ? "identity_serial" : "device_serial", identity.serial);
  sink.text(listed ? "identity_name" : "device_name", printable(identity.name));
}

void tell_identity_attribute(std::uint16_t attribute, Reader& value,
                             std::optional<std::uint16_t> slot, Sink& sink) {
  switch (attribute) {
    case 1: {
      const std::uint16_t vendor = value.u16le();
      if (value.ok()) tell_vendor(vendor, slot, sink);
      return;
    }
    case 2: {
      const std::uint16_t type = value.u16le();
      if (value.ok()) tell(Fact::Type, device_type(type), slot, sink);
      return;
    }
    case 3:
    case 5: {
      const std::uint16_t number = value.u16le();
      if (value.ok()) sink.number(attribute == 3 ? "device_product_code" : "device_status", number);
      return;
    }
    case 4: {
      const std::uint8_t major = value.u8();
      const std::uint8_t minor = value.u8();
      if (value.ok()) tell_revision(major, minor, slot, sink);
      return;
    }
    case 6: {
      const std::uint32_t serial = value.u32le();
      if (value.ok()) tell_serial(serial, slot, sink);
      return;
    }
    case 7: {
      const std::string_view name = value.text(value.u8());
      if (value.ok()) tell(Fact::Model, printable(name), slot, sink);
      return;
    }
    default:
      value.fail();  // of a size that is not known here
  }
}

}  // namespace dissect::enip
