#include "dissect/modbus/functions.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace dissect::modbus {

namespace {

struct Numbered {
  std::uint8_t code;
  Function function;
};

constexpr std::string_view kCoils = "coils";
constexpr std::string_view kInputs = "discrete inputs";
constexpr std::string_view kHolding = "holding registers";
constexpr std::string_view kInputRegisters = "input registers";

constexpr Numbered kFunctions[] = {
    {1, {"read coils", Access::Read, kCoils}},
    {2, {"read discrete inputs", Access::Read, kInputs}},
    {3, {"read holding registers", Access::Read, kHolding}},
    {4, {"read input registers", Access::Read, kInputRegisters}},
    {5, {"write single coil", Access::Write, kCoils}},
    {6, {"write single register", Access::Write, kHolding}},
    {7, {"read exception status", Access::Diagnostics, {}}},
    {8, {"diagnostics", Access::Diagnostics, {}}},
    {9, {"program (484)", Access::ProgramDownload, {}, true}},
    {10, {"poll (484)", Access::Diagnostics, {}, true}},
    {11, {"get comm event counter", Access::Diagnostics, {}}},
    {12, {"get comm event log", Access::Diagnostics, {}}},
    {13, {"program (584/984)", Access::ProgramDownload, {}, true}},
    {14, {"poll (584/984)", Access::Diagnostics, {}, true}},
    {15, {"write multiple coils", Access::Write, kCoils}},
    {16, {"write multiple registers", Access::Write, kHolding}},
    {17, {"report server id", Access::Discovery, {}}},
    {18, {"program (884/micro 84)", Access::ProgramDownload, {}}},
    {19, {"reset comm link (884)", Access::Reset, {}}},
    {20, {"read file record", Access::File, "file"}},
    {21, {"write file record", Access::File, "file"}},
    {22, {"mask write register", Access::Write, kHolding}},
    {23, {"read/write multiple registers", Access::Write, kHolding}},
    {24, {"read FIFO queue", Access::Read, "FIFO queue"}},
    {40, {"program (ConCept)", Access::ProgramDownload, {}}},
    {41, {"reserved", Access::None, {}, true}},
    {42, {"reserved", Access::None, {}, true}},
    {43, {"encapsulated interface transport", Access::None, {}}},
    {kUmas, {"UMAS", Access::None, {}}},
    {91, {"reserved", Access::None, {}, true}},
    {125, {"firmware replacement", Access::Firmware, {}, true}},
    {126, {"program (584/984)", Access::ProgramDownload, {}, true}},
    {127, {"report local address", Access::Discovery, {}, true}},
};

constexpr std::array<Function, 128> table() {
  std::array<Function, 128> all{};
  for (const Numbered& one : kFunctions)
    all[one.code] = one.function;
  return all;
}
constexpr std::array<Function, 128> kTable = table();

Form either(bool request, bool response) {
  if (request) return response ? Form::Either : Form::Request;
  return response ? Form::Response : Form::Neither;
}

// A byte that counts all that follows it.
bool counts(base::ByteView body, std::size_t at) {
  return body.size() > at && body[at] == body.size() - at - 1 && body[at] != 0;
}

Form form_of_files(base::ByteView body, bool write) {
  if (!counts(body, 0)) return Form::Neither;
  if (write) return body.size() > 7 && body[1] == 6 ? Form::Either : Form::Neither;
  return either(body[0] % 7 == 0 && body[1] == 6, body.size() > 2 && body[2] == 6);
}

}  // namespace

const Function& function(std::uint8_t code) {
  return kTable[code & 0x7fU];
}

Function diagnostic(std::uint16_t code) {
  switch (code) {
    case 0:
      return {"return query data", Access::Diagnostics};
    case 1:
      return {"restart communications", Access::Reset};
    case 2:
      return {"return diagnostic register", Access::Diagnostics};
    case 3:
      return {"change ASCII input delimiter", Access::ConfigWrite};
    case 4:
      return {"force listen only mode", Access::ModeChange};
    case 10:
      return {"clear counters and diagnostic register", Access::Diagnostics};
    case 11:
      return {"return bus message count", Access::Diagnostics};
    case 12:
      return {"return bus communication error count", Access::Diagnostics};
    case 13:
      return {"return bus exception error count", Access::Diagnostics};
    case 14:
      return {"return server message count", Access::Diagnostics};
    case 15:
      return {"return server no response count", Access::Diagnostics};
    case 16:
      return {"return server NAK count", Access::Diagnostics};
    case 17:
      return {"return server busy count", Access::Diagnostics};
    case 18:
      return {"return bus character overrun count", Access::Diagnostics};
    case 19:
      return {"return IOP overrun count", Access::Diagnostics, {}, true};
    case 20:
      return {"clear overrun counter and flag", Access::Diagnostics};
    case 21:
      return {"get or clear Modbus Plus statistics", Access::Diagnostics, {}, true};
    default:
      return {{}, Access::Diagnostics, {}, true};
  }
}

std::string_view exception_name(std::uint8_t code) {
  static constexpr std::string_view kNames[] = {
      "",
      "illegal function",
      "illegal data address",
      "illegal data value",
      "server device failure",
      "acknowledge",
      "server device busy",
      "negative acknowledge",
      "memory parity error",
      "",
      "gateway path unavailable",
      "gateway target device failed to respond",
  };
  return code < std::size(kNames) ? kNames[code] : std::string_view();
}

bool has_form(std::uint8_t code) {
  static constexpr std::uint8_t kCodes[] = {1,  2,  3,  4,  5,  6,  7,  8,  11, 12,
                                            15, 16, 17, 20, 21, 22, 23, 24, 43, kUmas};
  return std::ranges::binary_search(kCodes, code);
}

Form form(std::uint8_t code, base::ByteView body) {
  const std::size_t size = body.size();
  switch (code) {
    case 1:
    case 2:
      return either(size == 4, counts(body, 0));
    case 3:
    case 4:
      return either(size == 4, counts(body, 0) && body[0] % 2 == 0);
    case 5:
    case 6:
      return size == 4 ? Form::Either : Form::Neither;
    case 22:
      return size == 6 ? Form::Either : Form::Neither;
    case 7:
      return either(size == 0, size == 1);
    case 11:
      return either(size == 0, size == 4);
    case 12:
    case 17:
      return either(size == 0, counts(body, 0));
    case 8:
      return size >= 2 ? Form::Either : Form::Neither;
    case 15:
    case 16:
      return either(counts(body, 4), size == 4);
    case 20:
    case 21:
      return form_of_files(body, code == 21);
    case 23:
      return either(counts(body, 8), counts(body, 0) && body[0] % 2 == 0);
    case 24:
      return either(size == 2, size >= 4);
    case 43:
      if (size == 0) return Form::Neither;
      return body[0] == 14 ? either(size == 3, size >= 6) : Form::Either;
    case kUmas:
      if (size < 2) return Form::Neither;
      return body[1] == 0xfe || body[1] == 0xfd ? Form::Response : Form::Request;
    default:
      return function(code).name.empty() && code < 65 ? Form::Neither : Form::Either;
  }
}

}  // namespace dissect::modbus
