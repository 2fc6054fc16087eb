#include "dissect/iec104/asdu.h"

#include <array>

namespace dissect::iec104 {

namespace {

constexpr std::uint8_t kCounterInterrogation = 101;
constexpr std::uint8_t kReadCommand = 102;

enum Cause : std::uint8_t {
  kRequested = 5,
  kActivation = 6,
  kActivationConfirmed = 7,
  kDeactivation = 8,
  kDeactivationConfirmed = 9,
  kTerminated = 10,
  kUnknownType = 44,
  kUnknownAddress = 47,
};

bool refused(const AsduHeader& header) {
  return header.cause >= kUnknownType && header.cause <= kUnknownAddress;
}

void tell_header(const AsduHeader& header, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.number("type", header.type);
  sink.number("count", header.count);
  sink.number("sequence", header.sequence ? 1 : 0);
  sink.number("cause", header.cause);
  sink.number("negative", header.negative ? 1 : 0);
  sink.number("test", header.test ? 1 : 0);
  sink.number("originator", header.originator);
  sink.number("common_address", header.address);
}

void violation(Sink& sink, const char* what, std::uint32_t code, std::uint32_t offset) {
  sink.issue({Issue::Kind::Violation, what, code, offset});
}

void check(const AsduHeader& header, const Type* type, Sink& sink) {
  if (type == nullptr) {
    sink.issue({header.type >= 128 ? Issue::Kind::Unsupported : Issue::Kind::Violation,
                header.type >= 128 ? "type identification of a maker's own"
                                   : "reserved type identification",
                header.type, 0});
  }
  if (cause_name(header.cause).empty() && header.cause < 48)
    violation(sink, "reserved cause of transmission", header.cause, 2);
  if (header.count == 0 && header.type < 128)
    sink.issue({Issue::Kind::Malformed, "no information object", 0, 1});
  if (header.address == 0) violation(sink, "common address 0", 0, 4);
  if (type == nullptr || !type->command()) return;
  if (header.sequence || header.count > 1)
    violation(sink, "command with more than one object", header.count, 1);
}

// What is equal in a command, its confirmation and its termination.
std::uint64_t command_key(const AsduHeader& header, std::uint8_t type, std::uint32_t address,
                          bool deactivates) {
  return std::uint64_t{1} << 63U | std::uint64_t{deactivates ? 1U : 0U} << 60U |
         std::uint64_t{type} << 48U | std::uint64_t{header.address} << 24U | address;
}

// Used again for the next message.
struct Objects {
  std::array<Object, kMaxObjects> all{};
  std::size_t count = 0;
  std::uint32_t first_address = 0;
  bool left_out = false;

