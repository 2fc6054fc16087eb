#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::bacnet {

struct Service {
  std::string_view name;  // empty: reserved
  Access access = Access::None;
};
// Source: ANSI/ASHRAE 135-2020, 21.
Service confirmed_service(unsigned int choice);
Service unconfirmed_service(unsigned int choice);

// Of the virtual link layer (annex J) and of the network layer (6.2.4).
Service link_function(unsigned int function);
Service network_message(unsigned int type);

std::string_view reject_reason(unsigned int reason);
std::string_view abort_reason(unsigned int reason);
std::string_view error_code_name(unsigned int code);

// Never empty: a literal for what is the maker's own, too.
std::string_view object_type_name(unsigned int type);
// Empty: not among the usual ones.
std::string_view property_name(std::uint32_t property);

inline constexpr unsigned int kDeviceObject = 8;

}  // namespace dissect::bacnet
