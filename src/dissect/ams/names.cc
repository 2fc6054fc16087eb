#include "dissect/ams/names.h"

#include <algorithm>
#include <iterator>

#include "dissect/names.h"

namespace dissect::ams {

namespace {

constexpr Named kCommands[] = {
    {0, "invalid"},
    {1, "read device info"},
    {2, "read"},
    {3, "write"},
    {4, "read state"},
    {5, "write control"},
    {6, "add device notification"},
    {7, "delete device notification"},
    {8, "device notification"},
    {9, "read write"},
};
static_assert(sorted_by_code(kCommands));

constexpr Access kFile = Access::File;
constexpr Access kGet = Access::ConfigRead;
constexpr Access kSet = Access::ConfigWrite;
constexpr Access kFind = Access::Discovery;
constexpr Access kDiagnose = Access::Diagnostics;

// Of the system service, port 10000.
constexpr Group kSystem[] = {
    {"open or create", 100, kFile, kFile, kFile, true},
    {"open for reading", 101, kFile, kFile, kFile, true},
    {"open for writing", 102, kFile, kFile, kFile, true},
    {"create file", 110, kFile, kFile, kFile, true},
    {"close handle", 111, kFile, kFile, kFile},
    {"file open", 120, kFile, kFile, kFile, true},
    {"file close", 121, kFile, kFile, kFile},
    {"file read", 122, kFile, kFile, kFile},
    {"file write", 123, kFile, kFile, kFile},
    {"file seek", 124, kFile, kFile, kFile},
    {"file tell", 125, kFile, kFile, kFile},
    {"file get line", 126, kFile, kFile, kFile},
    {"file put line", 127, kFile, kFile, kFile},
    {"file scan", 128, kFile, kFile, kFile},
    {"file print", 129, kFile, kFile, kFile},
    {"end of file", 130, kFile, kFile, kFile},
    {"file delete", 131, kFile, kFile, kFile, true},
    {"file rename", 132, kFile, kFile, kFile, true},
    {"file find", 133, kFile, kFile, kFile, true},
    {"make directory", 138, kFile, kFile, kFile, true},
    {"remove directory", 139, kFile, kFile, kFile, true},
    {"product version", 160, kFind, kSet, kFind},
    {"add init command", 170, kGet, kSet, kSet},
    {"delete init command", 171, kGet, kSet, kSet},
    {"delete all init commands", 172, kGet, kSet, kSet},
    {"registry of the machine", 200, kGet, kSet, kGet, true},
    {"registry of the user", 201, kGet, kSet, kGet, true},
    {"registry of classes", 202, kGet, kSet, kGet, true},
    {"registry flush", 203, kGet, kSet, kSet},
    {"system control", 220, kDiagnose, Access::ModeChange, Access::ModeChange},
    {"load server", 230, kGet, kSet, kSet},
    {"system service state", 240, kDiagnose, Access::ModeChange, kDiagnose},
    {"send mail", 300, Access::Write, Access::Write, Access::Write},
    {"time", 400, Access::Read, kSet, Access::Read},
    {"start process", 500, kSet, kSet, kSet},
    {"change net id", 600, kSet, kSet, kSet},
    {"query net id", 601, kFind, kSet, kFind},
    {"target info", 700, kFind, kSet, kFind},
    {"IP helper", 701, kFind, kSet, kFind},
    {"host name", 702, kFind, kSet, kFind},
    {"IP addresses", 703, kFind, kSet, kFind},
    {"add remote route", 801, kSet, kSet, kSet},
    {"delete remote route", 802, kSet, kSet, kSet},
    {"list remote routes", 803, kGet, kSet, kGet},
    {"test connection", 804, kDiagnose, kDiagnose, kDiagnose},
    {"change remote file", 805, kSet, kSet, kSet},
    {"set number of processors", 1200, kGet, kSet, kSet},
    {"network configuration", 1300, kGet, kSet, kGet},
    {"environment variables", 1400, kGet, kSet, kGet},
    {"licence", 1500, kGet, kSet, kGet},
    {"default password", 1510, Access::Authentication, Access::Authentication,
     Access::Authentication},
};
static_assert(std::ranges::is_sorted(kSystem, {}, &Group::code));

// Of every port (0xf000 and above), and of runtimes of PLCs.
constexpr Group kCommon[] = {
    {"memory bytes", 0x4020},
    {"memory bits", 0x4021},
    {"size of memory", 0x4025},
    {"retained data", 0x4030},
    {"size of retained data", 0x4035},
    {"data", 0x4040},
    {"size of data", 0x4045},
    {"symbol table", 0xf000},
    {"symbol names", 0xf001},
    {"symbol values", 0xf002},
    {"handle of symbol", 0xf003, Access::Read, Access::Read, Access::Read, true},
    {"symbol by name", 0xf004, Access::Read, Access::Write, Access::Read, true},
    {"symbol by handle", 0xf005},
    {"release handle", 0xf006, Access::None, Access::None, Access::None},
    {"info of symbol", 0xf007, Access::Read, Access::Read, Access::Read, true},
    {"version of symbols", 0xf008, kDiagnose, Access::Write, kDiagnose},
    {"full info of symbol", 0xf009, Access::Read, Access::Read, Access::Read, true},
    {"symbol download", 0xf00a, kGet, Access::ProgramDownload, kGet},
    {"symbol upload", 0xf00b, kGet, kGet, kGet},
    {"symbol upload info", 0xf00c, kGet, kGet, kGet},
    {"symbol download, second", 0xf00d, kGet, Access::ProgramDownload, kGet},
    {"data type upload", 0xf00e, kGet, kGet, kGet},
    {"symbol upload info, second", 0xf00f, kGet, kGet, kGet},
    {"symbol notification", 0xf010, Access::Read, Access::Read, Access::Read},
    {"info of data type", 0xf011, Access::Read, Access::Read, Access::Read, true},
    {"input bytes", 0xf020},
    {"input bits", 0xf021},
    {"size of inputs", 0xf025},
    {"output bytes", 0xf030},
    {"output bits", 0xf031},
    {"size of outputs", 0xf035},
    {"clear inputs", 0xf040, Access::Write},
    {"clear outputs", 0xf050, Access::Write},
    {"input and output bytes", 0xf060},
    {"sum read", 0xf080, Access::Read, Access::Read, Access::Read},
    {"sum write", 0xf081},
    {"sum read write", 0xf082},
    {"sum read with lengths", 0xf083, Access::Read, Access::Read, Access::Read},
    {"sum read with lengths, second", 0xf084, Access::Read, Access::Read, Access::Read},
    {"sum add notification", 0xf085, Access::Read, Access::Read, Access::Read},
    {"sum delete notification", 0xf086, Access::None, Access::None, Access::None},
    {"device data", 0xf100, kDiagnose, Access::ModeChange, kDiagnose},
};
static_assert(std::ranges::is_sorted(kCommon, {}, &Group::code));

constexpr std::string_view kStates[] = {
    "invalid",
    "idle",
    "reset",
    "init",
    "start",
    "run",
    "stop",
    "save configuration",
    "load configuration",
    "power failure",
    "power good",
    "error",
    "shutdown",
    "suspend",
    "resume",
    "config",
    "reconfig",
    "stopping",
    "incompatible",
    "exception",
};

constexpr Named kErrors[] = {
    {0x00, "no error"},
    {0x01, "internal error"},
    {0x02, "no runtime"},
    {0x03, "no locked memory"},
    {0x04, "mailbox full"},
    {0x05, "wrong receiver"},
    {0x06, "target port not found"},
    {0x07, "target machine not found"},
    {0x08, "unknown command"},
    {0x09, "bad task"},
    {0x0a, "no input or output"},
    {0x0b, "unknown AMS command"},
    {0x0c, "error of the operating system"},
    {0x0d, "port not connected"},
    {0x0e, "invalid AMS length"},
    {0x0f, "invalid net id"},
    {0x10, "installation level too low"},
    {0x11, "no debugging"},
    {0x12, "port disabled"},
    {0x13, "port already connected"},
    {0x14, "synchronous error of the operating system"},
    {0x15, "synchronous timeout"},
    {0x16, "synchronous AMS error"},
    {0x17, "no index map"},
    {0x18, "invalid AMS port"},
    {0x19, "no memory"},
    {0x1a, "cannot send"},
    {0x1b, "host unreachable"},
    {0x1c, "invalid fragment"},
    {0x1d, "cannot send by TLS"},
    {0x1e, "access denied"},
    {0x500, "router: no locked memory"},
    {0x501, "router: memory cannot be enlarged"},
    {0x502, "router: mailbox full"},
    {0x503, "router: mailbox of debugging full"},
    {0x504, "router: unknown port type"},
    {0x505, "router: not initialized"},
    {0x506, "router: port already registered"},
    {0x507, "router: port not registered"},
    {0x508, "router: no more ports"},
    {0x509, "router: invalid port"},
    {0x50a, "router: not active"},
    {0x700, "device error"},
    {0x701, "service not supported"},
    {0x702, "invalid index group"},
    {0x703, "invalid index offset"},
    {0x704, "reading or writing not permitted"},
    {0x705, "invalid size"},
    {0x706, "invalid data"},
    {0x707, "not ready"},
    {0x708, "busy"},
    {0x709, "invalid context"},
    {0x70a, "out of memory"},
    {0x70b, "invalid parameter"},
    {0x70c, "not found"},
    {0x70d, "syntax error"},
    {0x70e, "objects do not match"},
    {0x70f, "exists already"},
    {0x710, "symbol not found"},
    {0x711, "symbol version invalid"},
    {0x712, "invalid state"},
    {0x713, "transmission mode not supported"},
    {0x714, "invalid notification handle"},
    {0x715, "notification client not registered"},
    {0x716, "no more notification handles"},
    {0x717, "notification too large"},
    {0x718, "not initialized"},
    {0x719, "timeout"},
    {0x71a, "interface not found"},
    {0x71b, "wrong interface"},
    {0x71c, "invalid class"},
    {0x71d, "invalid object"},
    {0x71e, "request pending"},
    {0x71f, "aborted"},
    {0x720, "warning"},
    {0x721, "invalid array index"},
    {0x722, "symbol not active"},
    {0x723, "access denied"},
    {0x724, "no licence"},
    {0x725, "licence expired"},
    {0x726, "licence exceeded"},
    {0x727, "invalid licence"},
    {0x728, "licence of another system"},
    {0x729, "licence not limited in time"},
    {0x740, "client error"},
    {0x741, "client: invalid parameter"},
    {0x742, "client: nothing to poll"},
    {0x743, "client: connection in use"},
    {0x744, "client: invoke id in use"},
    {0x745, "client: timeout"},
    {0x746, "client: error of the operating system"},
    {0x747, "client: invalid timeout"},
    {0x748, "client: port not open"},
    {0x749, "client: no AMS address"},
};
static_assert(sorted_by_code(kErrors));

template <std::size_t N>
Group find(const Group (&table)[N], std::uint32_t code) {
  const auto found = std::ranges::lower_bound(table, code, {}, &Group::code);
  return found != std::end(table) && found->code == code ? *found : Group{{}, code};
}

}  // namespace

std::string_view command_name(std::uint16_t code) {
  return name_of(kCommands, code);
}

Group group_of(std::uint16_t port, std::uint32_t code) {
  if (port == kSystemService && code < 0xf000) return find(kSystem, code);
  if (code < 0xf000 && !is_plc(port)) return Group{{}, code};
  return find(kCommon, code);
}

std::string_view state_name(std::uint16_t state) {
  return state < std::size(kStates) ? kStates[state] : std::string_view();
}

Access state_access(std::uint16_t state) {
  switch (state) {
    case 2:
      return Access::Reset;
    case 4:
    case 5:
    case 14:
      return Access::Start;
    case 6:
    case 12:
    case 13:
    case 17:
      return Access::Stop;
    default:
      return Access::ModeChange;
  }
}

std::string_view error_name(std::uint32_t code) {
  return name_of(kErrors, code);
}

}  // namespace dissect::ams
