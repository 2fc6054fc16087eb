#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::ethercat {

// "APRD" ... of a datagram's command; empty: there is no such command.
std::string_view command_name(std::uint8_t command);
constexpr bool is_logical(std::uint8_t command) {
  return command >= 10 && command <= 12;
}
constexpr bool by_position(std::uint8_t command) {
  return (command >= 1 && command <= 3) || command == 13;
}
constexpr bool by_station(std::uint8_t command) {
  return (command >= 4 && command <= 6) || command == 14;
}
// Whether it writes; LRW and the like do both.
constexpr bool writes(std::uint8_t command) {
  return command != 0 && command != 1 && command != 4 && command != 7 && command != 10;
}

inline constexpr std::uint16_t kAlControl = 0x0120;
inline constexpr std::uint16_t kAlStatus = 0x0130;
inline constexpr std::uint16_t kEepromControl = 0x0502;
inline constexpr std::uint16_t kEepromData = 0x0508;
inline constexpr std::uint16_t kMemory = 0x1000;

// What the register at an offset is for.
struct Register {
  std::string_view name;
  Access read = Access::Read;
  Access write = Access::ConfigWrite;
};
Register register_at(std::uint16_t offset);

// "operational" ... (ETG.1000.6, table 9); empty: there is no such state.
std::string_view state_name(std::uint8_t state);

// Of an SDO abort (CiA 301, 7.2.4.3.17).
std::string_view abort_name(std::uint32_t code);

}  // namespace dissect::ethercat
