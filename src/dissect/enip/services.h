#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::enip {

inline constexpr std::uint8_t kReply = 0x80;

// Classes.
inline constexpr std::uint32_t kIdentity = 0x01;
inline constexpr std::uint32_t kMessageRouter = 0x02;
inline constexpr std::uint32_t kConnectionManager = 0x06;
inline constexpr std::uint32_t kPccc = 0x67;

// Services.
inline constexpr std::uint8_t kGetAttributesAll = 0x01;
inline constexpr std::uint8_t kGetAttributeList = 0x03;
inline constexpr std::uint8_t kMultipleServices = 0x0a;
inline constexpr std::uint8_t kGetAttributeSingle = 0x0e;
inline constexpr std::uint8_t kExecutePccc = 0x4b;
inline constexpr std::uint8_t kForwardClose = 0x4e;
inline constexpr std::uint8_t kUnconnectedSend = 0x52;
inline constexpr std::uint8_t kForwardOpen = 0x54;
inline constexpr std::uint8_t kLargeForwardOpen = 0x5b;

struct Service {
  std::string_view name = {};
  Access access = Access::None;
};
// What a service (without the reply bit) does to that class; `tag`: it was addressed by a name.
Service service(std::uint8_t code, std::uint32_t object_class, bool tag);

std::string_view class_name(std::uint32_t object_class);
// CIP general status (volume 1, appendix B); empty: unknown.
std::string_view status_name(std::uint8_t status);

// Of the encapsulation.
struct Command {
  std::string_view name = {};
  Access access = Access::None;
};
Command command(std::uint16_t code);
std::string_view encapsulation_status(std::uint32_t status);

// Names of the ODVA's registers; empty: not one of those known here.
std::string_view vendor_name(std::uint16_t id);
std::string_view device_type(std::uint16_t type);

}  // namespace dissect::enip
