#include "dissect/knx/cemi.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "dissect/names.h"

namespace dissect::knx {

namespace {

enum class Code : std::uint8_t {
  RawRequest = 0x10,
  DataRequest = 0x11,
  DataIndication = 0x29,
  BusMonitor = 0x2b,
  RawIndication = 0x2d,
  DataConfirmation = 0x2e,
  RawConfirmation = 0x2f,
  ResetIndication = 0xf0,
  ResetRequest = 0xf1,
  PropertyWriteConfirmation = 0xf5,
  PropertyWriteRequest = 0xf6,
  PropertyInfo = 0xf7,
  FunctionCommand = 0xf8,
  FunctionStateRead = 0xf9,
  FunctionConfirmation = 0xfa,
  PropertyReadConfirmation = 0xfb,
  PropertyReadRequest = 0xfc,
};

constexpr Named kCodes[] = {
    {0x10, "L_Raw.req"},
    {0x11, "L_Data.req"},
    {0x13, "L_Poll_Data.req"},
    {0x25, "L_Poll_Data.con"},
    {0x29, "L_Data.ind"},
    {0x2b, "L_Busmon.ind"},
    {0x2d, "L_Raw.ind"},
    {0x2e, "L_Data.con"},
    {0x2f, "L_Raw.con"},
    {0x41, "T_Data_Connected.req"},
    {0x4a, "T_Data_Individual.req"},
    {0x89, "T_Data_Connected.ind"},
    {0x94, "T_Data_Individual.ind"},
    {0xf0, "M_Reset.ind"},
    {0xf1, "M_Reset.req"},
    {0xf5, "M_PropWrite.con"},
    {0xf6, "M_PropWrite.req"},
    {0xf7, "M_PropInfo.ind"},
    {0xf8, "M_FuncPropCommand.req"},
    {0xf9, "M_FuncPropStateRead.req"},
    {0xfa, "M_FuncProp.con"},
    {0xfb, "M_PropRead.con"},
    {0xfc, "M_PropRead.req"},
};
static_assert(sorted_by_code(kCodes));

// Services of the application layer; those of ten bits in full, others with six zeros.
struct Service {
  std::string_view name = {};
  std::uint16_t code = 0;
  Access access = Access::None;
};

constexpr Access kGet = Access::ConfigRead;
constexpr Access kSet = Access::ConfigWrite;
constexpr Access kFind = Access::Discovery;

constexpr Service kServices[] = {
    {"group value read", 0x000, Access::Read},
    {"group value response", 0x040, Access::Read},
    {"group value write", 0x080, Access::Write},
    {"individual address write", 0x0c0, kSet},
    {"individual address read", 0x100, kFind},
    {"individual address response", 0x140, kFind},
    {"ADC read", 0x180, Access::Read},
    {"ADC response", 0x1c0, Access::Read},
    {"memory read", 0x200, kGet},
    {"memory response", 0x240, kGet},
    {"memory write", 0x280, kSet},
    {"user memory read", 0x2c0, kGet},
    {"user memory response", 0x2c1, kGet},
    {"user memory write", 0x2c2, kSet},
    {"manufacturer info read", 0x2c5, kFind},
    {"manufacturer info response", 0x2c6, kFind},
    {"function property command", 0x2c7, Access::Write},
    {"function property state read", 0x2c8, Access::Read},
    {"function property state response", 0x2c9, Access::Read},
    {"device descriptor read", 0x300, kFind},
    {"device descriptor response", 0x340, kFind},
    {"restart", 0x380, Access::Reset},
    {"authorize request", 0x3d1, Access::Authentication},
    {"authorize response", 0x3d2, Access::Authentication},
    {"key write", 0x3d3, Access::Authentication},
    {"key response", 0x3d4, Access::Authentication},
    {"property value read", 0x3d5, kGet},
    {"property value response", 0x3d6, kGet},
    {"property value write", 0x3d7, kSet},
    {"property description read", 0x3d8, kGet},
    {"property description response", 0x3d9, kGet},
    {"network parameter read", 0x3da, kGet},
    {"network parameter response", 0x3db, kGet},
    {"serial number read", 0x3dc, kFind},
    {"serial number response", 0x3dd, kFind},
    {"serial number write", 0x3de, kSet},
    {"domain address write", 0x3e0, kSet},
    {"domain address read", 0x3e1, kFind},
    {"domain address response", 0x3e2, kFind},
    {"network parameter write", 0x3e4, kSet},
    {"secure service", 0x3f1, Access::None},
};
static_assert(std::ranges::is_sorted(kServices, {}, &Service::code));

// Where the lower six bits are data or a length, they are no part of the service.
Service service_of(std::uint16_t code) {
  const std::uint16_t upper = code & 0x3c0U;
  const bool in_full = upper == 0x2c0 || upper == 0x3c0;
  const std::uint16_t wanted = in_full ? code : upper;
  const auto found = std::ranges::lower_bound(kServices, wanted, {}, &Service::code);
  return found != std::end(kServices) && found->code == wanted ? *found : Service{{}, wanted};
}

std::string_view individual(std::uint16_t address, Objects& objects) {
  std::string_view text = objects.digits(address >> 12U);
  text = objects.extend(text, ".");
  text = objects.extend(text, address >> 8U & 15U);
  text = objects.extend(text, ".");
  return objects.extend(text, address & 255U);
}

std::string_view group(std::uint16_t address, Objects& objects) {
  std::string_view text = objects.digits(address >> 11U);
  text = objects.extend(text, "/");
  text = objects.extend(text, address >> 8U & 7U);
  text = objects.extend(text, "/");
  return objects.extend(text, address & 255U);
}

constexpr std::string_view kTransport[] = {"connect", "disconnect", "acknowledge",
                                           "not acknowledge"};

// Device, then what of it: an object's property.
void name_property(Reader& body, Decoding& to) {
  const std::uint8_t object = body.u8();
  const std::uint8_t property = body.u8();
  const std::uint16_t range = body.u16be();
  if (!body.ok()) return;
  to.sink.number("object_index", object);
  to.sink.number("property_id", property);
  to.sink.number("elements", range >> 12U);
  to.sink.number("start_index", range & 0xfffU);
  std::string_view name = to.objects.digits(object);
  name = to.objects.extend(name, ".");
  to.objects.add(to.message, to.sink,
                 {"property", to.objects.extend(name, property), range & 0xfffU,
                  static_cast<std::uint32_t>(range >> 12U)});
}

void application(std::uint16_t code, Reader& body, Decoding& to) {
  const Service what = service_of(code);
  to.sink.number("apci", code & 0x3c0U);
  to.message.sub_operation = {what.code, what.name};
  to.message.access = what.access;
  if (what.name.empty())
    to.sink.issue({Issue::Kind::Violation, "service that is not known", code, 0});
  switch (what.code) {
    case 0x200:
    case 0x240:
    case 0x280: {
      const std::uint16_t address = body.u16be();
      const std::uint32_t count = code & 0x3fU;
      if (!body.ok()) return;
      to.sink.number("memory_address", address);
      to.objects.add(to.message, to.sink, {"memory", {}, address, count});
      break;
    }
    case 0x3d5:
    case 0x3d6:
    case 0x3d7:
      name_property(body, to);
      break;
    case 0x3d1:
    case 0x3d3:
      return;  // keys
    case 0x040:
    case 0x080:
      // Values of up to six bits are in the service itself.
      if (body.done()) to.sink.number("value", code & 0x3fU);
      break;
    default:
      break;
  }
  to.message.bytes = static_cast<std::uint32_t>(body.remaining());
  if (!body.done() && body.ok()) to.sink.bytes("data", body.rest());
}

void telegram(Reader& body, Decoding& to) {
  const std::uint8_t control = body.u8();
  const std::uint8_t more = body.u8();
  const std::uint16_t source = body.u16be();
  const std::uint16_t destination = body.u16be();
  const std::uint8_t length = body.u8();
  if (!body.ok()) return;
  const bool to_group = (more & 0x80U) != 0;
  to.sink.number("frame_type", control >> 7U);
  to.sink.number("priority", control >> 2U & 3U);
  to.sink.number("confirm_error", control & 1U);
  to.sink.number("address_type", more >> 7U);
  to.sink.number("hop_count", more >> 4U & 7U);
  to.sink.number("source", source);
  to.sink.number("destination", destination);
  to.sink.number("data_length", length);
  to.objects.add(to.message, to.sink,
                 {to_group ? "group" : "device",
                  to_group ? group(destination, to.objects) : individual(destination, to.objects),
                  destination, 1});
  Reader data = body.sub(std::size_t{length} + 1);
  const std::uint8_t first = data.u8();
  if (!data.ok()) return body.fail();
  to.sink.number("packet_type", first >> 7U);
  to.sink.number("sequence_type", first >> 6U & 1U);
  to.sink.number("sequence_number", first >> 2U & 15U);
  if ((first & 0x80U) != 0) {
    to.sink.number("transport_service", first & 3U);
    to.message.sub_operation = {0x1000U | (first & 3U), kTransport[first & 3U]};
    to.message.access = (first & 3U) < 2 ? Access::Session : Access::None;
    return;
  }
  const std::uint16_t code = static_cast<std::uint16_t>((first & 3U) << 8U | data.u8());
  if (!data.ok()) return body.fail();
  application(code, data, to);
  if (!data.ok()) body.fail();
}

// What is asked of the device itself, by its own objects.
void management(Code code, Reader& body, Decoding& to) {
  const std::uint16_t type = body.u16be();
  const std::uint8_t instance = body.u8();
  const std::uint8_t property = body.u8();
  if (!body.ok()) return;
  to.sink.number("object_type", type);
  to.sink.number("object_instance", instance);
  to.sink.number("property_id", property);
  std::uint16_t range = 0x1000;
  const bool function = code == Code::FunctionCommand || code == Code::FunctionStateRead ||
                        code == Code::FunctionConfirmation;
  if (!function) {
    range = body.u16be();
    if (!body.ok()) return;
    to.sink.number("elements", range >> 12U);
    to.sink.number("start_index", range & 0xfffU);
  }
  std::string_view name = to.objects.digits(type);
  name = to.objects.extend(name, ".");
  name = to.objects.extend(name, property);
  to.objects.add(to.message, to.sink,
                 {"property", name, range & 0xfffU, static_cast<std::uint32_t>(range >> 12U)});
  const bool writes = code == Code::PropertyWriteRequest || code == Code::PropertyWriteConfirmation;
  to.message.access = writes                            ? Access::ConfigWrite
                      : code == Code::FunctionCommand   ? Access::Write
                      : code == Code::FunctionStateRead ? Access::Read
                                                        : Access::ConfigRead;
  const bool confirms =
      code == Code::PropertyWriteConfirmation || code == Code::PropertyReadConfirmation;
  // No elements in an answer: the byte that follows is the reason.
  if (confirms && range >> 12U == 0) {
    const std::uint8_t error = body.u8();
    to.sink.number("error", error);
    to.message.status = {Outcome::Failed, error, "property error"};
  } else if (!body.done()) {
    to.sink.bytes("data", body.rest());
  }
}

}  // namespace

void read_cemi(Reader& body, Decoding& to) {
  const std::uint8_t number = body.u8();
  if (!body.ok()) return;
  const auto code = static_cast<Code>(number);
  const std::string_view name = name_of(kCodes, number);
  to.sink.number("message_code", number);
  to.message.sub_operation = {0x2000U | number, name};
  if (name.empty()) {
    to.sink.issue({Issue::Kind::Violation, "message code that does not exist", number, 0});
    return;
  }
  if (number >= 0xf5) return management(code, body, to);
  if (number >= 0xf0) {
    to.message.access = Access::Reset;
    return;
  }
  const std::uint8_t additional = body.u8();
  to.sink.number("additional_length", additional);
  body.skip(additional);
  switch (code) {
    case Code::DataRequest:
    case Code::DataIndication:
      return telegram(body, to);
    case Code::DataConfirmation:
      telegram(body, to);
      // What was asked for has been told when it was.
      to.message.access = Access::None;
      return;
    default:
      if (!body.done()) to.sink.bytes("data", body.rest());
      return;
  }
}

}  // namespace dissect::knx
