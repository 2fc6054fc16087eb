#include "dissect/s7comm/names.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace dissect::s7comm {

namespace {

struct Entry {
  std::uint8_t code;
  Named named;
};

Named find(std::span<const Entry> table, std::uint8_t code, Access otherwise) {
  const auto found = std::ranges::find(table, code, &Entry::code);
  return found == table.end() ? Named{{}, otherwise} : found->named;
}

// A controller that is loaded asks for the block itself, piece by piece: those jobs are no access
// to whom they are sent to. That somebody loads it is said by "request download".
constexpr Entry kJobs[] = {
    {0x00, {"CPU services", Access::None}},
    {kReadVar, {"read variable", Access::Read}},
    {kWriteVar, {"write variable", Access::Write}},
    {kRequestDownload, {"request download", Access::ProgramDownload}},
    {kDownloadBlock, {"download block", Access::None}},
    {kDownloadEnded, {"download ended", Access::None}},
    {kStartUpload, {"start upload", Access::ProgramUpload}},
    {kUpload, {"upload", Access::ProgramUpload}},
    {kEndUpload, {"end upload", Access::ProgramUpload}},
    {kPiService, {"PI service", Access::Write}},
    {kPlcStop, {"PLC stop", Access::Stop}},
    {kSetup, {"setup communication", Access::Session}},
};

constexpr Entry kProgrammerFunctions[] = {
    {0x01, {"block status", Access::Diagnostics}},
    {0x02, {"variable status", Access::Read}},
    {0x03, {"output ISTACK", Access::Diagnostics}},
    {0x04, {"output BSTACK", Access::Diagnostics}},
    {0x05, {"output LSTACK", Access::Diagnostics}},
    {0x06, {"time measurement", Access::Diagnostics}},
    {0x07, {"force selection", Access::Write}},
    {0x08, {"modify variable", Access::Write}},
    {0x09, {"force", Access::Write}},
    {0x0a, {"breakpoint", Access::ModeChange}},
    {0x0b, {"exit hold", Access::Start}},
    {0x0c, {"memory reset", Access::Reset}},
    {0x0d, {"disable job", Access::Diagnostics}},
    {0x0e, {"enable job", Access::Diagnostics}},
    {0x0f, {"delete job", Access::Diagnostics}},
    {0x10, {"read job list", Access::Diagnostics}},
    {0x11, {"read job", Access::Diagnostics}},
    {0x12, {"replace job", Access::Diagnostics}},
    {0x13, {"block status 2", Access::Diagnostics}},
    {0x16, {"flash LED", Access::Diagnostics}},
};

constexpr Entry kCyclicFunctions[] = {
    {0x01, {"cyclic transfer", Access::Read}},
    {0x04, {"cyclic transfer, unsubscribe", Access::Session}},
    {0x05, {"change driven transfer", Access::Read}},
    {0x07, {"change driven transfer, modify", Access::Read}},
    {0x08, {"read record", Access::ConfigRead}},
};

constexpr Entry kBlockFunctions[] = {
    {0x01, {"list blocks", Access::ConfigRead}},
    {0x02, {"list blocks of type", Access::ConfigRead}},
    {0x03, {"get block info", Access::ConfigRead}},
};

constexpr Entry kCpuFunctions[] = {
    {0x01, {"read SZL", Access::Diagnostics}},
    {0x02, {"message service", Access::Session}},
    {0x03, {"diagnostic message", Access::Alarm}},
    {0x05, {"ALARM_8 indication", Access::Alarm}},
    {0x06, {"NOTIFY indication", Access::Alarm}},
    {0x07, {"ALARM_8 lock", Access::Alarm}},
    {0x08, {"ALARM_8 unlock", Access::Alarm}},
    {0x09, {"SCAN indication", Access::Alarm}},
    {0x0b, {"ALARM acknowledge", Access::Alarm}},
    {0x0c, {"ALARM acknowledge indication", Access::Alarm}},
    {0x0d, {"ALARM lock indication", Access::Alarm}},
    {0x0e, {"ALARM unlock indication", Access::Alarm}},
    {0x11, {"ALARM_SQ indication", Access::Alarm}},
    {0x12, {"ALARM_S indication", Access::Alarm}},
    {0x13, {"ALARM query", Access::Alarm}},
    {0x16, {"NOTIFY_8 indication", Access::Alarm}},
};

constexpr Entry kSecurityFunctions[] = {
    {0x01, {"password", Access::Authentication}},
    {0x02, {"clear password", Access::Authentication}},
};

constexpr Entry kPbcFunctions[] = {
    {0x00, {"BSEND", Access::Write}},
};

constexpr Entry kTimeFunctions[] = {
    {0x01, {"read clock", Access::Read}},
    {0x02, {"set clock", Access::ConfigWrite}},
    {0x03, {"read clock following", Access::Read}},
    {0x04, {"set clock following", Access::ConfigWrite}},
};

constexpr Entry kNcFunctions[] = {
    {1, {"NC request download", Access::ProgramDownload}},
    {2, {"NC download block", Access::ProgramDownload}},
    {3, {"NC continue download", Access::ProgramDownload}},
    {4, {"NC download ended", Access::ProgramDownload}},
    {6, {"NC start upload", Access::ProgramUpload}},
    {7, {"NC upload", Access::ProgramUpload}},
    {8, {"NC continue upload", Access::ProgramUpload}},
};

struct Service {
  std::string_view code;
  Named named;
};

// "P_PROGRAM" starts the program; the job that stops it is one of its own.
constexpr Service kServices[] = {
    {"P_PROGRAM", {"P_PROGRAM", Access::Start}},
    {"_INSE", {"_INSE", Access::ProgramDownload}},  // blocks go active
    {"_DELE", {"_DELE", Access::ProgramDownload}},  // blocks are deleted
    {"_MODU", {"_MODU", Access::ConfigWrite}},      // work memory to read-only memory
    {"_GARB", {"_GARB", Access::ConfigWrite}},      // memory is compressed
    {"_N_LOGIN_", {"_N_LOGIN_", Access::Authentication}},
    {"_N_LOGOUT", {"_N_LOGOUT", Access::Authentication}},
    {"_N_CANCEL", {"_N_CANCEL", Access::Write}},
    {"_N_DASAVE", {"_N_DASAVE", Access::ConfigWrite}},
    {"_N_DIGIOF", {"_N_DIGIOF", Access::ConfigWrite}},
    {"_N_DIGION", {"_N_DIGION", Access::ConfigWrite}},
    {"_N_DZERO_", {"_N_DZERO_", Access::ConfigWrite}},
    {"_N_ENDEXT", {"_N_ENDEXT", Access::Stop}},
    {"_N_F_OPER", {"_N_F_OPER", Access::File}},
    {"_N_OST_OF", {"_N_OST_OF", Access::ConfigWrite}},
    {"_N_OST_ON", {"_N_OST_ON", Access::ConfigWrite}},
    {"_N_SCALE_", {"_N_SCALE_", Access::ConfigWrite}},
    {"_N_SETUFR", {"_N_SETUFR", Access::ConfigWrite}},
    {"_N_STRTLK", {"_N_STRTLK", Access::ModeChange}},
    {"_N_STRTUL", {"_N_STRTUL", Access::ModeChange}},
    {"_N_F_COPY", {"_N_F_COPY", Access::File}},
    {"_N_F_DELE", {"_N_F_DELE", Access::File}},
    {"_N_F_LOAD", {"_N_F_LOAD", Access::File}},
    {"_N_F_MODE", {"_N_F_MODE", Access::File}},
    {"_N_F_OPEN", {"_N_F_OPEN", Access::File}},
    {"_N_F_CLOS", {"_N_F_CLOS", Access::File}},
    {"_N_F_PROT", {"_N_F_PROT", Access::File}},
    {"_N_F_RENA", {"_N_F_RENA", Access::File}},
    {"_N_F_SEEK", {"_N_F_SEEK", Access::File}},
    {"_N_F_XFER", {"_N_F_XFER", Access::File}},
    {"_N_SELECT", {"_N_SELECT", Access::ModeChange}},
    {"_N_EXTERN", {"_N_EXTERN", Access::Start}},
    {"_N_EXTMOD", {"_N_EXTMOD", Access::Start}},
    {"_N_MMCSEM", {"_N_MMCSEM", Access::None}},
    {"_N_SETTST", {"_N_SETTST", Access::ModeChange}},
    {"_N_CONFIG", {"_N_CONFIG", Access::ConfigWrite}},
    {"_N_FINDBL", {"_N_FINDBL", Access::Read}},
};

}  // namespace

