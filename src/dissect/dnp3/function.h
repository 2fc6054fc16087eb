#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::dnp3 {

// Function codes of the application layer. Source: IEEE 1815-2012, 4.2.2.5.
inline constexpr unsigned int kConfirm = 0;
inline constexpr unsigned int kRead = 1;
inline constexpr unsigned int kWrite = 2;
inline constexpr unsigned int kInitializeData = 15;
inline constexpr unsigned int kSaveConfiguration = 19;
inline constexpr unsigned int kFreezeAtTime = 11;
inline constexpr unsigned int kFreezeAtTimeNoAck = 12;
inline constexpr unsigned int kAuthenticate = 32;
inline constexpr unsigned int kAuthenticateNoAck = 33;
inline constexpr unsigned int kResponse = 129;
inline constexpr unsigned int kUnsolicited = 130;
inline constexpr unsigned int kAuthenticateResponse = 131;

struct Function {
  std::string_view name;  // empty: reserved
  Access access = Access::None;
  bool answered = true;
};
Function function_of(unsigned int code);

inline bool is_response(unsigned int code) {
  return code >= kResponse && code <= kAuthenticateResponse;
}

// Whether objects of such a message have values, not just headers.
bool carries_values(unsigned int code);

// The internal indications of a response, first byte first. Source: 4.2.2.6.
inline constexpr unsigned int kIinFailures = 0x17;  // of IIN2: unknown function, object, parameter,
                                                    // already executing
inline constexpr unsigned int kIinReserved = 0xc0;  // of IIN2
// The gravest that says the request failed, else that the outstation is not well, else empty.
std::string_view indication_name(unsigned int iin);

}  // namespace dissect::dnp3
