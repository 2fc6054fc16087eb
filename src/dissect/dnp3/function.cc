#include "dissect/dnp3/function.h"

#include <iterator>

namespace dissect::dnp3 {

namespace {

constexpr Function kFunctions[] = {
    {"confirm", Access::None, false},
    {"read", Access::Read, true},
    {"write", Access::Write, true},
    {"select", Access::Write, true},
    {"operate", Access::Write, true},
    {"direct operate", Access::Write, true},
    {"direct operate, no response", Access::Write, false},
    {"freeze", Access::Write, true},
    {"freeze, no response", Access::Write, false},
    {"freeze and clear", Access::Write, true},
    {"freeze and clear, no response", Access::Write, false},
    {"freeze at time", Access::Write, true},
    {"freeze at time, no response", Access::Write, false},
    {"cold restart", Access::Reset, true},
    {"warm restart", Access::Reset, true},
    {"initialize data", Access::ConfigWrite, true},
    {"initialize application", Access::Reset, true},
    {"start application", Access::Start, true},
    {"stop application", Access::Stop, true},
    {"save configuration", Access::ConfigWrite, true},
    {"enable unsolicited", Access::ConfigWrite, true},
    {"disable unsolicited", Access::ConfigWrite, true},
    {"assign class", Access::ConfigWrite, true},
    {"measure delay", Access::Diagnostics, true},
    {"record current time", Access::Diagnostics, true},
    {"open file", Access::File, true},
    {"close file", Access::File, true},
    {"delete file", Access::File, true},
    {"get file information", Access::File, true},
    {"authenticate file", Access::Authentication, true},
    {"abort file", Access::File, true},
    {"activate configuration", Access::ConfigWrite, true},
    {"authenticate", Access::Authentication, true},
    {"authenticate, no response", Access::Authentication, false},
};

}  // namespace

Function function_of(unsigned int code) {
  if (code < std::size(kFunctions)) return kFunctions[code];
  if (code == kResponse) return {"response", Access::None, false};
  if (code == kUnsolicited) return {"unsolicited response", Access::Read, false};
  if (code == kAuthenticateResponse)
    return {"authentication response", Access::Authentication, false};
  return {};
}

bool carries_values(unsigned int code) {
  return (code >= 2 && code <= 6) || (code >= 25 && code <= 33) || is_response(code);
}

std::string_view indication_name(unsigned int iin) {
  const unsigned int first = iin >> 8U;
  if ((iin & 0x01U) != 0) return "function not supported";
  if ((iin & 0x02U) != 0) return "object unknown";
  if ((iin & 0x04U) != 0) return "parameter error";
  if ((iin & 0x10U) != 0) return "already executing";
  if ((iin & 0x20U) != 0) return "configuration corrupt";
  if ((iin & 0x08U) != 0) return "event buffer overflow";
  if ((first & 0x40U) != 0) return "device trouble";
  if ((first & 0x80U) != 0) return "device restart";
  return {};
}

}  // namespace dissect::dnp3
