#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::s7comm {

struct Named {
  std::string_view name = {};
  Access access = Access::None;
};

// Functions of jobs and their acknowledgements.
inline constexpr std::uint8_t kReadVar = 0x04;
inline constexpr std::uint8_t kWriteVar = 0x05;
inline constexpr std::uint8_t kRequestDownload = 0x1a;
inline constexpr std::uint8_t kDownloadBlock = 0x1b;
inline constexpr std::uint8_t kDownloadEnded = 0x1c;
inline constexpr std::uint8_t kStartUpload = 0x1d;
inline constexpr std::uint8_t kUpload = 0x1e;
inline constexpr std::uint8_t kEndUpload = 0x1f;
inline constexpr std::uint8_t kPiService = 0x28;
inline constexpr std::uint8_t kPlcStop = 0x29;
inline constexpr std::uint8_t kSetup = 0xf0;
Named job(std::uint8_t function);

// Program invocation services: what is started by name.
Named pi_service(std::string_view name);

// Function groups of user data.
inline constexpr std::uint8_t kModeTransition = 0;
inline constexpr std::uint8_t kProgrammer = 1;
inline constexpr std::uint8_t kCyclic = 2;
inline constexpr std::uint8_t kBlocks = 3;
inline constexpr std::uint8_t kCpu = 4;
inline constexpr std::uint8_t kSecurity = 5;
inline constexpr std::uint8_t kPbc = 6;
inline constexpr std::uint8_t kTime = 7;
inline constexpr std::uint8_t kNcProgram = 15;
std::string_view group_name(std::uint8_t group);
Named subfunction(std::uint8_t group, std::uint8_t code);

// Of an item that was read or written, and of user data.
inline constexpr std::uint8_t kDone = 0xff;
std::string_view return_name(std::uint8_t code);
// Of a header or of user data; the upper byte is its class.
std::string_view error_name(std::uint16_t error);

// Where variables are: "DB", "M" ...; empty: unknown.
std::string_view area_name(std::uint8_t area);
// Bytes of one element; 0: a number of a timer or counter.
std::uint32_t element_size(std::uint8_t transport_size);

// "DB", "OB" ... of the two characters that a file name or block list has; empty: unknown.
std::string_view block_type(std::string_view code);

// Of a controller, as mode transitions and the status list 0x0424 number them: "run", "stop",
// "startup", "hold" ...; empty: unknown.
std::string_view transition_mode(std::uint8_t code);
std::string_view state_mode(std::uint8_t code);

}  // namespace dissect::s7comm
