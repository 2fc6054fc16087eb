#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::smb {

inline constexpr std::uint32_t kPending = 0x00000103;
inline constexpr std::uint32_t kMoreProcessing = 0xc0000016;
inline constexpr std::uint32_t kBufferOverflow = 0x80000005;

// How an answer with this NT status went. That there is more to come, or no more files, is no
// failure. Source: MS-ERREF section 2.3.1.
Status status_of(std::uint32_t code);

}  // namespace dissect::smb
