#include <charconv>
#include <string>

#include "dissect/s7comm/decode.h"
#include "dissect/s7comm/names.h"
#include "dissect/text.h"

namespace dissect::s7comm {

namespace {

constexpr std::uint8_t kVarSpec = 0x12;
constexpr std::uint8_t kSyntaxAny = 0x10;
constexpr std::uint8_t kSyntaxDrive = 0xa2;
constexpr std::uint8_t kSyntaxDbRead = 0xb0;
constexpr std::uint8_t kSyntaxSymbol = 0xb2;
constexpr std::uint8_t kAreaDb = 0x84;
constexpr std::uint8_t kAreaDi = 0x85;

void read_any(Reader& item, Decoding& to) {
  const std::uint8_t transport_size = item.u8();
  const std::uint16_t length = item.u16be();
  const std::uint16_t db = item.u16be();
  const std::uint8_t area = item.u8();
  const std::uint32_t address = item.u24be();
  if (!item.ok()) return;
  to.sink.number("item_transport_size", transport_size);
  to.sink.number("item_length", length);
  to.sink.number("item_db", db);
  to.sink.number("item_area", area);
  to.sink.number("item_address", address);
  const std::uint32_t size = element_size(transport_size);
  if (size == 0) {
    to.add(area_name(area), {}, address & 0xffffU, length);
    return;
  }
  const bool block = area == kAreaDb || area == kAreaDi;
  const std::string_view name =
      block ? to.objects.compose({area_name(area), to.objects.digits(db)}) : std::string_view();
  to.add(area_name(area), name, address >> 3U, size * length);
}

void read_db_areas(Reader& item, Decoding& to) {
  const std::uint8_t count = item.u8();
  to.sink.number("dbread_areas", count);
  for (std::uint8_t i = 0; i < count && item.ok(); ++i) {
    const std::uint8_t bytes = item.u8();
    const std::uint16_t db = item.u16be();
    const std::uint16_t start = item.u16be();
    if (!item.ok()) return;
    to.sink.number("dbread_length", bytes);
    to.sink.number("dbread_db", db);
    to.sink.number("dbread_start", start);
    to.add("DB", to.objects.compose({"DB", to.objects.digits(db)}), start, bytes);
  }
}

void read_symbol(Reader& item, Decoding& to) {
  item.u8();
  const std::uint16_t root = item.u16be();
  const std::uint16_t second = item.u16be();
  const std::uint32_t crc = item.u32be();
  if (!item.ok()) return;
  to.sink.number("symbol_area", root);
  to.sink.number("symbol_sub_area", second);
  to.sink.number("symbol_crc", crc);
  while (item.remaining() >= 4)
    to.sink.number("symbol_lid", item.u32be() & 0x0fffffffU);
  // Blocks by number, everything else by area.
  if (root == 0x8a0e)
    to.add("DB", to.objects.compose({"DB", to.objects.digits(second)}), crc, 1);
  else
    to.add("symbol", {}, crc, 1);
}

void read_drive(Reader& item, Decoding& to) {
  item.skip(3);
  const std::uint16_t number = item.u16be();
  const std::uint16_t index = item.u16be();
  if (!item.ok()) return;
  to.sink.number("drive_parameter", number);
  to.sink.number("drive_index", index);
  to.add("drive parameter", {}, number, 1);
}

void read_nck(Reader& item, Decoding& to) {
  const std::uint8_t area = item.u8();
  const std::uint16_t column = item.u16be();
  const std::uint16_t line = item.u16be();
  const std::uint8_t module = item.u8();
  const std::uint8_t lines = item.u8();
  if (!item.ok()) return;
  to.sink.number("nck_area", area >> 5U);
  to.sink.number("nck_unit", area & 0x1fU);
  to.sink.number("nck_column", column);
  to.sink.number("nck_line", line);
  to.sink.number("nck_module", module);
  to.sink.number("nck_line_count", lines);
  to.add("NCK", to.objects.digits(module), column, lines);
}

void read_variables(Reader& parameters, Decoding& to) {
  const std::uint8_t count = parameters.u8();
  to.sink.number("item_count", count);
  for (std::uint8_t i = 0; i < count && parameters.ok(); ++i) {
    if (i > 0 && (parameters.offset() & 1U) != 0 && parameters.peek() != kVarSpec)
      parameters.skip(1);  // items begin at even places
    read_variable(parameters, to);
  }
}

// "_0800001P": a letter, what it is, five digits, and the file system.
void read_file_name(std::string_view name, Decoding& to) {
  if (name.size() < 9) {
    if (!name.empty()) to.add("file", name, 0, 0);
    return;
  }
  const std::string_view type = block_type(name.substr(1, 2));
  const std::string_view number = name.substr(3, 5);
  to.text("file_identifier", name.substr(0, 1));
  to.text("block_type", name.substr(1, 2));
  to.text("block_number", number);
  to.text("file_system", name.substr(8, 1));
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (type.empty() || error != std::errc() || end != number.data() + number.size()) {
    to.issue(Issue::Kind::Malformed, "block name that cannot be");
    return;
  }
  to.add("block", to.objects.compose({type, to.objects.digits(value)}), value, 1);
}

// What all jobs of loading begin with. A number is only given to uploads.
void read_load_header(std::uint8_t function, Reader& parameters, Decoding& to) {
  to.sink.number("function_status", parameters.u8());
  parameters.skip(2);
  const std::uint32_t id = parameters.u32be();
  if (function >= kStartUpload) to.sink.number("upload_id", id);
}

void read_load_request(std::uint8_t function, Reader& parameters, Decoding& to) {
  read_load_header(function, parameters, to);
  if (function == kUpload || function == kEndUpload || parameters.done()) return;
  const std::uint8_t length = parameters.u8();
  const std::string_view name = parameters.text(length);
  if (!parameters.ok()) return;
  to.sink.number("filename_length", length);
  to.text("filename", name);
  read_file_name(name, to);
  if (function != kRequestDownload || parameters.done()) return;
  to.sink.number("part2_length", parameters.u8());
  parameters.skip(1);
  to.text("load_memory_length", parameters.text(6));
  to.text("mc7_length", parameters.text(6));
}

// What is inserted or deleted: a count, and each block's type, number and file system.
void read_service_blocks(Reader argument, Decoding& to) {
  const std::uint8_t count = argument.u8();
  argument.skip(1);
  to.sink.number("service_block_count", count);
  for (std::uint8_t i = 0; i < count && argument.remaining() >= 8; ++i) {
    const std::string_view file = base::as_text(argument.rest()).substr(0, 8);
    const std::string_view type = argument.text(2);
    const std::string_view number = argument.text(5);
    const std::string_view system = argument.text(1);
    to.text("filename", file);
    to.text("block_type", type);
    to.text("block_number", number);
    to.text("file_system", system);
    std::uint32_t value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);
    to.add("block", to.objects.compose({block_type(type), to.objects.digits(value)}), value, 1);
  }
}

void read_pi_service(Reader& parameters, Decoding& to) {
  parameters.skip(7);
  const std::uint16_t length = parameters.u16be();
  const base::ByteView argument = parameters.bytes(length);
  const std::string_view name = parameters.text(parameters.u8());
  if (!parameters.ok()) return;
  to.sink.number("argument_length", length);
  to.text("service", name);
  const Named service = pi_service(name);
  to.message.access = service.access;
  if (service.name.empty()) {
    to.add("service", name, 0, 0);
    return;
  }
  to.message.sub_operation = {0, service.name};
  if (name == "_INSE" || name == "_DELE") {
    read_service_blocks(Reader(argument), to);
  } else {
    to.text("argument", base::as_text(argument));
    to.add("service", service.name, 0, 0);
  }
}

void read_stop(Reader& parameters, Decoding& to) {
  parameters.skip(5);
  const std::string_view name = parameters.text(parameters.u8());
  if (!parameters.ok()) return;
  to.text("service", name);
  to.add("service", name, 0, 0);
}

void read_setup(Reader& parameters, Decoding& to) {
  parameters.skip(1);
  const std::uint16_t calling = parameters.u16be();
  const std::uint16_t called = parameters.u16be();
  const std::uint16_t size = parameters.u16be();
  if (!parameters.ok()) return;
  to.sink.number("max_amq_calling", calling);
  to.sink.number("max_amq_called", called);
  to.sink.number("pdu_length", size);
}

void read_values(std::uint32_t count, Reader& data, Decoding& to) {
  for (std::uint32_t i = 0; i < count && !data.done(); ++i) {
    const DataItem item = read_item(data, to);
    if (!data.ok()) return;
    if (item.code != kDone && item.code != 0) to.fail(item.code, return_name(item.code));
    // Fill to an even place, but for the last.
    if (item.bytes.size() % 2 != 0 && i + 1 < count) data.skip(1);
  }
}

void answer_write(std::uint32_t count, Reader& data, Decoding& to) {
  for (std::uint32_t i = 0; i < count && data.ok(); ++i) {
    const std::uint8_t code = data.u8();
    if (!data.ok()) return;
    to.sink.number("return_code", code);
    if (code != kDone) to.fail(code, return_name(code));
  }
}

void answer_load(std::uint8_t function, Reader& parameters, Reader& data, Decoding& to) {
  if (!parameters.done()) to.sink.number("function_status", parameters.u8());
  if (function == kStartUpload && parameters.remaining() >= 6) {
    parameters.skip(2);
    to.sink.number("upload_id", parameters.u32be());
    if (!parameters.done()) {
      const std::uint8_t length = parameters.u8();
      to.sink.number("length_text_length", length);
      to.text("length_text", parameters.text(length));
    }
  }
  if (!data.done()) {
    to.sink.bytes("block_data", data.rest());
    data.skip(data.remaining());
  }
}

}  // namespace

