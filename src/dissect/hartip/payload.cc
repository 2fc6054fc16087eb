#include "dissect/hartip/payload.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "dissect/hartip/commands.h"
#include "dissect/text.h"

namespace dissect::hartip {

namespace {

enum class Kind : std::uint8_t { Number, Real, Bytes, Packed, Latin };

struct Field {
  std::string_view name;
  Kind kind = Kind::Number;
  std::uint8_t size = 1;
};

constexpr Field kPollingAddress[] = {{"polling_address"}, {"loop_current_mode"}};
constexpr Field kPv[] = {{"pv_units"}, {"pv", Kind::Real, 4}};
constexpr Field kLoop[] = {{"pv_loop_current", Kind::Real, 4}, {"pv_percent_range", Kind::Real, 4}};
constexpr Field kClasses[] = {{"primary_classification"},
                              {"secondary_classification"},
                              {"tertiary_classification"},
                              {"quaternary_classification"}};
constexpr Field kMessage[] = {{"message", Kind::Packed, 24}};
constexpr Field kTagDescriptorDate[] = {
    {"tag", Kind::Packed, 6}, {"descriptor", Kind::Packed, 12}, {"day"}, {"month"}, {"year"}};
constexpr Field kTransducer[] = {{"transducer_serial", Kind::Bytes, 3},
                                 {"transducer_units"},
                                 {"upper_transducer_limit", Kind::Real, 4},
                                 {"lower_transducer_limit", Kind::Real, 4},
                                 {"minimum_span", Kind::Real, 4}};
constexpr Field kDevice[] = {{"alarm_selection"},
                             {"transfer_function"},
                             {"range_units"},
                             {"upper_range_value", Kind::Real, 4},
                             {"lower_range_value", Kind::Real, 4},
                             {"damping", Kind::Real, 4},
                             {"write_protect"},
                             {"reserved"},
                             {"analog_channel_flags"}};
constexpr Field kAssembly[] = {{"final_assembly_number", Kind::Bytes, 3}};
constexpr Field kTag[] = {{"tag", Kind::Packed, 6}};
constexpr Field kLongTag[] = {{"long_tag", Kind::Latin, 32}};
constexpr Field kDamping[] = {{"damping", Kind::Real, 4}};
constexpr Field kRange[] = {
    {"range_units"}, {"upper_range_value", Kind::Real, 4}, {"lower_range_value", Kind::Real, 4}};
constexpr Field kChanges[] = {{"configuration_changes", Kind::Number, 2}};
constexpr Field kEeprom[] = {{"eeprom_control"}};
constexpr Field kCurrent[] = {{"fixed_current", Kind::Real, 4}};
constexpr Field kUnits[] = {{"pv_units"}};
constexpr Field kTrim[] = {{"measured_current", Kind::Real, 4}};
constexpr Field kTransfer[] = {{"transfer_function"}};
constexpr Field kSerial[] = {{"transducer_serial", Kind::Bytes, 3}};
constexpr Field kStatus[] = {{"device_specific_status", Kind::Bytes, 6},
                             {"extended_device_status"},
                             {"operating_mode"},
                             {"standardized_status_0"},
                             {"standardized_status_1"},
                             {"analog_channel_saturated"},
                             {"standardized_status_2"},
                             {"standardized_status_3"},
                             {"analog_channel_fixed"}};
constexpr Field kAssignments[] = {
    {"primary_variable"}, {"secondary_variable"}, {"tertiary_variable"}, {"quaternary_variable"}};
constexpr Field kVariable[] = {{"device_variable"}};
constexpr Field kVariableUnits[] = {{"device_variable"}, {"variable_units"}};
constexpr Field kVariableInfo[] = {{"device_variable"},
                                   {"transducer_serial", Kind::Bytes, 3},
                                   {"variable_units"},
                                   {"upper_transducer_limit", Kind::Real, 4},
                                   {"lower_transducer_limit", Kind::Real, 4},
                                   {"damping", Kind::Real, 4},
                                   {"minimum_span", Kind::Real, 4},
                                   {"variable_classification"},
                                   {"variable_family"},
                                   {"acquisition_period", Kind::Number, 4},
                                   {"variable_properties"}};
constexpr Field kVariableDamping[] = {{"device_variable"}, {"damping", Kind::Real, 4}};
constexpr Field kPreambles[] = {{"response_preambles"}};
constexpr Field kLock[] = {{"lock_code"}};
constexpr Field kIo[] = {{"max_io_cards"},
                         {"max_channels"},
                         {"max_sub_devices_per_channel"},
                         {"sub_devices", Kind::Number, 2},
                         {"max_delayed_responses"},
                         {"master_mode"},
                         {"retry_count"}};
constexpr Field kPlace[] = {{"io_card"}, {"channel"}, {"polling_address"}};
constexpr Field kForce[] = {{"device_variable"},
                            {"write_command"},
                            {"variable_units"},
                            {"variable_value", Kind::Real, 4},
                            {"variable_status"}};
constexpr Field kSubDevice[] = {{"sub_device", Kind::Number, 2}};
constexpr Field kSubDeviceSummary[] = {{"sub_device", Kind::Number, 2},
                                       {"io_card"},
                                       {"channel"},
                                       {"sub_device_manufacturer", Kind::Number, 2},
                                       {"sub_device_type", Kind::Number, 2},
                                       {"sub_device_id", Kind::Bytes, 3},
                                       {"sub_device_universal_revision"},
                                       {"long_tag", Kind::Latin, 32}};
constexpr Field kBurst[] = {{"burst_control"}, {"burst_message"}};
constexpr Field kBurstCommand[] = {{"burst_command"}, {"burst_message"}};

struct Layout {
  std::uint16_t command = 0;
  std::span<const Field> request;
  std::span<const Field> response;
};

constexpr Layout kLayouts[] = {
    {1, {}, kPv},
    {2, {}, kLoop},
    {6, kPollingAddress, kPollingAddress},
    {7, {}, kPollingAddress},
    {8, {}, kClasses},
    {11, kTag, {}},
    {12, {}, kMessage},
    {13, {}, kTagDescriptorDate},
    {14, {}, kTransducer},
    {15, {}, kDevice},
    {16, {}, kAssembly},
    {17, kMessage, kMessage},
    {18, kTagDescriptorDate, kTagDescriptorDate},
    {19, kAssembly, kAssembly},
    {20, {}, kLongTag},
    {21, kLongTag, {}},
    {22, kLongTag, kLongTag},
    {34, kDamping, kDamping},
    {35, kRange, kRange},
    {38, {}, kChanges},
    {39, kEeprom, kEeprom},
    {40, kCurrent, kCurrent},
    {44, kUnits, kUnits},
    {45, kTrim, kTrim},
    {46, kTrim, kTrim},
    {47, kTransfer, kTransfer},
    {48, {}, kStatus},
    {49, kSerial, kSerial},
    {50, {}, kAssignments},
    {51, kAssignments, kAssignments},
    {52, kVariable, kVariable},
    {53, kVariableUnits, kVariableUnits},
    {54, kVariable, kVariableInfo},
    {55, kVariableDamping, kVariableDamping},
    {59, kPreambles, kPreambles},
    {71, kLock, kLock},
    {74, {}, kIo},
    {75, kPlace, {}},
    {79, kForce, kForce},
    {84, kSubDevice, kSubDeviceSummary},
    {108, kBurstCommand, kBurstCommand},
    {109, kBurst, kBurst},
};
static_assert(std::ranges::is_sorted(kLayouts, {}, &Layout::command));

const Layout* layout_of(std::uint16_t command) {
  const auto found = std::ranges::lower_bound(kLayouts, command, {}, &Layout::command);
  return found != std::end(kLayouts) && found->command == command ? found : nullptr;
}

// "Not a number" is how devices say that a value is not known.
void show_real(std::string_view name, std::uint32_t bits, Sink& sink) {
  const auto value = std::bit_cast<float>(bits);
  if (std::isfinite(value)) sink.real(name, static_cast<double>(value));
}

void show_text(const Field& field, base::ByteView bytes, bool tells, Decoding& to) {
  if (!tells && !to.sink.wants_details()) return;
  const std::string text = field.kind == Kind::Packed ? packed_text(bytes) : printable(bytes);
  to.sink.text(field.name, text);
  // A tag of blanks, question marks or zeros was never set.
  if (tells && to.own && field.name.ends_with("tag") &&
      text.find_first_not_of("?@") != std::string::npos)
    to.sink.tell(Fact::Name, text);
}

// Old devices know less: what is missing at the end of an answer is no failure.
void show(std::span<const Field> fields, Reader& data, bool tells, Decoding& to) {
  for (const Field& field : fields) {
    if (data.done() && tells) return;
    switch (field.kind) {
      case Kind::Number: {
        const std::uint64_t value = data.big(field.size);
        if (!data.ok()) return;
        to.sink.number(field.name, value);
        if (field.name == "device_variable")
          to.objects.add(to.message, to.sink, {"device variable", {}, value, 1});
        break;
      }
      case Kind::Real: {
        const std::uint32_t bits = data.u32be();
        if (!data.ok()) return;
        show_real(field.name, bits, to.sink);
        break;
      }
      case Kind::Bytes: {
        const base::ByteView bytes = data.bytes(field.size);
        if (!data.ok()) return;
        to.sink.bytes(field.name, bytes);
        break;
      }
      case Kind::Packed:
      case Kind::Latin: {
        const base::ByteView bytes = data.bytes(field.size);
        if (!data.ok()) return;
        show_text(field, bytes, tells, to);
        break;
      }
    }
  }
}

// Which variables are asked for, a byte each (commands 9 and 33).
void show_codes(Reader& data, Decoding& to) {
  while (!data.done()) {
    const std::uint8_t code = data.u8();
    to.sink.number("device_variable", code);
    to.objects.add(to.message, to.sink, {"device variable", {}, code, 1});
  }
}

// Command 3: the current, then up to four variables with their units.
void show_dynamic(Reader& data, Decoding& to) {
  static constexpr Field kVariables[][2] = {
      {{"pv_units"}, {"pv", Kind::Real, 4}},
      {{"sv_units"}, {"sv", Kind::Real, 4}},
      {{"tv_units"}, {"tv", Kind::Real, 4}},
      {{"qv_units"}, {"qv", Kind::Real, 4}},
  };
  show(std::span(kLoop).first(1), data, true, to);
  for (const auto& variable : kVariables)
    show(variable, data, true, to);
}

// Commands 9 and 33: up to eight variables. `full`: with classification and status.
void show_slots(bool full, Reader& data, Decoding& to) {
  const std::size_t size = full ? 8 : 6;
  if (full) to.sink.number("extended_device_status", data.u8());
  for (int slot = 0; slot < 8 && data.remaining() >= size; ++slot) {
    const std::uint8_t code = data.u8();
    to.sink.number("device_variable", code);
    to.objects.add(to.message, to.sink, {"device variable", {}, code, 1});
    if (full) to.sink.number("variable_classification", data.u8());
    to.sink.number("variable_units", data.u8());
    show_real("variable_value", data.u32be(), to.sink);
    if (full) to.sink.number("variable_status", data.u8());
  }
  if (full && data.remaining() >= 4) to.sink.bytes("data_time_stamp", data.bytes(4));
}

// Revision 5 tells manufacturer and type in a byte each; 7 has the manufacturer at the end.
Identity show_identity(Reader& data, Sink& sink) {
  Identity who;
  const std::uint8_t expansion = data.u8();
  who.type = data.u16be();
  const std::uint8_t preambles = data.u8();
  who.revision = data.u8();
  who.device = data.u8();
  who.software = data.u8();
  const std::uint8_t hardware = data.u8();
  const std::uint8_t flags = data.u8();
  const base::ByteView id = data.bytes(3);
  if (!data.ok()) return {};
  who.id = Reader(id).u24be();
  who.hardware = hardware >> 3U;
  who.manufacturer = who.type >> 8U;
  who.known = true;
  sink.number("expansion_code", expansion);
  sink.number("expanded_device_type", who.type);
  sink.number("request_preambles", preambles);
  sink.number("universal_revision", who.revision);
  sink.number("device_revision", who.device);
  sink.number("software_revision", who.software);
  sink.number("hardware_revision", hardware);
  sink.number("flags", flags);
  sink.bytes("device_id", id);
  static constexpr Field kSix[] = {{"response_preambles"},
                                   {"max_device_variables"},
                                   {"configuration_changes", Kind::Number, 2},
                                   {"extended_device_status"}};
  for (const Field& field : kSix) {
    if (data.remaining() >= field.size) sink.number(field.name, data.big(field.size));
  }
  if (data.remaining() >= 5) {
    who.manufacturer = data.u16be();
    sink.number("manufacturer_id", who.manufacturer);
    sink.number("private_label", data.u16be());
    sink.number("device_profile", data.u8());
  }
  return who;
}

}  // namespace

void read_request(std::uint16_t command, Reader& data, Decoding& to) {
  if (command == 9 || command == 33) return show_codes(data, to);
  const Layout* const layout = layout_of(command);
  if (layout != nullptr) show(layout->request, data, false, to);
  if (!data.done()) to.sink.bytes("data", data.rest());
}

Identity read_response(std::uint16_t command, Reader& data, Decoding& to) {
  switch (command) {
    case 0:
    case 11:
    case 21:
    case 73:
    case 75:
      return data.done() ? Identity{} : show_identity(data, to.sink);
    case 3:
      show_dynamic(data, to);
      break;
    case 9:
    case 33:
      if (!data.done()) show_slots(command == 9, data, to);
      break;
    default:
      if (const Layout* const layout = layout_of(command)) show(layout->response, data, true, to);
      break;
  }
  if (!data.done()) to.sink.bytes("data", data.rest());
  return {};
}

}  // namespace dissect::hartip
