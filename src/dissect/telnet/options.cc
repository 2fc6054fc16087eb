#include "dissect/telnet/options.h"

#include "dissect/names.h"

namespace dissect::telnet {

namespace {

constexpr Named kSigns[] = {
    {236, "EOF"},  {237, "SUSP"}, {238, "ABORT"}, {239, "EOR"},  {240, "SE"},
    {241, "NOP"},  {242, "DM"},   {243, "BRK"},   {244, "IP"},   {245, "AO"},
    {246, "AYT"},  {247, "EC"},   {248, "EL"},    {249, "GA"},   {250, "SB"},
    {251, "WILL"}, {252, "WONT"}, {253, "DO"},    {254, "DONT"},
};
static_assert(sorted_by_code(kSigns));

constexpr Named kOptions[] = {
    {0, "binary"},
    {1, "echo"},
    {2, "reconnection"},
    {3, "suppress go ahead"},
    {4, "message size"},
    {5, "status"},
    {6, "timing mark"},
    {7, "remote transmission and echo"},
    {8, "line width"},
    {9, "page size"},
    {10, "carriage return"},
    {11, "horizontal tab stops"},
    {12, "horizontal tabs"},
    {13, "form feed"},
    {14, "vertical tab stops"},
    {15, "vertical tabs"},
    {16, "line feed"},
    {17, "extended ascii"},
    {18, "logout"},
    {19, "byte macro"},
    {20, "data entry terminal"},
    {21, "supdup"},
    {22, "supdup output"},
    {23, "send location"},
    {24, "terminal type"},
    {25, "end of record"},
    {26, "tacacs user"},
    {27, "output marking"},
    {28, "terminal location"},
    {29, "3270 regime"},
    {30, "x.3 pad"},
    {31, "window size"},
    {32, "terminal speed"},
    {33, "remote flow control"},
    {34, "line mode"},
    {35, "x display location"},
    {36, "environment"},
    {37, "authentication"},
    {38, "encryption"},
    {39, "new environment"},
    {40, "tn3270e"},
    {41, "xauth"},
    {42, "charset"},
    {43, "remote serial port"},
    {44, "com port control"},
    {45, "suppress local echo"},
    {46, "start tls"},
    {47, "kermit"},
    {48, "send url"},
    {49, "forward x"},
    {138, "pragma logon"},
    {139, "sspi logon"},
    {140, "pragma heartbeat"},
    {255, "extended options"},
};
static_assert(sorted_by_code(kOptions));

enum Option : std::uint8_t {
  kTerminalType = 24,
  kWindowSize = 31,
  kTerminalSpeed = 32,
  kDisplay = 35,
  kAuthentication = 37,
  kEnvironment = 39,
  kComPort = 44,
};

// RFC 1091, 1079, 1096: IS is 0, SEND 1.
std::string_view value_of(Reader body) {
  return body.u8() == 0 ? base::as_text(body.rest()) : std::string_view{};
}

// RFC 1572: VAR 0, VALUE 1, ESC 2, USERVAR 3.
std::string_view read_environment(Reader body, Sink& sink) {
  std::string_view user;
  std::string_view name;
  body.u8();
  while (body.ok() && !body.done()) {
    const std::uint8_t kind = body.u8();
    const std::string_view rest = base::as_text(body.rest());
    std::size_t size = 0;
    while (size < rest.size() && static_cast<unsigned char>(rest[size]) > 3)
      ++size;
    const std::string_view part = body.text(size);
    if (kind == 1) {
      const bool secret = name.find("PASS") != std::string_view::npos;
      if (!secret) sink.shown("variable_value", part);
      if (name == "USER") user = part;
    } else if (kind == 0 || kind == 3) {
      name = part;
      if (!part.empty()) sink.shown("variable", part);
    }
  }
  return user;
}

// RFC 2217 section 3; what the server answers has 100 added.
void read_com_port(Reader body, Sink& sink) {
  const std::uint8_t code = body.u8();
  sink.number("com_port_command", code);
  switch (code % 100) {
    case 0:
      return sink.shown("com_port_signature", base::as_text(body.rest()));
    case 1:
      return sink.number("baud_rate", body.u32be());
    case 2:
      return sink.number("data_size", body.u8());
    case 3:
      return sink.number("parity", body.u8());
    case 4:
      return sink.number("stop_size", body.u8());
    case 5:
      return sink.number("control", body.u8());
    default:
      if (!body.done()) sink.number("com_port_value", body.u8());
      return;
  }
}

}  // namespace

std::string_view sign_name(std::uint8_t sign) {
  return name_of(kSigns, sign);
}

std::string_view option_name(std::uint8_t option) {
  return name_of(kOptions, option);
}

Told read_sub(std::uint8_t option, base::ByteView bytes, Sink& sink) {
  Reader body(bytes);
  Told told;
  switch (option) {
    case kTerminalType:
      told.terminal = value_of(body);
      if (!told.terminal.empty()) sink.shown("terminal_type", told.terminal);
      break;
    case kTerminalSpeed:
      if (const std::string_view speed = value_of(body); !speed.empty())
        sink.shown("terminal_speed", speed);
      break;
    case kDisplay:
      if (const std::string_view display = value_of(body); !display.empty())
        sink.shown("x_display", display);
      break;
    case kWindowSize: {
      // 255 is sent twice.
      const std::uint16_t width = body.u16be();
      const std::uint16_t height = body.u16be();
      if (!body.ok()) break;
      sink.number("window_width", width);
      sink.number("window_height", height);
      return told;
    }
    case kAuthentication:
      sink.number("authentication_command", body.u8());
      if (!body.done()) sink.number("authentication_type", body.u8());
      break;
    case kEnvironment:
      told.user = read_environment(body, sink);
      break;
    case kComPort:
      read_com_port(body, sink);
      break;
    default:
      sink.bytes("option_data", bytes);
      return told;
  }
  if (!body.ok() || (option == kWindowSize && bytes.size() < 4))
    sink.issue({Issue::Kind::Truncated, "option is shorter than it should be", option, 0});
  return told;
}

}  // namespace dissect::telnet