Named job(std::uint8_t function) {
  return find(kJobs, function, Access::None);
}

Named pi_service(std::string_view name) {
  const auto found = std::ranges::find(kServices, name, &Service::code);
  return found == std::end(kServices) ? Named{{}, Access::Write} : found->named;
}

std::string_view group_name(std::uint8_t group) {
  switch (group) {
    case kModeTransition:
      return "mode transition";
    case kProgrammer:
      return "programmer commands";
    case kCyclic:
      return "cyclic services";
    case kBlocks:
      return "block functions";
    case kCpu:
      return "CPU functions";
    case kSecurity:
      return "security";
    case kPbc:
      return "PBC BSEND/BRECV";
    case kTime:
      return "time functions";
    case kNcProgram:
      return "NC programming";
    default:
      return {};
  }
}

Named subfunction(std::uint8_t group, std::uint8_t code) {
  switch (group) {
    case kModeTransition:
      return {transition_mode(code), Access::ModeChange};
    case kProgrammer:
      return find(kProgrammerFunctions, code, Access::Diagnostics);
    case kCyclic:
      return find(kCyclicFunctions, code, Access::Read);
    case kBlocks:
      return find(kBlockFunctions, code, Access::ConfigRead);
    case kCpu:
      return find(kCpuFunctions, code, Access::Diagnostics);
    case kSecurity:
      return find(kSecurityFunctions, code, Access::Authentication);
    case kPbc:
      return find(kPbcFunctions, code, Access::Write);
    case kTime:
      return find(kTimeFunctions, code, Access::Read);
    case kNcProgram:
      return find(kNcFunctions, code, Access::File);
    default:
      return {};
  }
}

