#include "dissect/ethercat/names.h"

#include <iterator>

#include "dissect/names.h"

namespace dissect::ethercat {

namespace {

constexpr std::string_view kCommands[] = {"NOP",  "APRD", "APWR", "APRW", "FPRD",
                                          "FPWR", "FPRW", "BRD",  "BWR",  "BRW",
                                          "LRD",  "LWR",  "LRW",  "ARMW", "FRMW"};

struct Range {
  std::uint16_t last = 0;
  Register what;
};

constexpr Access kGet = Access::ConfigRead;
constexpr Access kSet = Access::ConfigWrite;
constexpr Access kDiagnose = Access::Diagnostics;

// ETG.1000.4, table 31 and those that follow, by their last offset.
constexpr Range kRanges[] = {
    {0x000f, {"information", Access::Discovery, kSet}},
    {0x001f, {"station address", kGet, kSet}},
    {0x00ff, {"write protection", kGet, kSet}},
    {0x010f, {"DL control", kGet, kSet}},
    {0x011f, {"DL status", kDiagnose, kSet}},
    {0x012f, {"AL control", kDiagnose, Access::ModeChange}},
    {0x0133, {"AL status", kDiagnose, kSet}},
    {0x013f, {"AL status code", kDiagnose, kSet}},
    {0x01ff, {"PDI control", kGet, kSet}},
    {0x02ff, {"interrupts", kDiagnose, kSet}},
    {0x03ff, {"error counters", kDiagnose, kDiagnose}},
    {0x04ff, {"watchdogs", kGet, kSet}},
    {0x050f, {"EEPROM", kGet, kGet}},
    {0x05ff, {"MII management", kDiagnose, kSet}},
    {0x06ff, {"FMMU", kGet, kSet}},
    {0x07ff, {"reserved", Access::Read, kSet}},
    {0x08ff, {"sync manager", kGet, kSet}},
    {0x09ff, {"distributed clock", Access::Read, kSet}},
    {0x0eff, {"ESC specific", Access::Read, kSet}},
    {0x0fff, {"digital output", Access::Read, Access::Write}},
    {0xffff, {"memory", Access::Read, Access::Write}},
};

constexpr Named kAborts[] = {
    {0x05030000, "toggle bit did not change"},
    {0x05040000, "SDO timeout"},
    {0x05040001, "command not valid"},
    {0x05040005, "out of memory"},
    {0x06010000, "access not supported"},
    {0x06010001, "write only"},
    {0x06010002, "read only"},
    {0x06010003, "subindex cannot be written"},
    {0x06010004, "complete access not supported"},
    {0x06020000, "object does not exist"},
    {0x06040041, "object cannot be mapped"},
    {0x06040042, "mapped objects too long"},
    {0x06040043, "parameters incompatible"},
    {0x06040047, "devices incompatible"},
    {0x06060000, "hardware error"},
    {0x06070010, "length does not match"},
    {0x06070012, "too long"},
    {0x06070013, "too short"},
    {0x06090011, "subindex does not exist"},
    {0x06090030, "value out of range"},
    {0x06090031, "value too large"},
    {0x06090032, "value too small"},
    {0x06090036, "maximum below minimum"},
    {0x08000000, "general error"},
    {0x08000020, "cannot be stored"},
    {0x08000021, "cannot be stored: local control"},
    {0x08000022, "cannot be stored in this state"},
    {0x08000023, "no dictionary"},
};
static_assert(sorted_by_code(kAborts));

}  // namespace

std::string_view command_name(std::uint8_t command) {
  return command < std::size(kCommands) ? kCommands[command] : std::string_view();
}

Register register_at(std::uint16_t offset) {
  for (const Range& range : kRanges) {
    if (offset <= range.last) return range.what;
  }
  return {};
}

std::string_view state_name(std::uint8_t state) {
  switch (state & 15U) {
    case 1:
      return "init";
    case 2:
      return "pre-operational";
    case 3:
      return "bootstrap";
    case 4:
      return "safe-operational";
    case 8:
      return "operational";
    default:
      return {};
  }
}

std::string_view abort_name(std::uint32_t code) {
  return name_of(kAborts, code);
}

}  // namespace dissect::ethercat