void read_variable(Reader& parameters, Decoding& to) {
  const std::uint8_t specification = parameters.u8();
  const std::uint8_t length = parameters.u8();
  Reader item = parameters.sub(length);
  const std::uint8_t syntax = item.u8();
  if (!item.ok()) {
    parameters.fail();
    return;
  }
  to.sink.number("item_specification", specification);
  to.sink.number("item_specification_length", length);
  to.sink.number("item_syntax", syntax);
  if (specification != kVarSpec) {
    to.issue(Issue::Kind::Malformed, "unknown variable specification", specification);
    return;
  }
  switch (syntax) {
    case kSyntaxAny:
      read_any(item, to);
      break;
    case kSyntaxDbRead:
      read_db_areas(item, to);
      break;
    case kSyntaxSymbol:
      read_symbol(item, to);
      break;
    case kSyntaxDrive:
      read_drive(item, to);
      break;
    case 0x82:
    case 0x83:
    case 0x84:
      read_nck(item, to);
      break;
    default:
      to.issue(Issue::Kind::Unsupported, "variable syntax not read", syntax);
      return;
  }
  if (!item.ok()) to.issue(Issue::Kind::Truncated, "variable ends too early", syntax);
}

void read_job(std::uint8_t function, Reader& parameters, Reader& data, Decoding& to) {
  switch (function) {
    case kReadVar:
      return read_variables(parameters, to);
    case kWriteVar: {
      const std::uint8_t count = parameters.peek();
      read_variables(parameters, to);
      return read_values(count, data, to);
    }
    case kRequestDownload:
    case kDownloadBlock:
    case kDownloadEnded:
    case kStartUpload:
    case kUpload:
    case kEndUpload:
      return read_load_request(function, parameters, to);
    case kPiService:
      return read_pi_service(parameters, to);
    case kPlcStop:
      return read_stop(parameters, to);
    case kSetup:
      return read_setup(parameters, to);
    default:
      to.issue(Issue::Kind::Unsupported, "job function not read", function);
  }
}

