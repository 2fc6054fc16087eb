#include <bit>

#include "dissect/iec104/asdu.h"

namespace dissect::iec104 {

namespace {

double as_single(std::uint32_t bits) {
  return static_cast<double>(std::bit_cast<float>(bits));
}

void read_time(Reader& reader, bool whole, Sink& sink) {
  const std::uint16_t ms = reader.u16le();
  const std::uint8_t minute = reader.u8();
  sink.number("time_ms", ms);
  sink.number("time_minute", minute & 0x3fU);
  sink.number("time_invalid", minute >> 7U);
  if (!whole) return;
  const std::uint8_t hour = reader.u8();
  const std::uint8_t day = reader.u8();
  const std::uint8_t month = reader.u8();
  const std::uint8_t year = reader.u8();
  sink.number("time_hour", hour & 0x1fU);
  sink.number("time_summer", hour >> 7U);
  sink.number("time_day", day & 0x1fU);
  sink.number("time_weekday", day >> 5U);
  sink.number("time_month", month & 0x0fU);
  sink.number("time_year", year & 0x7fU);
}

// Selected or executed; what a command does, by its two lowest bits.
void read_command(Reader& reader, char letter, Sink& sink, Operation& operation) {
  static constexpr std::string_view kNames[3][2][4] = {
      {{"execute, off", "execute, on", "execute, off", "execute, on"},
       {"select, off", "select, on", "select, off", "select, on"}},
      {{"execute, not permitted", "execute, off", "execute, on", "execute, not permitted"},
       {"select, not permitted", "select, off", "select, on", "select, not permitted"}},
      {{"execute, not permitted", "execute, lower", "execute, higher", "execute, not permitted"},
       {"select, not permitted", "select, lower", "select, higher", "select, not permitted"}}};
  const std::uint8_t byte = reader.u8();
  const unsigned int value = letter == '1' ? byte & 1U : byte & 3U;
  sink.number("command", byte);
  sink.number(letter == '1'   ? "single_command"
              : letter == '2' ? "double_command"
                              : "step_command",
              value);
  sink.number("command_qualifier", byte >> 2U & 0x1fU);
  sink.number("select", byte >> 7U);
  operation = {byte, kNames[letter - '1'][byte >> 7U][value]};
}

void read_setpoint(Reader& reader, Sink& sink, Operation& operation) {
  const std::uint8_t byte = reader.u8();
  sink.number("setpoint_qualifier", byte & 0x7fU);
  sink.number("select", byte >> 7U);
  operation = {byte, byte >> 7U != 0 ? "select" : "execute"};
}

void read_qualifier(Reader& reader, char letter, Sink& sink, Operation& operation) {
  const std::uint8_t byte = reader.u8();
  switch (letter) {
    case 'c':
      sink.number("initialization_cause", byte & 0x7fU);
      sink.number("parameters_changed", byte >> 7U);
      return;
    case 'I':
      sink.number("interrogation", byte);
      operation = {byte, byte == 20 ? "station" : byte > 20 && byte <= 36 ? "group" : "reserved"};
      return;
    case 'K': {
      static constexpr std::string_view kFreezes[] = {"read", "freeze", "freeze and reset",
                                                      "reset"};
      sink.number("counter_request", byte & 0x3fU);
      sink.number("counter_freeze", byte >> 6U);
      operation = {byte, kFreezes[byte >> 6U]};
      return;
    }
    case 'r':
      sink.number("reset_qualifier", byte);
      operation = {byte, byte == 1 ? "process" : byte == 2 ? "pending information" : "reserved"};
      return;
    case 'm':
      sink.number("parameter_kind", byte & 0x3fU);
      sink.number("parameter_changed", byte >> 6U & 1U);
      sink.number("parameter_out_of_operation", byte >> 7U);
      return;
    default:
      sink.number("parameter_activation", byte);
      return;
  }
}

// What a call of a file asks for. Source: 7.2.6.30.
std::string_view call_name(unsigned int qualifier) {
  static constexpr std::string_view kNames[] = {
      "default",     "select file",    "request file",    "deactivate file",
      "delete file", "select section", "request section", "deactivate section"};
  return qualifier < std::size(kNames) ? kNames[qualifier] : "reserved";
}

void read_file(Reader& reader, char letter, const Type& type, Sink& sink, Operation& operation) {
  switch (letter) {
    case 'N':
      return sink.number("file", reader.u16le());
    case 'S':
      return sink.number("section", reader.u8());
    case 'L':
      return sink.number("file_length", reader.u24le());
    case 'G': {
      const std::uint8_t length = reader.u8();
      sink.number("segment_length", length);
      return sink.bytes("segment", reader.bytes(length));
    }
    default: {
      const std::uint8_t byte = reader.u8();
      sink.number("file_qualifier", byte);
      if (type.id == 122) operation = {byte, call_name(byte & 0x0fU)};
      return;
    }
  }
}

void read_counter(Reader& reader, Sink& sink) {
  sink.real("counter", static_cast<std::int32_t>(reader.u32le()));
  const std::uint8_t flags = reader.u8();
  sink.number("counter_sequence", flags & 0x1fU);
  sink.number("counter_carry", flags >> 5U & 1U);
  sink.number("counter_adjusted", flags >> 6U & 1U);
  sink.number("counter_invalid", flags >> 7U);
}

// States and measurements.
bool read_value(Reader& reader, char letter, Sink& sink) {
  switch (letter) {
    case 's':
    case 'd': {
      const std::uint8_t byte = reader.u8();
      sink.number(letter == 's' ? "single_point" : "double_point",
                  byte & (letter == 's' ? 1U : 3U));
      sink.number("point_quality", byte & 0xf0U);
      return true;
    }
    case 'v': {
      const std::uint8_t byte = reader.u8();
      const auto step = static_cast<std::int8_t>(static_cast<std::uint8_t>(byte << 1U));
      const int position = step / 2;  // the bit shifted in is zero
      sink.real("step", position);
      sink.number("transient", byte >> 7U);
      return true;
    }
    case 'b':
      sink.number("bitstring", reader.u32le());
      return true;
    case 'n':
      sink.real("normalized", static_cast<std::int16_t>(reader.u16le()) / 32768.0);
      return true;
    case 'i':
      sink.real("scaled", static_cast<std::int16_t>(reader.u16le()));
      return true;
    case 'f':
      sink.real("float", as_single(reader.u32le()));
      return true;
    case 'q':
      sink.number("quality", reader.u8());
      return true;
    case 'B':
      read_counter(reader, sink);
      return true;
    case 'C':
      sink.number("states", reader.u16le());
      sink.number("changes", reader.u16le());
      return true;
    default:
      return false;
  }
}

void read_element(Reader& reader, char letter, const Type& type, Sink& sink, Operation& operation) {
  if (read_value(reader, letter, sink)) return;
  switch (letter) {
    case 'p':
      return sink.number("protection_quality", reader.u8());
    case 'E':
      return sink.number("protection_event", reader.u8());
    case 'P':
      return sink.number("protection_start", reader.u8());
    case 'O':
      return sink.number("protection_output", reader.u8());
    case 'e':
      return sink.number("elapsed_ms", reader.u16le());
    case 'D':
      return sink.number("delay_ms", reader.u16le());
    case 'F':
      return sink.number("test_pattern", reader.u16le());
    case 't':
    case 'T':
      return read_time(reader, letter == 'T', sink);
    case '1':
    case '2':
    case '3':
      return read_command(reader, letter, sink, operation);
    case 'Q':
      return read_setpoint(reader, sink, operation);
    case 'N':
    case 'S':
    case 'L':
    case 'G':
    case 'x':
      return read_file(reader, letter, type, sink, operation);
    default:
      return read_qualifier(reader, letter, sink, operation);
  }
}

}  // namespace

void read_elements(Reader& reader, const Type& type, Sink& sink, Operation& operation) {
  for (const char* letter = type.layout; *letter != '\0' && reader; ++letter)
    read_element(reader, *letter, type, sink, operation);
}

}  // namespace dissect::iec104
