#include "dissect/modbus/decode.h"

#include <algorithm>
#include <string_view>

#include "dissect/modbus/umas.h"
#include "dissect/text.h"

namespace dissect::modbus {

namespace {

// Most that one request may ask for (6.1 to 6.17).
constexpr std::uint32_t kMaxBitsRead = 2000;
constexpr std::uint32_t kMaxBitsWritten = 1968;
constexpr std::uint32_t kMaxRegistersRead = 125;
constexpr std::uint32_t kMaxRegistersWritten = 123;
constexpr std::uint32_t kMaxRegistersExchanged = 121;

constexpr std::uint8_t kMeiCanOpen = 13;
constexpr std::uint8_t kMeiDeviceId = 14;

void check_range(Decoding& to, std::uint32_t address, std::uint32_t quantity, std::uint32_t most) {
  if (quantity == 0 || quantity > most)
    to.issue(Issue::Kind::Violation, "quantity out of range", quantity);
  if (address + quantity > 0x10000)
    to.issue(Issue::Kind::Violation, "addresses beyond 65535", address);
}

// What values are called: those of a list, or those that a write names one by one or beside others.
struct Names {
  std::string_view number;
  std::string_view value;
};
constexpr Names kRegister{"register_number", "register_value"};
constexpr Names kBit{"bit_number", "bit_value"};
constexpr Names kWrittenRegister{"written_register", "written_value"};
constexpr Names kWrittenBit{"written_bit", "written_bit_value"};

void registers(Reader& values, Decoding& to, const Names& names, const std::uint16_t* first) {
  if (!to.sink.wants_details()) return;
  std::uint32_t number = first != nullptr ? *first : 0;
  while (values.remaining() >= 2) {
    if (first != nullptr) to.sink.number(names.number, number++ & 0xffffU);
    to.sink.number(names.value, values.u16be());
  }
}

void coils(Reader& values, Decoding& to, const Names& names, std::uint16_t first,
           std::uint32_t count) {
  if (!to.sink.wants_details()) return;
  const base::ByteView bytes = values.rest();
  count = std::min<std::uint32_t>(count, static_cast<std::uint32_t>(bytes.size() * 8));
  for (std::uint32_t i = 0; i < count; ++i) {
    to.sink.number(names.number, (first + i) & 0xffffU);
    to.sink.number(names.value, bytes[i / 8] >> (i % 8) & 1U);
  }
}

// A byte count and what it counts.
Reader counted(Reader& body, Decoding& to) {
  const std::uint8_t count = body.u8();
  to.sink.number("byte_count", count);
  return body.sub(count);
}

void read_range(std::uint8_t code, Reader& body, Decoding& to, Asked& asked) {
  asked.address = body.u16be();
  asked.quantity = body.u16be();
  if (!body.ok()) return;
  to.sink.number("reference_number", asked.address);
  const bool bits = code <= 2 || code == 15;
  to.sink.number(bits ? "bit_count" : "word_count", asked.quantity);
  const std::uint32_t most = code <= 2    ? kMaxBitsRead
                             : code <= 4  ? kMaxRegistersRead
                             : code == 15 ? kMaxBitsWritten
                                          : kMaxRegistersWritten;
  check_range(to, asked.address, asked.quantity, most);
  to.add(function(code).space, asked.address, asked.quantity);
}

void write_one(std::uint8_t code, Reader& body, Decoding& to, Asked& asked) {
  asked.address = body.u16be();
  asked.quantity = 1;
  const base::ByteView raw = body.rest().first(std::min<std::size_t>(2, body.remaining()));
  const std::uint16_t value = body.u16be();
  if (!body.ok()) return;
  to.sink.number("reference_number", asked.address);
  if (code == 6) {
    to.sink.number(kWrittenRegister.number, asked.address);
    to.sink.number(kWrittenRegister.value, value);
  } else {
    to.sink.bytes("data", raw);
    to.sink.number(kWrittenBit.number, asked.address);
    to.sink.number(kWrittenBit.value, value == 0xff00 ? 1 : 0);
    if (value != 0 && value != 0xff00)
      to.issue(Issue::Kind::Violation, "coil neither 0x0000 nor 0xff00", value);
  }
  to.add(function(code).space, asked.address, 1);
}

void write_many(std::uint8_t code, Reader& body, Decoding& to, Asked& asked) {
  read_range(code, body, to, asked);
  Reader values = counted(body, to);
  if (!body.ok()) return;
  const std::uint32_t wanted =
      code == 15 ? (asked.quantity + 7U) / 8 : std::uint32_t{asked.quantity} * 2;
  if (values.remaining() != wanted)
    to.issue(Issue::Kind::Malformed, "byte count does not fit the quantity",
             static_cast<std::uint32_t>(values.remaining()));
  to.sink.bytes("data", values.rest());
  if (code == 15)
    coils(values, to, kWrittenBit, asked.address, asked.quantity);
  else
    registers(values, to, kRegister, &asked.address);
}

void mask_write(Reader& body, Decoding& to, Asked& asked) {
  asked.address = body.u16be();
  asked.quantity = 1;
  const std::uint16_t and_mask = body.u16be();
  const std::uint16_t or_mask = body.u16be();
  if (!body.ok()) return;
  to.sink.number("reference_number", asked.address);
  to.sink.number("and_mask", and_mask);
  to.sink.number("or_mask", or_mask);
  to.add(function(22).space, asked.address, 1);
}

void exchange(Reader& body, Decoding& to, Asked& asked) {
  asked.address = body.u16be();
  asked.quantity = body.u16be();
  const std::uint16_t write_address = body.u16be();
  const std::uint16_t write_quantity = body.u16be();
  if (!body.ok()) return;
  to.sink.number("read_reference_number", asked.address);
  to.sink.number("read_word_count", asked.quantity);
  to.sink.number("write_reference_number", write_address);
  to.sink.number("write_word_count", write_quantity);
  check_range(to, asked.address, asked.quantity, kMaxRegistersRead);
  check_range(to, write_address, write_quantity, kMaxRegistersExchanged);
  to.add(function(23).space, write_address, write_quantity);
  to.add(function(23).space, asked.address, asked.quantity);
  Reader values = counted(body, to);
  if (!body.ok()) return;
  if (values.remaining() != std::size_t{write_quantity} * 2)
    to.issue(Issue::Kind::Malformed, "byte count does not fit the quantity",
             static_cast<std::uint32_t>(values.remaining()));
  to.sink.bytes("data", values.rest());
  registers(values, to, kWrittenRegister, &write_address);
}

void read_diagnostics(Reader& body, Decoding& to, Asked* asked) {
  const std::uint16_t code = body.u16be();
  if (!body.ok()) return;
  if (asked != nullptr) asked->sub = code;
  const Function sub = diagnostic(code);
  to.sink.number("diagnostic_code", code);
  to.sink.bytes("data", body.rest());
  to.message.sub_operation = {code, sub.name};
  to.message.access = sub.access;
  if (sub.reserved) to.issue(Issue::Kind::Violation, "reserved diagnostic code", code);
  body.skip(body.remaining());
}

void file_group(Reader& groups, Decoding& to) {
  const std::uint8_t type = groups.u8();
  const std::uint16_t file = groups.u16be();
  const std::uint16_t record = groups.u16be();
  const std::uint16_t length = groups.u16be();
  if (!groups.ok()) return;
  to.sink.number("reference_type", type);
  to.sink.number("file_number", file);
  to.sink.number("record_number", record);
  to.sink.number("record_length", length);
  if (type != 6) to.issue(Issue::Kind::Violation, "reference type other than 6", type);
  if (file == 0) to.issue(Issue::Kind::Violation, "file 0");
  if (record > 9999) to.issue(Issue::Kind::Violation, "record beyond 9999", record);
  to.add("file", file, 1);
}

void ask_files(Reader& body, Decoding& to) {
  Reader groups = counted(body, to);
  while (groups.ok() && !groups.done())
    file_group(groups, to);
  if (!groups.ok()) body.fail();
}

void answer_files(Reader& body, Decoding& to) {
  Reader groups = counted(body, to);
  while (groups.ok() && !groups.done()) {
    const std::uint8_t length = groups.u8();
    const std::uint8_t type = groups.u8();
    if (length == 0) groups.fail();
    const base::ByteView data = groups.bytes(length == 0 ? 0 : length - 1U);
    if (!groups.ok()) break;
    to.sink.number("group_length", length);
    to.sink.number("reference_type", type);
    to.sink.bytes("data", data);
  }
  if (!groups.ok()) body.fail();
}

// The same in both directions.
void write_files(Reader& body, Decoding& to) {
  Reader groups = counted(body, to);
  while (groups.ok() && !groups.done()) {
    const base::ByteView length =
        groups.rest().subspan(std::min<std::size_t>(5, groups.remaining()));
    file_group(groups, to);
    if (!groups.ok() || length.size() < 2) break;
    const base::ByteView data = groups.bytes(2 * (std::size_t{length[0]} << 8U | length[1]));
    if (groups.ok()) to.sink.bytes("data", data);
  }
  if (!groups.ok()) body.fail();
}

void answer_fifo(Reader& body, Decoding& to) {
  const std::uint16_t bytes = body.u16be();
  const std::uint16_t count = body.u16be();
  if (!body.ok()) return;
  to.sink.number("byte_count_16", bytes);
  to.sink.number("word_count", count);
  if (count > 31) to.issue(Issue::Kind::Violation, "more than 31 values in a FIFO queue", count);
  if (bytes != count * 2U + 2U)
    to.issue(Issue::Kind::Malformed, "byte count does not fit the quantity", bytes);
  Reader values = body.sub(std::min(body.remaining(), std::size_t{count} * 2));
  to.sink.bytes("data", values.rest());
  registers(values, to, kRegister, nullptr);
}

void answer_event_log(Reader& body, Decoding& to) {
  Reader log = counted(body, to);
  to.sink.number("event_status", log.u16be());
  to.sink.number("event_count", log.u16be());
  to.sink.number("event_message_count", log.u16be());
  if (!log.ok()) {
    body.fail();
    return;
  }
  while (!log.done())
    to.sink.number("event", log.u8());
}

void answer_server_id(Reader& body, Decoding& to) {
  Reader report = counted(body, to);
  if (!body.ok()) return;
  to.sink.bytes("data", report.rest());
  // The first bytes are the device's own; most put an id and then 00 or ff for off or on.
  if (report.remaining() < 2) return;
  to.sink.number("server_id", report.u8());
  const std::uint8_t run = report.u8();
  to.sink.number("run_indicator", run);
  if (run == 0xff) to.sink.tell(Fact::Mode, "run");
  if (run == 0x00) to.sink.tell(Fact::Mode, "stop");
  const std::string_view text = report.text(report.remaining());
  const auto letter = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (text.size() >= 3 && std::ranges::all_of(text, letter))
    to.sink.tell(Fact::Model, printable(text), Confidence::Banner);
}

Fact fact_of(std::uint8_t object) {
  static constexpr Fact kFacts[] = {Fact::Vendor,   Fact::OrderCode, Fact::Firmware, Fact::Software,
                                    Fact::Software, Fact::Model,     Fact::Name};
  return kFacts[object];
}

void answer_device_id(Reader& body, Decoding& to, const Asked* asked) {
  const std::uint8_t category = body.u8();
  const std::uint8_t conformity = body.u8();
  const std::uint8_t more = body.u8();
  const std::uint8_t next = body.u8();
  const std::uint8_t count = body.u8();
  if (!body.ok()) return;
  to.sink.number("read_device_id", category);
  to.sink.number("conformity_level", conformity);
  to.sink.number("more_follows", more);
  to.sink.number("next_object_id", next);
  to.sink.number("object_count", count);
  if (asked != nullptr && asked->sub != category && category != 0)
    to.issue(Issue::Kind::Violation, "device id category other than asked for", category);
  bool model = false;
  for (std::uint8_t i = 0; i < count; ++i) {
    const std::uint8_t id = body.u8();
    const std::uint8_t length = body.u8();
    const base::ByteView value = body.bytes(length);
    if (!body.ok()) return;
    to.sink.number("object_id", id);
    to.sink.number("object_length", length);
    if (to.sink.wants_details()) to.sink.text("object_value", printable(value));
    // 3 is an address on the web, which says nothing of the device itself; 4 is a product's name,
    // which does when there is no model.
    if (id > 6 || id == 3) continue;
    const std::string text = printable(value);
    if (id == 4) {
      if (!model) to.sink.tell(Fact::Model, text);
      continue;
    }
    model = model || id == 5;
    to.sink.tell(fact_of(id), text);
  }
}

void read_encapsulated(Reader& body, Decoding& to, Asked* asked, const Asked* before) {
  const std::uint8_t mei = body.u8();
  if (!body.ok()) return;
  to.sink.number("mei_type", mei);
  if (mei == kMeiCanOpen) {
    to.message.sub_operation = {mei, "CANopen general reference"};
    to.sink.bytes("data", body.rest());
    body.skip(body.remaining());
    return;
  }
  if (mei != kMeiDeviceId) {
    to.message.sub_operation = {mei, {}};
    to.issue(Issue::Kind::Violation, "unknown MEI type", mei);
    to.sink.bytes("data", body.rest());
    body.skip(body.remaining());
    return;
  }
  to.message.sub_operation = {mei, "read device identification"};
  to.message.access = Access::Discovery;
  if (asked == nullptr) {
    answer_device_id(body, to, before);
    return;
  }
  const std::uint8_t category = body.u8();
  const std::uint8_t object = body.u8();
  if (!body.ok()) return;
  asked->sub = category;
  to.sink.number("read_device_id", category);
  to.sink.number("object_id", object);
  if (category == 0 || category > 4)
    to.issue(Issue::Kind::Violation, "unknown device id category", category);
  to.add("device identification", object, 1);
}

// Functions of which we know no more: what they carry, as it is.
void opaque(Reader& body, Decoding& to) {
  if (!body.done()) to.sink.bytes("data", body.rest());
  body.skip(body.remaining());
}

void answer_values(std::uint8_t code, Reader& body, Decoding& to, const Asked* asked) {
  Reader values = counted(body, to);
  if (!body.ok()) return;
  const bool bits = code <= 2;
  if (!bits && values.remaining() % 2 != 0)
    to.issue(Issue::Kind::Malformed, "odd number of bytes for registers",
             static_cast<std::uint32_t>(values.remaining()));
  if (asked != nullptr) {
    const std::uint32_t wanted =
        bits ? (asked->quantity + 7U) / 8 : std::uint32_t{asked->quantity} * 2;
    if (values.remaining() != wanted)
      to.issue(Issue::Kind::Violation, "answer of another size than asked for",
               static_cast<std::uint32_t>(values.remaining()));
  }
  to.sink.bytes("data", values.rest());
  if (!bits)
    registers(values, to, kRegister, asked != nullptr ? &asked->address : nullptr);
  else if (asked != nullptr)
    coils(values, to, kBit, asked->address, asked->quantity);
}

}  // namespace

void Decoding::add(std::string_view space, std::uint64_t first, std::uint32_t count) {
  if (object_count == kMaxObjects) {
    issue(Issue::Kind::LeftOut, "more objects than are kept");
    return;
  }
  objects[object_count++] = {space, {}, first, count};
  message.objects = {objects, object_count};
}

void read_request(std::uint8_t code, Reader& body, Decoding& to, Asked& asked) {
  switch (code) {
    case 1:
    case 2:
    case 3:
    case 4:
      return read_range(code, body, to, asked);
    case 5:
    case 6:
      return write_one(code, body, to, asked);
    case 7:
    case 11:
    case 12:
    case 17:
      return;
    case 8:
      return read_diagnostics(body, to, &asked);
    case 15:
    case 16:
      return write_many(code, body, to, asked);
    case 20:
      return ask_files(body, to);
    case 21:
      return write_files(body, to);
    case 22:
      return mask_write(body, to, asked);
    case 23:
      return exchange(body, to, asked);
    case 24:
      asked.address = body.u16be();
      if (!body.ok()) return;
      to.sink.number("reference_number", asked.address);
      return to.add(function(code).space, asked.address, 1);
    case 43:
      return read_encapsulated(body, to, &asked, nullptr);
    case kUmas:
      return read_umas_request(body, to, asked);
    default:
      return opaque(body, to);
  }
}

void read_response(std::uint8_t code, Reader& body, Decoding& to, const Asked* asked) {
  Asked unused;
  switch (code) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 23:
      return answer_values(code, body, to, asked);
    case 5:
    case 6:
      return write_one(code, body, to, unused);
    case 7:
      to.sink.number("exception_status", body.u8());
      return;
    case 8:
      return read_diagnostics(body, to, nullptr);
    case 11:
      to.sink.number("event_status", body.u16be());
      to.sink.number("event_count", body.u16be());
      return;
    case 12:
      return answer_event_log(body, to);
    case 15:
    case 16:
      return read_range(code, body, to, unused);
    case 17:
      return answer_server_id(body, to);
    case 20:
      return answer_files(body, to);
    case 21:
      return write_files(body, to);
    case 22:
      return mask_write(body, to, unused);
    case 24:
      return answer_fifo(body, to);
    case 43:
      return read_encapsulated(body, to, nullptr, asked);
    case kUmas:
      return read_umas_response(body, to, asked);
    default:
      return opaque(body, to);
  }
}

}  // namespace dissect::modbus
