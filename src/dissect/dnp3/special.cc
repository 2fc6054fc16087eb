#include <bit>
#include <string>

#include "dissect/dnp3/objects.h"
#include "dissect/text.h"

namespace dissect::dnp3 {

namespace {

// Types of device attributes. Source: IEEE 1815-2012, A.1.
constexpr unsigned int kString = 1;
constexpr unsigned int kUnsigned = 2;
constexpr unsigned int kSigned = 3;
constexpr unsigned int kFloat = 4;
constexpr unsigned int kExtendedList = 255;

bool fact_of(unsigned int variation, Fact& fact) {
  switch (variation) {
    case 242:
      fact = Fact::Firmware;
      return true;
    case 243:
      fact = Fact::Hardware;
      return true;
    case 245:
      fact = Fact::Location;
      return true;
    case 247:
      fact = Fact::Name;
      return true;
    case 248:
      fact = Fact::Serial;
      return true;
    case 250:
      fact = Fact::Model;
      return true;
    case 252:
      fact = Fact::Vendor;
      return true;
    default:
      return false;
  }
}

std::string_view file_status_name(unsigned int status) {
  static constexpr std::string_view kNames[] = {
      "success",        "permission denied", "invalid mode",     "file not found",  "file locked",
      "too many files", "bad handle",        "write block size", "connection lost", "cannot abort"};
  if (status < std::size(kNames)) return kNames[status];
  switch (status) {
    case 16:
      return "file not open";
    case 17:
      return "file timeout";
    case 18:
      return "buffer overrun";
    case 19:
      return "file corrupt";
    case 20:
      return "block out of sequence";
    default:
      return "undefined file status";
  }
}

std::string_view authentication_error_name(unsigned int code) {
  static constexpr std::string_view kNames[] = {"no authentication error",
                                                "authentication failed",
                                                "unexpected authentication response",
                                                "no authentication response",
                                                "aggressive mode not supported",
                                                "algorithm not supported",
                                                "key wrap algorithm not supported",
                                                "authorization failed",
                                                "key change method not permitted",
                                                "invalid signature",
                                                "invalid certification data",
                                                "unknown user",
                                                "too many key status requests"};
  return code < std::size(kNames) ? kNames[code] : "authentication error";
}

void fail(Found& found, unsigned int code, std::string_view name) {
  if (found.failure.outcome != Outcome::Failed) found.failure = {Outcome::Failed, code, name};
}

// A name that is told once: objects view it.
void note_file(base::ByteView name, Sink& sink, Found& found) {
  if (name.empty()) return;
  const std::string text = printable(name);
  sink.text("file_name", text);
  if (!found.file.empty()) return;
  found.file = text;
  found.add({"file", found.file, 0, 0});
}

void read_file_status(Reader& object, Sink& sink, Found& found) {
  const std::uint8_t status = object.u8();
  sink.number("file_status", status);
  if (object && status != 0) fail(found, status, file_status_name(status));
}

// A name that the object says where to find.
base::ByteView placed(base::ByteView whole, unsigned int offset, unsigned int size) {
  if (offset > whole.size() || size > whole.size() - offset) return {};
  return whole.subspan(offset, size);
}

void read_file_command(Reader& object, base::ByteView whole, Sink& sink, Found& found) {
  const std::uint16_t offset = object.u16le();
  const std::uint16_t size = object.u16le();
  sink.number("file_name_offset", offset);
  sink.number("file_name_size", size);
  sink.number("file_time", object.little(6));
  sink.number("file_permissions", object.u16le());
  sink.number("file_key", object.u32le());
  sink.number("file_size", object.u32le());
  sink.number("file_mode", object.u16le());
  sink.number("file_block_size", object.u16le());
  sink.number("file_request", object.u16le());
  note_file(placed(whole, offset, size), sink, found);
}

void read_file_descriptor(Reader& object, base::ByteView whole, Sink& sink, Found& found) {
  const std::uint16_t offset = object.u16le();
  const std::uint16_t size = object.u16le();
  sink.number("file_name_offset", offset);
  sink.number("file_name_size", size);
  sink.number("file_type", object.u16le());
  sink.number("file_size", object.u32le());
  sink.number("file_time", object.little(6));
  sink.number("file_permissions", object.u16le());
  sink.number("file_request", object.u16le());
  note_file(placed(whole, offset, size), sink, found);
}

// The password is passed over.
void read_file_authentication(Reader& object, base::ByteView whole, Sink& sink) {
  const std::uint16_t user_offset = object.u16le();
  const std::uint16_t user_size = object.u16le();
  object.skip(4);
  sink.number("file_key", object.u32le());
  const std::string user = printable(placed(whole, user_offset, user_size));
  if (!object || user.empty()) return;
  sink.text("user_name", user);
  sink.tell(Fact::User, user);
}

void read_block(Reader& object, bool status, Sink& sink, Found& found) {
  sink.number("file_handle", object.u32le());
  const std::uint32_t block = object.u32le();
  sink.number("file_block", block & 0x7fffffffU);
  sink.number("file_last_block", block >> 31U);
  if (status) return read_file_status(object, sink, found);
  sink.bytes("file_data", object.bytes(object.remaining()));
}

void read_error(Reader& object, Sink& sink, Found& found) {
  sink.number("auth_sequence", object.u32le());
  sink.number("auth_user", object.u16le());
  sink.number("association", object.u16le());
  const std::uint8_t code = object.u8();
  sink.number("auth_error", code);
  sink.number("time", object.little(6));
  if (!object) return;
  fail(found, code, authentication_error_name(code));
  sink.text("auth_error_text", printable(object.bytes(object.remaining())));
}

void read_key_status(Reader& object, Sink& sink) {
  sink.number("auth_sequence", object.u32le());
  sink.number("auth_user", object.u16le());
  sink.number("key_wrap_algorithm", object.u8());
  sink.number("key_status", object.u8());
  sink.number("mac_algorithm", object.u8());
  const std::uint16_t challenge = object.u16le();
  sink.bytes("challenge", object.bytes(challenge));
  sink.bytes("mac", object.bytes(object.remaining()));
}

void read_user_change(Reader& object, Sink& sink) {
  sink.number("key_change_method", object.u8());
  sink.number("user_operation", object.u8());
  sink.number("auth_sequence", object.u32le());
  sink.number("user_role", object.u16le());
  sink.number("user_role_expiry", object.u16le());
  const std::uint16_t name = object.u16le();
  object.skip(4);
  const std::string user = printable(object.bytes(name));
  if (!object) return;
  sink.text("user_name", user);
}

void read_key_change(Reader& object, Sink& sink) {
  sink.number("key_change_method", object.u8());
  const std::uint16_t name = object.u16le();
  const std::uint16_t challenge = object.u16le();
  sink.text("user_name", printable(object.bytes(name)));
  sink.bytes("challenge", object.bytes(challenge));
}

}  // namespace

void read_attribute(Reader& object, const ObjectHeader& header, bool from_outstation, Sink& sink) {
  const std::uint8_t type = object.u8();
  std::size_t size = object.u8();
  if (type == kExtendedList) size += 256;
  const base::ByteView value = object.bytes(size);
  if (!object) return;
  sink.number("attribute", header.variation);
  sink.number("attribute_type", type);
  sink.number("attribute_size", size);
  if (type == kString) {
    const std::string text = printable(value);
    sink.text("attribute_text", text);
    Fact fact = Fact::Name;
    if (from_outstation && fact_of(header.variation, fact)) sink.tell(fact, text);
  } else if (type == kUnsigned && (size == 1 || size == 2 || size == 4)) {
    sink.number("attribute_number", Reader(value).little(size));
  } else if (type == kSigned && size == 4) {
    sink.real("attribute_real", static_cast<std::int32_t>(Reader(value).u32le()));
  } else if (type == kFloat && size == 4) {
    sink.real("attribute_real", static_cast<double>(std::bit_cast<float>(Reader(value).u32le())));
  } else if (type == kFloat && size == 8) {
    sink.real("attribute_real", std::bit_cast<double>(Reader(value).u64le()));
  } else {
    sink.bytes("attribute_value", value);
  }
}

void read_file(Reader& object, const ObjectHeader& header, Sink& sink, Found& found) {
  const base::ByteView whole = object.rest();
  switch (header.variation) {
    case 2:
      return read_file_authentication(object, whole, sink);
    case 3:
      return read_file_command(object, whole, sink, found);
    case 4:
      sink.number("file_handle", object.u32le());
      sink.number("file_size", object.u32le());
      sink.number("file_block_size", object.u16le());
      sink.number("file_request", object.u16le());
      return read_file_status(object, sink, found);
    case 5:
      return read_block(object, false, sink, found);
    case 6:
      return read_block(object, true, sink, found);
    case 7:
      return read_file_descriptor(object, whole, sink, found);
    case 8:
      return note_file(object.bytes(object.remaining()), sink, found);
    default:
      return sink.bytes("value", object.bytes(object.remaining()));
  }
}

void read_authentication(Reader& object, const ObjectHeader& header, Sink& sink, Found& found) {
  switch (header.variation) {
    case 1:  // challenge
      sink.number("auth_sequence", object.u32le());
      sink.number("auth_user", object.u16le());
      sink.number("mac_algorithm", object.u8());
      sink.number("challenge_reason", object.u8());
      return sink.bytes("challenge", object.bytes(object.remaining()));
    case 3:  // aggressive mode
      sink.number("auth_sequence", object.u32le());
      return sink.number("auth_user", object.u16le());
    case 4:
      return sink.number("auth_user", object.u16le());
    case 5:
      return read_key_status(object, sink);
    case 7:
      return read_error(object, sink, found);
    case 8:
      sink.number("key_change_method", object.u8());
      sink.number("certificate_type", object.u8());
      return sink.bytes("certificate", object.bytes(object.remaining()));
    case 10:
      return read_user_change(object, sink);
    case 11:
      return read_key_change(object, sink);
    case 2:   // reply
    case 6:   // session keys
    case 12:  // challenge to an update key change
    case 13:  // update key
      sink.number("auth_sequence", object.u32le());
      sink.number("auth_user", object.u16le());
      [[fallthrough]];
    default:
      return sink.bytes("auth_data", object.bytes(object.remaining()));
  }
}

}  // namespace dissect::dnp3
