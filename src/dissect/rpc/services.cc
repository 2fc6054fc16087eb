#include "dissect/rpc/services.h"

#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::rpc {

namespace {

constexpr std::size_t kHandle = 20;
enum Control : std::uint32_t { kStop = 1, kPause = 2, kContinue = 3 };

// A conformant and varying string of UTF-16: room, offset, length, characters up to a multiple of
// four bytes.
std::string wide_string(Reader& reader) {
  reader.skip(8);
  const std::uint32_t count = reader.u32le();
  if (!reader || count > reader.remaining() / 2) {
    reader.fail();
    return {};
  }
  const base::ByteView bytes = reader.bytes(std::size_t{count} * 2);
  if (count % 2 != 0 && reader.remaining() >= 2) reader.skip(2);
  return printable_utf16le(bytes);
}

std::string narrow_string(Reader& reader) {
  reader.skip(8);
  const std::uint32_t count = reader.u32le();
  if (!reader || count > reader.remaining()) {
    reader.fail();
    return {};
  }
  const base::ByteView bytes = reader.bytes(count);
  const std::size_t padding = (4 - count % 4) % 4;
  if (reader.remaining() >= padding) reader.skip(padding);
  return printable(bytes);
}

std::string any_string(bool wide, Reader& reader) {
  return wide ? wide_string(reader) : narrow_string(reader);
}

// Handle, name, shown name or none, rights, type, start, what when it fails, program.
void create(bool wide, Reader& reader, Service& service, Sink& sink) {
  reader.skip(kHandle);
  service.name = any_string(wide, reader);
  if (reader.u32le() != 0) any_string(wide, reader);
  reader.skip(4);
  const std::uint32_t type = reader.u32le();
  const std::uint32_t start = reader.u32le();
  reader.skip(4);
  service.program = any_string(wide, reader);
  if (!reader) return;
  sink.number("service_type", type);
  sink.number("service_start", start);
}

}  // namespace

void read_service(std::uint16_t number, base::ByteView arguments, Service& service, Sink& sink) {
  Reader reader(arguments);
  switch (number) {
    case 1: {
      reader.skip(kHandle);
      const std::uint32_t control = reader.u32le();
      if (!reader) return;
      sink.number("service_control", control);
      if (control == kStop || control == kPause) service.access = Access::Stop;
      if (control == kContinue) service.access = Access::Start;
      return;
    }
    case 12:
    case 45:
    case 60:
      create(true, reader, service, sink);
      break;
    case 24:
    case 44:
      create(false, reader, service, sink);
      break;
    case 16:
    case 28:
      reader.skip(kHandle);
      service.name = any_string(number == 16, reader);
      break;
    default:
      return;
  }
  sink.text("service_name", service.name);
  if (!service.program.empty()) sink.text("service_program", service.program);
}

}  // namespace dissect::rpc
