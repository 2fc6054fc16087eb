#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::ams {

enum class Command : std::uint16_t {
  ReadDeviceInfo = 1,
  Read = 2,
  Write = 3,
  ReadState = 4,
  WriteControl = 5,
  AddNotification = 6,
  DeleteNotification = 7,
  Notification = 8,
  ReadWrite = 9,
};
// Empty: there is no such command.
std::string_view command_name(std::uint16_t code);

// What lies behind an index group, and what reading or writing it does. A group that nobody
// documents is plain data.
struct Group {
  std::string_view name = {};  // empty: not known
  std::uint32_t code = 0;
  Access read = Access::Read;
  Access write = Access::Write;
  Access both = Access::Write;  // ReadWrite: written, and what is answered read
  bool named = false;           // what is written by ReadWrite is the name of something
};
// Groups below 0x1000 mean something else at each port.
Group group_of(std::uint16_t port, std::uint32_t code);

// The ports of AMS that matter here.
inline constexpr std::uint16_t kSystemService = 10000;
// A runtime of a PLC: TwinCAT 2 and 3 number them differently.
constexpr bool is_plc(std::uint16_t port) {
  return port >= 800 && port < 900;
}

// "run", "config" ... (ADSSTATE); empty: there is no such state.
std::string_view state_name(std::uint16_t state);
// What it does to a device to be put in that state.
Access state_access(std::uint16_t state);

std::string_view error_name(std::uint32_t code);

}  // namespace dissect::ams