  void clear() {
    count = 0;
    first_address = 0;
    left_out = false;
  }
  void add(std::uint32_t address, std::uint32_t many) {
    if (count > 0 && all[count - 1].first + all[count - 1].count == address) {
      all[count - 1].count += many;
    } else if (count < all.size()) {
      all[count++] = {"information object", {}, address, many};
    } else {
      left_out = true;
    }
  }
};

void read_objects(Reader& reader, const AsduHeader& header, const Type& type, Sink& sink,
                  Objects& objects, Operation& operation) {
  const bool values = sink.wants_details() || type.command() || type.file();
  std::uint32_t address = 0;
  for (unsigned int i = 0; i < header.count && reader; ++i) {
    if (i == 0 || !header.sequence) {
      address = reader.u24le();
      if (!reader) break;
      if (i == 0) objects.first_address = address;
      objects.add(address, header.sequence ? header.count : 1);
    } else {
      address = (address + 1) & 0xffffffU;
    }
    sink.number("object_address", address);
    if (values) {
      read_elements(reader, type, sink, operation);
    } else {
      reader.skip(type.size);
    }
  }
}

// How a command's message stands to others. False: it is none of a command's.
bool place_command(const AsduHeader& header, const Type& type, std::uint32_t address,
                   Message& message) {
  const bool deactivates = header.cause == kDeactivation || header.cause == kDeactivationConfirmed;
  message.key = command_key(header, header.type, address, deactivates);
  switch (header.cause) {
    case kActivation:
    case kDeactivation:
      message.kind = Kind::Request;
      return true;
    case kRequested:
      message.kind = header.type == kReadCommand ? Kind::Request : Kind::OneWay;
      return header.type == kReadCommand;
    case kActivationConfirmed: {
      message.kind = Kind::Response;
      const bool selected = message.sub_operation.name.starts_with("select");
      message.last = header.negative || selected || !type.terminated();
      return true;
    }
    case kDeactivationConfirmed:
    case kTerminated:
      message.kind = Kind::Response;
      return true;
    default:
      message.kind = refused(header) ? Kind::Response : Kind::OneWay;
      return refused(header);
  }
}

void place(const AsduHeader& header, const Type* type, std::uint32_t address, Sink& sink,
           Message& message) {
  message.kind = Kind::OneWay;
  if (type != nullptr && type->command()) {
    // A station reports a change of the hour by the type of the command.
    if (!place_command(header, *type, address, message) && header.type != 103)
      violation(sink, "cause of transmission that commands do not have", header.cause, 2);
  } else if (header.cause == kRequested && type != nullptr && !type->file()) {
    message.kind = Kind::Response;
    message.key = command_key(header, kReadCommand, address, false);
  }
  if (message.kind == Kind::Request) return;
  if (refused(header)) {
    message.status = {Outcome::Failed, header.cause, cause_name(header.cause)};
  } else if (header.negative) {
    message.status = {Outcome::Failed, header.cause, "negative confirmation"};
  } else if (message.kind == Kind::Response) {
    message.status = {Outcome::Ok, header.cause, cause_name(header.cause)};
  }
}

}  // namespace

AsduHeader AsduHeader::read(Reader& reader) {
  AsduHeader header;
  header.type = reader.u8();
  const std::uint8_t structure = reader.u8();
  header.sequence = (structure & 0x80U) != 0;
  header.count = structure & 0x7fU;
  const std::uint8_t cause = reader.u8();
  header.cause = cause & 0x3fU;
  header.negative = (cause & 0x40U) != 0;
  header.test = (cause & 0x80U) != 0;
  header.originator = reader.u8();
  header.address = reader.u16le();
  return header;
}

std::size_t objects_size(const AsduHeader& header, const Type& type) {
  const std::size_t addresses = header.sequence ? 1 : header.count;
  return addresses * kAddressSize + header.count * std::size_t{type.size};
}

void read_asdu(base::ByteView bytes, Sink& sink) {
  Reader reader(bytes);
  const AsduHeader header = AsduHeader::read(reader);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "service data unit"});
    return;
  }
  const Type* const type = find_type(header.type);
  tell_header(header, sink);
  check(header, type, sink);
  Message message;
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  message.operation = {header.type, type == nullptr ? std::string_view() : type->name};
  message.access = type == nullptr ? Access::None : type->access;
  message.unit = header.address;
  static constinit thread_local Objects objects;
  objects.clear();
  if (type != nullptr) {
    read_objects(reader, header, *type, sink, objects, message.sub_operation);
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "information objects", header.type,
                  static_cast<std::uint32_t>(reader.offset())});
    } else if (!reader.done()) {
      sink.issue({Issue::Kind::Malformed, "bytes behind the last information object",
                  static_cast<std::uint32_t>(reader.remaining()),
                  static_cast<std::uint32_t>(reader.offset())});
    }
    if (objects.left_out) sink.issue({Issue::Kind::LeftOut, "more objects than are listed"});
  }
  if (header.type == kCounterInterrogation && (message.sub_operation.code & 0xc0U) != 0)
    message.access = Access::Write;
  message.objects = std::span(objects.all).first(objects.count);
  place(header, type, objects.first_address, sink, message);
  if (message.sub_operation.name.empty() && message.kind == Kind::OneWay)
    message.sub_operation = {header.cause, cause_name(header.cause)};
  sink.message(message);
}

}  // namespace dissect::iec104
