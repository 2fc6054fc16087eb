#include "dissect/ethercat/mailbox.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "dissect/ethercat/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::ethercat {

namespace {

enum class Type : std::uint8_t { Error = 0, Aoe = 1, Eoe = 2, Coe = 3, Foe = 4, Soe = 5 };

constexpr std::string_view kTypes[] = {"mailbox error", "AoE", "EoE", "CoE", "FoE", "SoE"};
constexpr std::size_t kExpedited = 4;

// Where values of general interest are (CiA 301, 7.5.2).
void tell_object(std::uint16_t index, std::uint8_t sub, base::ByteView value, MailboxContext& to) {
  Evidence one = to.slave;
  std::string text;
  const auto number = [&value] {
    return std::to_string(Reader(value).little(std::min<std::size_t>(value.size(), 4)));
  };
  switch (index) {
    case 0x1008:
      one.fact = Fact::Model;
      text = printable(value);
      break;
    case 0x1009:
      one.fact = Fact::Hardware;
      text = printable(value);
      break;
    case 0x100a:
      one.fact = Fact::Firmware;
      text = printable(value);
      break;
    case 0x1018:
      if (sub == 0 || sub > 4 || value.empty()) return;
      one.fact = sub == 1   ? Fact::VendorId
                 : sub == 2 ? Fact::OrderCode
                 : sub == 3 ? Fact::Hardware
                            : Fact::Serial;
      text = sub == 1 ? "EtherCAT " + number() : number();
      break;
    default:
      return;
  }
  one.value = text;
  if (!text.empty()) to.sink.evidence(one);
}

void add_object(std::uint16_t index, std::uint8_t sub, MailboxContext& to) {
  to.sink.number("sdo_index", index);
  to.sink.number("sdo_subindex", sub);
  to.objects.add(to.message, to.sink, {"object", to.objects.digits(sub), index, 1});
}

void sdo_abort(Reader& body, MailboxContext& to) {
  const std::uint32_t code = body.u32le();
  to.sink.number("abort_code", code);
  to.message.status = {Outcome::Failed, code, abort_name(code)};
}

void sdo_request(Reader& body, MailboxContext& to) {
  const std::uint8_t command = body.u8();
  const std::uint8_t what = command >> 5U;
  to.sink.number("sdo_command", command);
  to.message.sub_operation = {what, {}};
  if (what == 0 || what == 3) {  // the next piece
    to.message.sub_operation.name = what == 0 ? "download segment" : "upload segment";
    to.message.access = what == 0 ? Access::ConfigWrite : Access::ConfigRead;
    return;
  }
  const std::uint16_t index = body.u16le();
  const std::uint8_t sub = body.u8();
  if (!body.ok()) return;
  add_object(index, sub, to);
  switch (what) {
    case 1: {
      to.message.sub_operation.name = "download";
      to.message.access = Access::ConfigWrite;
      if ((command & 2U) != 0) {
        to.sink.number("sdo_data", body.u32le());
        return;
      }
      to.sink.number("sdo_length", body.u32le());
      if (!body.done()) to.sink.bytes("data", body.rest());
      return;
    }
    case 2:
      to.message.sub_operation.name = "upload";
      to.message.access = index == 0x1018 || (index >= 0x1008 && index <= 0x100a)
                              ? Access::Discovery
                              : Access::ConfigRead;
      return;
    case 4:
      to.message.sub_operation.name = "abort";
      return sdo_abort(body, to);
    default:
      to.sink.issue({Issue::Kind::Violation, "SDO command that does not exist", command, 8});
  }
}

void sdo_response(Reader& body, MailboxContext& to) {
  const std::uint8_t command = body.u8();
  const std::uint8_t what = command >> 5U;
  to.sink.number("sdo_command", command);
  to.message.status.outcome = Outcome::Ok;
  to.message.sub_operation = {what, what == 2   ? "upload"
                                    : what == 3 ? "download"
                                    : what == 4 ? "abort"
                                                : "segment"};
  to.message.access = what == 2 || what == 0 ? Access::ConfigRead : Access::ConfigWrite;
  if (what < 2) return;
  const std::uint16_t index = body.u16le();
  const std::uint8_t sub = body.u8();
  if (!body.ok()) return;
  add_object(index, sub, to);
  if (what == 4) return sdo_abort(body, to);
  if (what != 2) return;
  if ((command & 2U) != 0) {
    const std::size_t unused = (command & 1U) != 0 ? command >> 2U & 3U : 0;
    const base::ByteView value = body.bytes(kExpedited);
    if (!body.ok()) return;
    to.sink.number("sdo_data", Reader(value).u32le());
    tell_object(index, sub, value.first(kExpedited - unused), to);
    return;
  }
  const std::uint32_t length = body.u32le();
  to.sink.number("sdo_length", length);
  const base::ByteView value = body.bytes(std::min<std::size_t>(length, body.remaining()));
  to.sink.bytes("data", value);
  if (value.size() == length) tell_object(index, sub, value, to);
}

void sdo_information(Reader& body, MailboxContext& to) {
  const std::uint8_t code = body.u8();
  body.skip(1);
  const std::uint16_t left = body.u16le();
  to.sink.number("sdo_info_code", code);
  to.sink.number("fragments_left", left);
  to.message.sub_operation = {code & 0x7fU, "information"};
  to.message.access = Access::ConfigRead;
  if ((code & 0x7fU) == 7) {
    const std::uint32_t error = body.u32le();
    to.message.status = {Outcome::Failed, error, abort_name(error)};
  } else if (!body.done()) {
    to.sink.bytes("data", body.rest());
  }
}

void read_coe(Reader& body, MailboxContext& to) {
  const std::uint16_t header = body.u16le();
  const unsigned int service = header >> 12U;
  to.sink.number("coe_number", header & 0x1ffU);
  to.sink.number("coe_service", service);
  to.message.operation = {0x10300U | service, "CoE"};
  switch (service) {
    case 1: {
      to.message.operation.name = "CoE emergency";
      to.message.access = Access::Alarm;
      const std::uint16_t code = body.u16le();
      to.sink.number("emergency_code", code);
      to.sink.number("error_register", body.u8());
      to.message.status = {code == 0 ? Outcome::Ok : Outcome::Failed, code, {}};
      return;
    }
    case 2:
      to.message.operation.name = "SDO request";
      return sdo_request(body, to);
    case 3:
      to.message.operation.name = "SDO response";
      return sdo_response(body, to);
    case 4:
    case 6:
      to.message.operation.name = "TxPDO";
      to.message.access = Access::Read;
      return;
    case 5:
    case 7:
      to.message.operation.name = "RxPDO";
      to.message.access = Access::Write;
      return;
    case 8:
      to.message.operation.name = "SDO information";
      return sdo_information(body, to);
    default:
      to.sink.issue({Issue::Kind::Violation, "CoE service that does not exist", service, 6});
  }
}

// Files: firmware nearly always, when they are written.
void read_foe(Reader& body, MailboxContext& to) {
  const std::uint8_t code = body.u8();
  body.skip(1);
  to.sink.number("foe_code", code);
  static constexpr std::string_view kCodes[] = {"",        "FoE read",  "FoE write", "FoE data",
                                                "FoE ack", "FoE error", "FoE busy"};
  to.message.operation = {0x10400U | code,
                          code < std::size(kCodes) ? kCodes[code] : std::string_view()};
  switch (code) {
    case 1:
    case 2: {
      body.skip(4);  // a password
      const std::string name = printable(body.rest());
      to.sink.text("file_name", name);
      to.objects.add(to.message, to.sink, {"file", to.objects.compose({name}), 0, 0});
      to.message.access = code == 2 ? Access::Firmware : Access::File;
      return;
    }
    case 3:
      to.message.access = Access::File;
      to.sink.number("packet", body.u32le());
      to.message.bytes = static_cast<std::uint32_t>(body.remaining());
      return;
    case 4:
      to.sink.number("packet", body.u32le());
      return;
    case 5: {
      const std::uint32_t error = body.u32le();
      to.sink.number("foe_error", error);
      to.message.access = Access::File;
      to.message.status = {Outcome::Failed, error, "FoE error"};
      return;
    }
    case 6:
      return;
    default:
      to.sink.issue({Issue::Kind::Violation, "FoE code that does not exist", code, 6});
  }
}

// Drives (IEC 61800-7): parameters by their identification numbers.
void read_soe(Reader& body, MailboxContext& to) {
  const std::uint16_t header = body.u16le();
  const std::uint16_t idn = body.u16le();
  if (!body.ok()) return;
  const unsigned int code = header & 7U;
  static constexpr std::string_view kCodes[] = {"",
                                                "SoE read request",
                                                "SoE read response",
                                                "SoE write request",
                                                "SoE write response",
                                                "SoE notification",
                                                "SoE emergency",
                                                ""};
  to.sink.number("soe_code", code);
  to.sink.number("drive", header >> 5U & 7U);
  to.sink.number("idn", idn);
  to.message.operation = {0x10500U | code, kCodes[code]};
  to.message.access = code <= 2   ? Access::ConfigRead
                      : code <= 4 ? Access::ConfigWrite
                                  : Access::Alarm;
  to.objects.add(to.message, to.sink, {(idn & 0x8000U) != 0 ? "P" : "S", {}, idn & 0x7fffU, 1});
  if ((header & 0x10U) != 0 && body.remaining() >= 2) {
    const std::uint16_t error = body.u16le();
    to.sink.number("soe_error", error);
    to.message.status = {Outcome::Failed, error, "SoE error"};
  } else if (code == 2 || code == 4) {
    to.message.status.outcome = Outcome::Ok;
  }
  if (!body.done()) to.sink.bytes("data", body.rest());
}

// Pieces of Ethernet frames: they are not put together.
void read_eoe(Reader& body, MailboxContext& to) {
  const std::uint16_t first = body.u16le();
  const std::uint16_t second = body.u16le();
  if (!body.ok()) return;
  const unsigned int type = first & 15U;
  to.sink.number("eoe_type", type);
  to.sink.number("eoe_last", first >> 8U & 1U);
  to.message.operation = {0x10200U | type, type == 0 ? "EoE fragment" : "EoE"};
  to.message.access = type == 2 ? Access::ConfigWrite : Access::None;
  if (type == 2) to.message.operation.name = "EoE set IP address";
  if (type == 0) {
    to.sink.number("eoe_fragment", second & 0x3fU);
    to.sink.number("eoe_offset", std::uint64_t{second >> 6U & 0x3fU} * 32);
    to.sink.number("eoe_frame", second >> 12U);
  }
  to.message.bytes = static_cast<std::uint32_t>(body.remaining());
  if (!body.done()) to.sink.bytes("data", body.rest());
}

}  // namespace