std::string_view return_name(std::uint8_t code) {
  switch (code) {
    case 0x00:
      return "reserved";
    case 0x01:
      return "hardware error";
    case 0x03:
      return "object access not allowed";
    case 0x05:
      return "address out of range";
    case 0x06:
      return "data type not supported";
    case 0x07:
      return "data type inconsistent";
    case 0x0a:
      return "object does not exist";
    case kDone:
      return "success";
    default:
      return {};
  }
}

std::string_view error_name(std::uint16_t error) {
  switch (error) {
    case 0x8104:
      return "function not available";
    case 0x8500:
      return "more than a message holds";
    case 0xd209:
      return "item not available";
    case 0xd241:
      return "not permitted at this protection level";
    case 0xd602:
      return "wrong password";
    case 0xd604:
      return "no password to clear";
    case 0xd605:
      return "no password to set";
    case 0xdc01:
      return "invalid value";
    default:
      break;
  }
  switch (error >> 8U) {
    case 0x81:
      return "application relationship";
    case 0x82:
      return "object definition";
    case 0x83:
      return "no resources available";
    case 0x84:
      return "service processing";
    case 0x85:
      return "supplies";
    case 0x87:
      return "access";
    default:
      return {};
  }
}

std::string_view area_name(std::uint8_t area) {
  switch (area) {
    case 0x03:
      return "system information";
    case 0x05:
      return "system flags";
    case 0x06:
      return "analog inputs";
    case 0x07:
      return "analog outputs";
    case 0x1c:
      return "C";
    case 0x1d:
      return "T";
    case 0x1e:
      return "IEC counters";
    case 0x1f:
      return "IEC timers";
    case 0x80:
      return "P";
    case 0x81:
      return "I";
    case 0x82:
      return "Q";
    case 0x83:
      return "M";
    case 0x84:
      return "DB";
    case 0x85:
      return "DI";
    case 0x86:
      return "L";
    case 0x87:
      return "V";
    default:
      return {};
  }
}

std::uint32_t element_size(std::uint8_t transport_size) {
  switch (transport_size) {
    case 0x04:  // word
    case 0x05:  // integer
    case 0x09:  // date
    case 0x0c:  // S5TIME
      return 2;
    case 0x06:  // double word
    case 0x07:  // double integer
    case 0x08:  // real
    case 0x0a:  // time of day
    case 0x0b:  // time
      return 4;
    case 0x0f:  // date and time
      return 8;
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x1f:
    case 0x20:
      return 0;
    default:
      return 1;
  }
}

std::string_view block_type(std::string_view code) {
  if (code.size() != 2 || code[0] != '0') return {};
  switch (code[1]) {
    case '8':
      return "OB";
    case '9':
      return "FX";
    case 'A':
      return "DB";
    case 'B':
      return "SDB";
    case 'C':
      return "FC";
    case 'D':
      return "SFC";
    case 'E':
      return "FB";
    case 'F':
      return "SFB";
    case '0':
      return "block";
    default:
      return {};
  }
}

std::string_view transition_mode(std::uint8_t code) {
  switch (code) {
    case 0:
      return "stop";
    case 1:  // warm
    case 3:  // hot
    case 6:  // cold
      return "startup";
    case 2:
    case 9:  // redundant
      return "run";
    case 4:
      return "hold";
    case 11:
      return "link-up";
    case 12:
      return "update";
    default:
      return {};
  }
}

std::string_view state_mode(std::uint8_t code) {
  switch (code) {
    case 1:
    case 2:
    case 3:
    case 4:
      return "stop";
    case 5:
    case 6:
    case 7:
      return "startup";
    case 8:
    case 9:
      return "run";
    case 10:
      return "hold";
    case 11:
      return "link-up";
    case 12:
      return "update";
    case 13:
      return "defective";
    default:
      return {};
  }
}

}  // namespace dissect::s7comm