void read_answer(std::uint8_t function, Reader& parameters, Reader& data, Decoding& to) {
  switch (function) {
    case kReadVar:
    case kWriteVar: {
      const std::uint8_t count = parameters.u8();
      to.sink.number("item_count", count);
      return function == kReadVar ? read_values(count, data, to) : answer_write(count, data, to);
    }
    case kPiService:
    case kDownloadBlock:
    case kStartUpload:
    case kUpload:
      return answer_load(function, parameters, data, to);
    case kSetup:
      return read_setup(parameters, to);
    default:
      return;
  }
}

DataItem read_item(Reader& data, Decoding& to, Show show) {
  DataItem item;
  item.code = data.u8();
  item.transport_size = data.u8();
  const std::uint16_t length = data.u16be();
  if (!data.ok()) return item;
  // Bits, bytes and integers are counted in bits.
  const bool in_bits = item.transport_size >= 3 && item.transport_size <= 5;
  // One without a type has no data, whatever its length says.
  const std::size_t bytes = item.transport_size == 0 ? 0
                            : in_bits                ? (length + std::size_t{7}) / 8
                                                     : length;
  item.bytes = data.bytes(bytes);
  to.sink.number("return_code", item.code);
  to.sink.number("data_transport_size", item.transport_size);
  to.sink.number("data_length", bytes);
  if (data.ok() && !item.bytes.empty() && show == Show::Data) to.sink.bytes("data", item.bytes);
  return item;
}

void Decoding::text(std::string_view name, std::string_view value) const {
  if (!sink.wants_details()) return;
  const std::string shown = printable(value);
  if (!shown.empty()) sink.text(name, shown);
}

void Decoding::fail(std::uint32_t code, std::string_view name) const {
  if (message.status.outcome != Outcome::Failed) message.status = {Outcome::Failed, code, name};
}

}  // namespace dissect::s7comm