bool is_mailbox(base::ByteView data) {
  Reader reader(data);
  const std::uint16_t length = reader.u16le();
  reader.skip(2);  // who sent it to the master, or zero
  const std::uint8_t channel = reader.u8();
  const std::uint8_t kind = reader.u8();
  if (!reader.ok() || (channel & 0x3fU) != 0 || (kind & 0x80U) != 0) return false;
  const unsigned int type = kind & 15U;
  return length >= 4 && length <= reader.remaining() && type <= 5;
}

bool read_mailbox(base::ByteView data, MailboxContext& to, ams::Dialogue& ams) {
  Reader reader(data);
  const std::uint16_t length = reader.u16le();
  const std::uint16_t address = reader.u16le();
  const std::uint8_t channel = reader.u8();
  const std::uint8_t kind = reader.u8();
  to.sink.number("mailbox_length", length);
  to.sink.number("mailbox_address", address);
  to.sink.number("mailbox_priority", channel >> 6U);
  to.sink.number("mailbox_type", kind & 15U);
  to.sink.number("mailbox_counter", kind >> 4U & 7U);
  Reader body = reader.sub(length);
  const unsigned int type = kind & 15U;
  if (type < std::size(kTypes)) to.message.operation = {0x10000U | type << 8U, kTypes[type]};
  switch (static_cast<Type>(type)) {
    case Type::Error: {
      body.skip(2);
      const std::uint16_t error = body.u16le();
      to.message.status = {Outcome::Failed, error, "mailbox error"};
      break;
    }
    case Type::Aoe:
      ams.take(body.rest(), false, to.sink);
      return false;
    case Type::Eoe:
      read_eoe(body, to);
      break;
    case Type::Coe:
      read_coe(body, to);
      break;
    case Type::Foe:
      read_foe(body, to);
      break;
    case Type::Soe:
      read_soe(body, to);
      break;
  }
  if (!body.ok())
    to.sink.issue({Issue::Kind::Truncated, "mailbox shorter than its service needs", type, 0});
  return true;
}

}  // namespace dissect::ethercat
