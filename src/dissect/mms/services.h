#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::mms {

struct Service {
  std::string_view name = {};
  Access access = Access::None;
  std::string_view space = {};  // of what it is asked about
};
Service confirmed(std::uint32_t number);
Service unconfirmed(std::uint32_t number);

inline constexpr std::uint32_t kStatus = 0;
inline constexpr std::uint32_t kGetNameList = 1;
inline constexpr std::uint32_t kIdentify = 2;
inline constexpr std::uint32_t kRead = 4;
inline constexpr std::uint32_t kWrite = 5;
inline constexpr std::uint32_t kInformationReport = 0;
inline constexpr std::uint32_t kUnsolicitedStatus = 1;

// Of a serviceError, by its class; of an access to data; of a status.
std::string_view error_class(std::uint32_t number);
std::string_view access_error(std::uint32_t number);
std::string_view physical_status(std::uint32_t number);

// What a read or write of a variable is, where IEC 61850 says it in the name: "LLN0$CF$..." is a
// configuration (8-1, 7.3).
Access by_constraint(Access access, std::string_view item);

}  // namespace dissect::mms
