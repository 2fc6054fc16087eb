#include <algorithm>
#include <iterator>

#include "dissect/enip/cip.h"
#include "dissect/enip/services.h"

namespace dissect::enip {

namespace {

struct PcccCommand {
  std::uint16_t code;  // command, and function where it has one
  std::string_view name;
  Access access;
};

// 1770-6.5.16, chapter 7.
constexpr PcccCommand kCommands[] = {
    {0x0000, "protected write", Access::Write},
    {0x0100, "unprotected read", Access::Read},
    {0x0200, "protected bit write", Access::Write},
    {0x0500, "unprotected bit write", Access::Write},
    {0x0800, "unprotected write", Access::Write},
    {0x0600, "echo", Access::Diagnostics},
    {0x0601, "read diagnostic counters", Access::Diagnostics},
    {0x0602, "set variables", Access::ConfigWrite},
    {0x0603, "diagnostic status", Access::Discovery},
    {0x0604, "set timeout", Access::ConfigWrite},
    {0x0605, "set NAKs", Access::ConfigWrite},
    {0x0606, "set ENQs", Access::ConfigWrite},
    {0x0607, "reset diagnostic counters", Access::Diagnostics},
    {0x0608, "set data table size", Access::ConfigWrite},
    {0x0609, "read link parameters", Access::ConfigRead},
    {0x060a, "set link parameters", Access::ConfigWrite},
    {0x0700, "disable outputs", Access::ModeChange},
    {0x0701, "enable program", Access::ModeChange},
    {0x0703, "enable scan", Access::ModeChange},
    {0x0704, "enter download mode", Access::ProgramDownload},
    {0x0705, "exit download/upload mode", Access::ModeChange},
    {0x0706, "enter upload mode", Access::ProgramUpload},
    {0x0f00, "word range write", Access::Write},
    {0x0f01, "word range read", Access::Read},
    {0x0f02, "bit write", Access::Write},
    {0x0f08, "file write", Access::Write},
    {0x0f11, "get edit resource", Access::Session},
    {0x0f12, "return edit resource", Access::Session},
    {0x0f17, "read bytes physical", Access::Read},
    {0x0f18, "write bytes physical", Access::Write},
    {0x0f26, "read-modify-write", Access::Write},
    {0x0f29, "read section size", Access::ConfigRead},
    {0x0f3a, "set CPU mode", Access::ModeChange},
    {0x0f41, "disable forces", Access::Write},
    {0x0f50, "download all request", Access::ProgramDownload},
    {0x0f52, "download completed", Access::ProgramDownload},
    {0x0f53, "upload all request", Access::ProgramUpload},
    {0x0f55, "upload completed", Access::ProgramUpload},
    {0x0f57, "initialize memory", Access::Reset},
    {0x0f5e, "modify PLC-2 compatibility file", Access::ConfigWrite},
    {0x0f67, "typed write", Access::Write},
    {0x0f68, "typed read", Access::Read},
    {0x0f79, "read-modify-write N", Access::Write},
    {0x0f80, "change mode", Access::ModeChange},
    {0x0f81, "open file", Access::File},
    {0x0f82, "close file", Access::File},
    {0x0f88, "execute multiple commands", Access::Write},
    {0x0f8f, "apply port configuration", Access::ConfigWrite},
    {0x0fa1, "protected typed logical read with two address fields", Access::Read},
    {0x0fa2, "protected typed logical read with three address fields", Access::Read},
    {0x0fa7, "protected typed file read", Access::File},
    {0x0fa9, "protected typed logical write with two address fields", Access::Write},
    {0x0faa, "protected typed logical write with three address fields", Access::Write},
    {0x0fab, "protected typed logical write with mask", Access::Write},
    {0x0faf, "protected typed file write", Access::File},
};

bool has_function(std::uint8_t command) {
  return command == 0x06 || command == 0x07 || command == 0x0f;
}

std::string_view file_letter(std::uint8_t type) {
  switch (type) {
    case 0x82:
      return "O";
    case 0x83:
      return "I";
    case 0x84:
      return "S";
    case 0x85:
      return "B";
    case 0x86:
      return "T";
    case 0x87:
      return "C";
    case 0x88:
      return "R";
    case 0x89:
      return "N";
    case 0x8a:
      return "F";
    case 0x8d:
      return "ST";
    case 0x8e:
      return "A";
    case 0x91:
      return "L";
    default:
      return "file ";
  }
}

// One byte, or 255 and two.
std::uint16_t short_or_long(Reader& data) {
  const std::uint8_t first = data.u8();
  return first == 0xff ? data.u16le() : first;
}

// A file, its type and an element: "N7".
void logical_address(Reader& data, Objects& objects, Message& message, Sink& sink) {
  const std::uint8_t size = data.u8();
  const std::uint16_t file = short_or_long(data);
  const std::uint8_t type = data.u8();
  const std::uint16_t element = short_or_long(data);
  if (!data.ok()) return;
  sink.number("pccc_size", size);
  sink.number("pccc_file", file);
  sink.number("pccc_file_type", type);
  sink.number("pccc_element", element);
  const std::string_view name =
      objects.extend(objects.compose({file_letter(type)}), std::uint64_t{file});
  objects.add(message, sink, {"data file", name, element, size});
}

}  // namespace

void read_pccc(bool request, Reader& data, Objects& objects, Message& message, Sink& sink) {
  const std::uint8_t requester = data.u8();
  if (requester > 0) data.skip(requester - 1U);
  const std::uint8_t code = data.u8();
  const std::uint8_t status = data.u8();
  const std::uint16_t transaction = data.u16le();
  if (!data.ok()) return;
  const std::uint8_t command = code & 0x0fU;
  std::uint8_t function = 0;
  if (request && has_function(command)) function = data.u8();
  sink.number("pccc_command", code);
  sink.number("pccc_status", status);
  sink.number("pccc_transaction", transaction);
  if (!request) {
    if (status != 0) message.status = {Outcome::Failed, status, "PCCC status"};
    return;
  }
  if (has_function(command)) sink.number("pccc_function", function);
  const std::uint16_t wanted = static_cast<std::uint16_t>(command << 8U | function);
  const auto found = std::ranges::find(kCommands, wanted, &PcccCommand::code);
  const bool known = found != std::end(kCommands);
  message.sub_operation = {wanted, known ? found->name : std::string_view()};
  message.access = known ? found->access : Access::Write;
  if (wanted == 0x0fa1 || wanted == 0x0fa2 || wanted == 0x0fa9 || wanted == 0x0faa ||
      wanted == 0x0fab)
    logical_address(data, objects, message, sink);
}

}  // namespace dissect::enip
