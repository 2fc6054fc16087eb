#include "dissect/modbus/umas.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>

#include "dissect/text.h"

namespace dissect::modbus {

namespace {

constexpr std::uint8_t kReadId = 0x02;
constexpr std::uint8_t kReadProject = 0x03;
constexpr std::uint8_t kTakeReservation = 0x10;
constexpr std::uint8_t kReadMemory = 0x20;
constexpr std::uint8_t kWriteMemory = 0x21;
constexpr std::uint8_t kUploadBlock = 0x31;
constexpr std::uint8_t kDownloadBlock = 0x34;
constexpr std::uint8_t kOk = 0xfe;
constexpr std::uint8_t kError = 0xfd;

struct Code {
  std::uint8_t code;
  std::string_view name;
  Access access;
};

constexpr Code kCodes[] = {
    {0x01, "INIT_COMM", Access::Session},
    {kReadId, "READ_ID", Access::Discovery},
    {kReadProject, "READ_PROJECT_INFO", Access::ConfigRead},
    {0x04, "READ_PLC_INFO", Access::Discovery},
    {0x06, "READ_CARD_INFO", Access::Discovery},
    {0x0a, "REPEAT", Access::Diagnostics},
    {kTakeReservation, "TAKE_PLC_RESERVATION", Access::Session},
    {0x11, "RELEASE_PLC_RESERVATION", Access::Session},
    {0x12, "KEEP_ALIVE", Access::None},
    {kReadMemory, "READ_MEMORY_BLOCK", Access::Read},
    {kWriteMemory, "WRITE_MEMORY_BLOCK", Access::Write},
    {0x22, "READ_VARIABLES", Access::Read},
    {0x23, "WRITE_VARIABLES", Access::Write},
    {0x24, "READ_COILS_REGISTERS", Access::Read},
    {0x25, "WRITE_COILS_REGISTERS", Access::Write},
    {0x30, "INITIALIZE_UPLOAD", Access::ProgramDownload},
    {kUploadBlock, "UPLOAD_BLOCK", Access::ProgramDownload},
    {0x32, "END_STRATEGY_UPLOAD", Access::ProgramDownload},
    {0x33, "INITIALIZE_DOWNLOAD", Access::ProgramUpload},
    {kDownloadBlock, "DOWNLOAD_BLOCK", Access::ProgramUpload},
    {0x35, "END_STRATEGY_DOWNLOAD", Access::ProgramUpload},
    {0x39, "READ_ETH_MASTER_DATA", Access::Read},
    {0x40, "START_PLC", Access::Start},
    {0x41, "STOP_PLC", Access::Stop},
    {0x50, "MONITOR_PLC", Access::Read},
    {0x58, "CHECK_PLC", Access::Diagnostics},
    {0x6e, "REQUEST_NONCE", Access::Authentication},
    {0x70, "READ_IO_OBJECT", Access::Read},
    {0x71, "WRITE_IO_OBJECT", Access::Write},
    {0x73, "GET_STATUS_MODULE", Access::Diagnostics},
};

void name(std::uint8_t code, Decoding& to) {
  const auto found = std::ranges::find(kCodes, code, &Code::code);
  const bool known = found != std::end(kCodes);
  to.message.sub_operation.code = code;
  to.message.sub_operation.name = known ? found->name : std::string_view();
  to.message.access = known ? found->access : Access::None;
}

// 22 bytes of ranges and versions, then the controller's name behind its length. The version is in
// bytes 8 and 9, in decimal digits.
void answer_id(Reader& body, Decoding& to) {
  body.skip(8);
  const std::uint8_t minor = body.u8();
  const std::uint8_t major = body.u8();
  body.skip(12);
  const std::string_view model = body.text(body.u8());
  if (!body.ok()) return;
  to.sink.number("umas_version_major", major);
  to.sink.number("umas_version_minor", minor);
  const std::string shown = printable(model);
  if (to.sink.wants_details()) to.sink.text("umas_model", shown);
  to.sink.tell(Fact::Vendor, "Schneider Electric");
  to.sink.tell(Fact::Model, shown);
  if (major != 0)
    to.sink.tell(Fact::Firmware,
                 hex(base::ByteView(&major, 1)) + '.' + hex(base::ByteView(&minor, 1)),
                 Confidence::Banner);
}

// Who reserves the controller says its own name.
void ask_reservation(Reader& body, Decoding& to) {
  body.skip(4);
  const std::string_view owner = body.text(body.u8());
  if (!body.ok()) return;
  const std::string shown = printable(owner);
  if (to.sink.wants_details()) to.sink.text("umas_owner", shown);
  to.sink.tell(Fact::Hostname, shown, Confidence::Banner);
}

void ask_memory(Reader& body, Decoding& to) {
  const std::uint8_t range = body.u8();
  const std::uint16_t block = body.u16le();
  const std::uint32_t offset = body.u32le();
  const std::uint16_t size = body.u16le();
  if (!body.ok()) return;
  to.sink.number("umas_range", range);
  to.sink.number("umas_block", block);
  to.sink.number("umas_offset", offset);
  to.sink.number("umas_size", size);
  to.add("memory block", block, 1);
}

void ask_block(Reader& body, Decoding& to) {
  body.skip(2);
  const std::uint16_t block = body.u16le();
  if (!body.ok()) return;
  to.sink.number("umas_block", block);
  to.add("program block", block, 1);
}

void rest_as_data(Reader& body, Decoding& to) {
  if (!body.done()) to.sink.bytes("data", body.rest());
  body.skip(body.remaining());
}

}  // namespace

void read_umas_request(Reader& body, Decoding& to, Asked& asked) {
  const std::uint8_t key = body.u8();
  const std::uint8_t code = body.u8();
  if (!body.ok()) return;
  asked.sub = code;
  to.sink.number("umas_key", key);
  to.sink.number("umas_code", code);
  name(code, to);
  switch (code) {
    case kTakeReservation:
      ask_reservation(body, to);
      break;
    case kReadMemory:
    case kWriteMemory:
      ask_memory(body, to);
      break;
    case kUploadBlock:
    case kDownloadBlock:
      ask_block(body, to);
      break;
    default:
      break;
  }
  rest_as_data(body, to);
}

void read_umas_response(Reader& body, Decoding& to, const Asked* asked) {
  const std::uint8_t key = body.u8();
  const std::uint8_t result = body.u8();
  if (!body.ok()) return;
  to.sink.number("umas_key", key);
  to.sink.number("umas_result", result);
  if (result == kError) {
    const std::uint8_t error = body.peek();
    to.message.status = {Outcome::Failed, error, "UMAS error"};
  } else if (result != kOk) {
    to.issue(Issue::Kind::Violation, "UMAS result that is neither good nor bad", result);
  }
  if (asked != nullptr) {
    const auto code = static_cast<std::uint8_t>(asked->sub);
    name(code, to);
    if (result == kOk && code == kReadId) answer_id(body, to);
  }
  rest_as_data(body, to);
}

}  // namespace dissect::modbus
