#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::smb {

// Numbers of version 1. Source: MS-CIFS section 2.2.2.

enum Command : std::uint8_t {
  kCreateDirectory = 0x00,
  kDeleteDirectory = 0x01,
  kClose = 0x04,
  kDelete = 0x06,
  kRename = 0x07,
  kTransaction = 0x25,
  kOpenAndx = 0x2d,
  kReadAndx = 0x2e,
  kWriteAndx = 0x2f,
  kTransaction2 = 0x32,
  kTreeDisconnect = 0x71,
  kNegotiate = 0x72,
  kSessionSetup = 0x73,
  kLogoff = 0x74,
  kTreeConnect = 0x75,
  kNtTransact = 0xa0,
  kNtCreate = 0xa2,
  kNoAndx = 0xff,
};

// A command, and what it is called in records.
struct Command1 {
  std::uint8_t code;
  std::string_view name;
  Access access;
  bool chained;  // an AndX command: another may follow
};
// Null: not known.
const Command1* find_command(std::uint8_t code);

// Sub-commands of transactions; empty: not known.
std::string_view transaction2_name(std::uint16_t code);
std::string_view pipe_function_name(std::uint16_t code);
std::string_view nt_function_name(std::uint16_t code);

inline constexpr std::uint16_t kSetup2 = 14;
inline constexpr std::uint16_t kTransceive = 0x0026;

}  // namespace dissect::smb
