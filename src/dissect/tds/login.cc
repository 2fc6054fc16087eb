#include "dissect/tds/login.h"

#include <array>

#include "dissect/auth/auth.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::tds {

namespace {

constexpr int kMaxOptions = 16;
enum Option : std::uint8_t { kVersion, kEncryption, kInstance, kThread, kMars, kEnd = 0xff };

// A field's place: offset in bytes, length in characters (or bytes).
struct Place {
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
};

class Fields {
 public:
  Fields(base::ByteView whole, Sink& sink) : whole_(whole), sink_(sink) {}

  std::string text(const Place& place) const {
    return printable_utf16le(bytes({place.offset, static_cast<std::uint16_t>(place.length * 2)}));
  }
  base::ByteView bytes(const Place& place) const {
    if (place.length == 0) return {};
    if (place.offset > whole_.size() || place.length > whole_.size() - place.offset) {
      sink_.issue({Issue::Kind::Malformed, "login's field lies outside of it", place.offset, 0});
      return {};
    }
    return whole_.subspan(place.offset, place.length);
  }

 private:
  base::ByteView whole_;
  Sink& sink_;
};

void tell(Login& login, Sink& sink) {
  sink.text("client_name", login.host);
  if (!login.user.empty()) sink.text("username", login.user);
  sink.text("application", login.program);
  sink.text("server_name", login.server);
  if (!login.database.empty()) sink.text("database", login.database);
  sink.tell(Fact::Hostname, login.host, Confidence::Banner);
  sink.tell(Fact::User, login.user, Confidence::Banner);
  sink.tell(Fact::Software, login.program, Confidence::Banner);
}

}  // namespace

Login read_login7(base::ByteView bytes, Sink& sink) {
  Login login;
  Reader reader(bytes);
  const std::uint32_t length = reader.u32le();
  const std::uint32_t version = reader.u32be();
  const std::uint32_t packet = reader.u32le();
  const std::uint32_t program_version = reader.u32le();
  const std::uint32_t process = reader.u32le();
  reader.skip(4 + 4 + 4 + 4);  // connection, flags, time zone, collation
  // Host, user, password, application, server, extension, library, language, database.
  std::array<Place, 9> places;
  for (Place& place : places) {
    place.offset = reader.u16le();
    place.length = reader.u16le();
  }
  reader.skip(6);  // hardware address
  Place token;
  token.offset = reader.u16le();
  token.length = reader.u16le();
  if (!reader || length < reader.offset()) {
    sink.issue({Issue::Kind::Truncated, "login ends too early", length, 0});
    return login;
  }
  sink.number("login_length", length);
  sink.number("login_version", version);
  sink.number("login_packet_size", packet);
  sink.number("client_version", program_version);
  sink.number("client_process", process);
  const Fields fields(bytes, sink);
  login.good = true;
  login.host = fields.text(places[0]);
  login.user = fields.text(places[1]);
  login.program = fields.text(places[3]);
  login.server = fields.text(places[4]);
  const std::string library = fields.text(places[6]);
  login.database = fields.text(places[8]);
  if (!library.empty()) sink.text("library", library);
  login.mechanism = "password";
  if (token.length > 0) {
    const auth::Token read = auth::read_token(fields.bytes(token), sink);
    login.mechanism = auth::mechanism_name(read.mechanism);
    if (!read.user.empty()) login.user = read.user;
  }
  tell(login, sink);
  return login;
}

std::string product(std::string_view version) {
  Reader reader(base::as_bytes(version));
  const std::uint8_t major = reader.u8();
  const std::uint8_t minor = reader.u8();
  const std::uint16_t build = reader.u16be();
  if (!reader || major == 0) return {};
  return "Microsoft SQL Server " + std::to_string(major) + '.' + std::to_string(minor) + '.' +
         std::to_string(build);
}

bool read_prelogin(base::ByteView bytes, bool answer, Sink& sink) {
  Reader reader(bytes);
  for (int i = 0; i < kMaxOptions; ++i) {
    const std::uint8_t option = reader.u8();
    if (!reader) return false;
    sink.number("option", option);
    if (option == kEnd) return true;
    const std::uint16_t offset = reader.u16be();
    const std::uint16_t length = reader.u16be();
    if (!reader || offset > bytes.size() || length > bytes.size() - offset) return false;
    sink.number("option_offset", offset);
    sink.number("option_length", length);
    const base::ByteView value = bytes.subspan(offset, length);
    Reader content(value);
    if (option == kVersion) {
      const std::string name = answer ? product(base::as_text(value)) : std::string{};
      sink.number("prelogin_version", content.u32be());
      sink.tell(Fact::Software, name, Confidence::Neighbor);
    } else if (option == kEncryption) {
      sink.number("encryption", content.u8());
    } else if (option == kInstance) {
      const std::string instance = printable(value);
      if (!instance.empty()) sink.text("instance", instance);
    }
  }
  return false;
}

}  // namespace dissect::tds
