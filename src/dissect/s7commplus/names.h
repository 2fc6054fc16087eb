#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::s7commplus {

enum class Function : std::uint16_t {
  Explore = 0x04bb,
  CreateObject = 0x04ca,
  DeleteObject = 0x04d4,
  SetVariable = 0x04f2,
  GetVariable = 0x04fc,
  GetLink = 0x0524,
  SetMultiVariables = 0x0542,
  GetMultiVariables = 0x054c,
  BeginSequence = 0x0556,
  EndSequence = 0x0560,
  Invoke = 0x056b,
  SetVarSubStreamed = 0x057c,
  GetVarSubStreamed = 0x0586,
  GetVariablesAddress = 0x0590,
  Abort = 0x059a,
  Error = 0x05a9,
  InitSsl = 0x05b3,
};

struct FunctionInfo {
  std::string_view name;  // empty: not known
  std::uint16_t code = 0;
  Access access = Access::None;
};
FunctionInfo function_info(std::uint16_t code);

// Ids of objects, of their classes and attributes that matter here.
inline constexpr std::uint32_t kCpuExecutionUnit = 52;
inline constexpr std::uint32_t kOperatingStateRequest = 2167;
inline constexpr std::uint32_t kOperatingState = 3486;
inline constexpr std::uint32_t kSessionChallenge = 303;
inline constexpr std::uint32_t kSessionResponse = 304;
inline constexpr std::uint32_t kSessionVersion = 306;
inline constexpr std::uint32_t kCreditLimit = 1053;  // how much more a subscription may send
inline constexpr std::uint32_t kLegitimate = 1846;
inline constexpr std::uint32_t kBlockBody = 2533;
inline constexpr std::uint32_t kBlockCode = 2580;
inline constexpr std::uint32_t kVersionText = 319;   // "1;6ES7 ...;V2.0", in the session's version
inline constexpr std::uint32_t kSoftwareText = 297;  // of who opens a session
inline constexpr std::uint32_t kServerText = 301;
inline constexpr std::uint32_t kHostText = 298;
inline constexpr std::uint32_t kNameText = 233;

// What making an object of that class does.
Access class_access(std::uint32_t class_id);
// "DB", "OB" ..., "session"; empty: not known.
std::string_view class_name(std::uint32_t class_id);
// Objects that every controller has; empty: not one of them.
std::string_view object_name(std::uint32_t id);
// Objects of the program (blocks, types, constants) have numbers above this.
constexpr bool is_block(std::uint32_t id) {
  return (id >> 24U) == 0x8a;
}
constexpr bool is_data_block(std::uint32_t id) {
  return (id >> 16U) == 0x8a0e;
}
// Made for one connection: sessions, subscriptions. Their numbers mean nothing beyond it.
constexpr bool is_passing(std::uint32_t id) {
  return (id >= 0x300 && id < 0x10000) || (id >> 28U) == 1 || (id >> 28U) == 7;
}
// What an attribute is, where reading or writing it is no plain access; None: it is plain.
Access attribute_access(std::uint32_t object, std::uint32_t attribute, bool writes);

}  // namespace dissect::s7commplus
