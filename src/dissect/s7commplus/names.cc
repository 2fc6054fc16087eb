#include "dissect/s7commplus/names.h"

#include <algorithm>
#include <iterator>

#include "dissect/names.h"

namespace dissect::s7commplus {

namespace {

constexpr FunctionInfo kFunctions[] = {
    {"explore", 0x04bb, Access::ConfigRead},
    {"create object", 0x04ca, Access::ConfigWrite},
    {"delete object", 0x04d4, Access::ConfigWrite},
    {"set variable", 0x04f2, Access::Write},
    {"get variable", 0x04fc, Access::Read},
    {"get link", 0x0524, Access::Read},
    {"set multiple variables", 0x0542, Access::Write},
    {"get multiple variables", 0x054c, Access::Read},
    {"begin sequence", 0x0556, Access::Session},
    {"end sequence", 0x0560, Access::Session},
    {"invoke", 0x056b, Access::Write},
    {"set variable, streamed", 0x057c, Access::Write},
    {"get variable, streamed", 0x0586, Access::Read},
    {"get addresses of variables", 0x0590, Access::Read},
    {"abort", 0x059a, Access::Session},
    {"error", 0x05a9, Access::None},
    {"init SSL", 0x05b3, Access::Session},
};
static_assert(std::ranges::is_sorted(kFunctions, {}, &FunctionInfo::code));

constexpr Named kClasses[] = {
    {255, "subscriptions"}, {287, "session"},
    {511, "type"},          {1001, "subscription"},
    {2520, "program"},      {2574, "DB"},
    {2578, "FB"},           {2579, "FC"},
    {2610, "OB"},           {2662, "alarm subscription"},
    {2681, "alarm"},        {3932, "UDT"},
};
static_assert(sorted_by_code(kClasses));

constexpr Named kObjects[] = {
    {1, "root"},
    {3, "program"},
    {49, "CPU proxy"},
    {50, "CPU"},
    {52, "CPU execution unit"},
    {80, "inputs"},
    {81, "outputs"},
    {82, "memory"},
    {83, "counters"},
    {84, "timers"},
    {201, "object root"},
    {285, "sessions"},
    {288, "null session"},
    {537, "types"},
};
static_assert(sorted_by_code(kObjects));

}  // namespace

FunctionInfo function_info(std::uint16_t code) {
  const auto found = std::ranges::lower_bound(kFunctions, code, {}, &FunctionInfo::code);
  return found != std::end(kFunctions) && found->code == code ? *found : FunctionInfo{{}, code};
}

Access class_access(std::uint32_t class_id) {
  switch (class_id) {
    case 287:
      return Access::Session;
    case 255:
    case 1001:
      return Access::Read;
    case 2662:
      return Access::Alarm;
    case 2520:
    case 2574:
    case 2578:
    case 2579:
    case 2592:
    case 2610:
    case 3932:
      return Access::ProgramDownload;
    default:
      // Kinds of organization blocks.
      return class_id >= 2637 && class_id <= 2658 ? Access::ProgramDownload : Access::ConfigWrite;
  }
}

std::string_view class_name(std::uint32_t class_id) {
  if (class_id >= 2637 && class_id <= 2658) return "OB";
  return name_of(kClasses, class_id);
}

std::string_view object_name(std::uint32_t id) {
  return name_of(kObjects, id);
}

Access attribute_access(std::uint32_t object, std::uint32_t attribute, bool writes) {
  switch (attribute) {
    case kSessionChallenge:
    case kSessionResponse:
    case kLegitimate:
      return Access::Authentication;
    case kCreditLimit:
      return Access::Read;
    case kSessionVersion:
      return Access::Session;
    case kBlockBody:
    case kBlockCode:
      return writes ? Access::ProgramDownload : Access::ProgramUpload;
    case kOperatingStateRequest:
      if (object == kCpuExecutionUnit) return writes ? Access::ModeChange : Access::Diagnostics;
      return Access::None;
    default:
      return Access::None;
  }
}

}  // namespace dissect::s7commplus
