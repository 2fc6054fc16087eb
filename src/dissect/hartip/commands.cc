#include "dissect/hartip/commands.h"

#include <algorithm>
#include <iterator>

#include "dissect/names.h"

namespace dissect::hartip {

namespace {

constexpr Access kRead = Access::Read;
constexpr Access kGet = Access::ConfigRead;
constexpr Access kSet = Access::ConfigWrite;
constexpr Access kFind = Access::Discovery;
constexpr Access kDiagnose = Access::Diagnostics;

constexpr Command kCommands[] = {
    {"read unique identifier", 0, kFind},
    {"read primary variable", 1, kRead},
    {"read loop current and percent of range", 2, kRead},
    {"read dynamic variables and loop current", 3, kRead},
    {"write polling address", 6, kSet},
    {"read loop configuration", 7, kGet},
    {"read dynamic variable classifications", 8, kGet},
    {"read device variables with status", 9, kRead},
    {"read unique identifier by tag", 11, kFind},
    {"read message", 12, kGet},
    {"read tag, descriptor and date", 13, kFind},
    {"read transducer information", 14, kGet},
    {"read device information", 15, kGet},
    {"read final assembly number", 16, kGet},
    {"write message", 17, kSet},
    {"write tag, descriptor and date", 18, kSet},
    {"write final assembly number", 19, kSet},
    {"read long tag", 20, kFind},
    {"read unique identifier by long tag", 21, kFind},
    {"write long tag", 22, kSet},
    {"extended command", 31, Access::None},
    {"read device variables", 33, kRead},
    {"write damping", 34, kSet},
    {"write range values", 35, kSet},
    {"set upper range value", 36, kSet},
    {"set lower range value", 37, kSet},
    {"reset configuration changed flag", 38, kSet},
    {"EEPROM control", 39, kSet},
    {"enter or exit fixed current mode", 40, Access::ModeChange},
    {"perform self test", 41, kDiagnose},
    {"perform device reset", 42, Access::Reset},
    {"set primary variable zero", 43, kSet},
    {"write primary variable units", 44, kSet},
    {"trim loop current zero", 45, kSet},
    {"trim loop current gain", 46, kSet},
    {"write transfer function", 47, kSet},
    {"read additional device status", 48, kDiagnose},
    {"write transducer serial number", 49, kSet},
    {"read dynamic variable assignments", 50, kGet},
    {"write dynamic variable assignments", 51, kSet},
    {"set device variable zero", 52, kSet},
    {"write device variable units", 53, kSet},
    {"read device variable information", 54, kGet},
    {"write device variable damping", 55, kSet},
    {"write device variable serial number", 56, kSet},
    {"read unit tag, descriptor and date", 57, kGet},
    {"write unit tag, descriptor and date", 58, kSet},
    {"write number of response preambles", 59, kSet},
    {"read analog channel and percent of range", 60, kRead},
    {"read dynamic variables and analog channel", 61, kRead},
    {"read analog channels", 62, kRead},
    {"read analog channel information", 63, kGet},
    {"write analog channel damping", 64, kSet},
    {"write analog channel range values", 65, kSet},
    {"enter or exit fixed analog channel mode", 66, Access::ModeChange},
    {"trim analog channel zero", 67, kSet},
    {"trim analog channel gain", 68, kSet},
    {"write analog channel transfer function", 69, kSet},
    {"read analog channel endpoint values", 70, kGet},
    {"lock device", 71, kSet},
    {"squawk", 72, kDiagnose},
    {"find device", 73, kFind},
    {"read I/O system capabilities", 74, kFind},
    {"poll sub-device", 75, kFind},
    {"read lock device state", 76, kGet},
    {"send command to sub-device", 77, Access::None},
    {"read aggregated commands", 78, kRead},
    {"write device variable", 79, Access::Write},
    {"read device variable trim points", 80, kGet},
    {"read device variable trim guidelines", 81, kGet},
    {"write device variable trim point", 82, kSet},
    {"reset device variable trim", 83, kSet},
    {"read sub-device identity summary", 84, kFind},
    {"read I/O channel statistics", 85, kDiagnose},
    {"read sub-device statistics", 86, kDiagnose},
    {"write I/O system master mode", 87, kSet},
    {"write I/O system retry count", 88, kSet},
    {"set real-time clock", 89, kSet},
    {"read real-time clock", 90, kRead},
    {"read trend configuration", 91, kGet},
    {"write trend configuration", 92, kSet},
    {"read trend", 93, kRead},
    {"read client-side statistics", 94, kDiagnose},
    {"read device communication statistics", 95, kDiagnose},
    {"read synchronous action", 96, kGet},
    {"configure synchronous action", 97, kSet},
    {"read command action", 98, kGet},
    {"configure command action", 99, kSet},
    {"read sub-device to burst message map", 101, kGet},
    {"map sub-device to burst message", 102, kSet},
    {"write burst period", 103, kSet},
    {"write burst trigger", 104, kSet},
    {"read burst mode configuration", 105, kGet},
    {"flush delayed responses", 106, Access::Session},
    {"write burst device variables", 107, kSet},
    {"write burst mode command number", 108, kSet},
    {"burst mode control", 109, kSet},
    {"read all dynamic variables", 110, kRead},
    {"transfer service control", 111, Access::File},
    {"transfer service", 112, Access::File},
    {"catch device variable", 113, kSet},
    {"read caught device variable", 114, kGet},
    {"read event notification summary", 115, Access::Alarm},
    {"write event notification bit mask", 116, kSet},
    {"write event notification timing", 117, kSet},
    {"event notification control", 118, kSet},
    {"acknowledge event notification", 119, Access::Alarm},
    {"read country code", 512, kGet},
    {"write country code", 513, kSet},
    {"read condensed status mapping", 523, kGet},
    {"write condensed status mapping", 524, kSet},
    {"reset condensed status mapping", 525, kSet},
    {"write status simulation mode", 526, Access::ModeChange},
    {"simulate status bit", 527, Access::Write},
};
static_assert(std::ranges::is_sorted(kCommands, {}, &Command::code));

constexpr Named kCodes[] = {
    {0, "success"},
    {2, "invalid selection"},
    {3, "passed parameter too large"},
    {4, "passed parameter too small"},
    {5, "too few data bytes received"},
    {6, "device-specific command error"},
    {7, "in write protect mode"},
    {8, "warning"},
    {9, "error of this command"},
    {10, "error of this command"},
    {11, "error of this command"},
    {12, "error of this command"},
    {13, "error of this command"},
    {14, "warning"},
    {15, "error of this command"},
    {16, "access restricted"},
    {17, "invalid device variable index"},
    {18, "invalid units code"},
    {19, "device variable index not allowed"},
    {20, "invalid extended command number"},
    {21, "invalid I/O card number"},
    {22, "invalid channel number"},
    {23, "sub-device response too long"},
    {24, "warning"},
    {25, "warning"},
    {26, "warning"},
    {27, "warning"},
    {28, "error of this command"},
    {29, "error of this command"},
    {30, "command response truncated"},
    {31, "warning"},
    {32, "busy"},
    {33, "delayed response initiated"},
    {34, "delayed response running"},
    {35, "delayed response dead"},
    {36, "delayed response conflict"},
    {60, "payload too long"},
    {61, "no buffers available"},
    {62, "no alarm or event buffers available"},
    {63, "priority too low"},
    {64, "command not implemented"},
};
static_assert(sorted_by_code(kCodes));

// HART register of manufacturers (FCG TS20183, table 8), those that plants have most.
constexpr Named kManufacturers[] = {
    {1, "Acromag"},
    {2, "Allen-Bradley"},
    {3, "Ametek"},
    {4, "Analog Devices"},
    {5, "ABB"},
    {9, "Bristol Babcock"},
    {10, "Brooks Instrument"},
    {13, "Daniel Industries"},
    {17, "Endress+Hauser"},
    {18, "ABB"},
    {19, "Fisher Controls"},
    {20, "Foxboro"},
    {21, "Fuji"},
    {22, "ABB"},
    {23, "Honeywell"},
    {26, "ABB"},
    {31, "Micro Motion"},
    {32, "Moore Industries"},
    {36, "Rochester Instrument Systems"},
    {38, "Rosemount"},
    {42, "Siemens"},
    {44, "Toshiba"},
    {46, "Rosemount Analytic"},
    {47, "Metso Automation"},
    {48, "Flowserve"},
    {49, "Varec"},
    {54, "Yamatake"},
    {55, "Yokogawa"},
    {59, "Mobrey"},
    {62, "Smar"},
    {63, "Foxboro Eckardt"},
    {64, "Measurement Technology"},
    {66, "Samson"},
    {69, "Krohne"},
    {71, "Druck"},
    {78, "Drexelbrook"},
    {84, "Siemens Milltronics"},
    {86, "Magnetrol"},
    {93, "Pepperl+Fuchs"},
    {97, "Knick"},
    {98, "VEGA"},
    {99, "MTS Systems"},
};
static_assert(sorted_by_code(kManufacturers));

}  // namespace

Command command(std::uint16_t code) {
  const auto found = std::ranges::lower_bound(kCommands, code, {}, &Command::code);
  return found != std::end(kCommands) && found->code == code ? *found : Command{{}, code};
}

ResponseCode response_code(std::uint8_t code) {
  // 96 to 111 and the single ones below are warnings: the command was done.
  const bool warns = code == 0 || code == 8 || code == 14 || (code >= 24 && code <= 27) ||
                     code == 30 || code == 31 || code == 33 || code == 34 ||
                     (code >= 96 && code <= 127);
  std::string_view name = name_of(kCodes, code);
  if (name.empty()) name = warns ? "warning" : "error of this command";
  return {name, !warns};
}

std::string_view manufacturer(std::uint16_t id) {
  return name_of(kManufacturers, id);
}

std::string packed_text(base::ByteView bytes) {
  std::string text;
  for (std::size_t i = 0; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t three = static_cast<std::uint32_t>(bytes[i]) << 16U |
                                static_cast<std::uint32_t>(bytes[i + 1]) << 8U | bytes[i + 2];
    for (const unsigned int shift : {18U, 12U, 6U, 0U}) {
      const std::uint32_t six = three >> shift & 0x3fU;
      // The lower half of the table is '@' to '_', the upper ' ' to '?'.
      text += static_cast<char>(six < 0x20 ? six + 0x40 : six);
    }
  }
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

}  // namespace dissect::hartip
