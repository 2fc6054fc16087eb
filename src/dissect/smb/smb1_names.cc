#include "dissect/smb/smb1_names.h"

#include <algorithm>

#include "dissect/names.h"

namespace dissect::smb {

namespace {

constexpr Command1 kCommands[] = {
    {0x00, "SMB1 create directory", Access::File, false},
    {0x01, "SMB1 delete directory", Access::File, false},
    {0x02, "SMB1 open", Access::File, false},
    {0x03, "SMB1 create", Access::File, false},
    {0x04, "SMB1 close", Access::File, false},
    {0x05, "SMB1 flush", Access::File, false},
    {0x06, "SMB1 delete", Access::File, false},
    {0x07, "SMB1 rename", Access::File, false},
    {0x08, "SMB1 query information", Access::File, false},
    {0x09, "SMB1 set information", Access::File, false},
    {0x0a, "SMB1 read", Access::File, false},
    {0x0b, "SMB1 write", Access::File, false},
    {0x10, "SMB1 check directory", Access::File, false},
    {0x24, "SMB1 lock", Access::File, true},
    {0x25, "SMB1 transaction", Access::File, false},
    {0x26, "SMB1 transaction secondary", Access::File, false},
    {0x2b, "SMB1 echo", Access::None, false},
    {0x2d, "SMB1 open", Access::File, true},
    {0x2e, "SMB1 read", Access::File, true},
    {0x2f, "SMB1 write", Access::File, true},
    {0x32, "SMB1 transaction 2", Access::File, false},
    {0x33, "SMB1 transaction 2 secondary", Access::File, false},
    {0x34, "SMB1 find close", Access::File, false},
    {0x70, "SMB1 tree connect", Access::Session, false},
    {0x71, "SMB1 tree disconnect", Access::Session, false},
    {0x72, "SMB1 negotiate", Access::Session, false},
    {0x73, "SMB1 session setup", Access::Authentication, true},
    {0x74, "SMB1 logoff", Access::Session, true},
    {0x75, "SMB1 tree connect", Access::Session, true},
    {0x80, "SMB1 query disk", Access::File, false},
    {0xa0, "SMB1 NT transaction", Access::File, false},
    {0xa1, "SMB1 NT transaction secondary", Access::File, false},
    {0xa2, "SMB1 create", Access::File, true},
    {0xa4, "SMB1 cancel", Access::None, false},
    {0xc0, "SMB1 open print file", Access::File, false},
    {0xc2, "SMB1 close print file", Access::File, false},
};

constexpr Named kTransactions2[] = {
    {0, "open"},
    {1, "find first"},
    {2, "find next"},
    {3, "query file system"},
    {4, "set file system"},
    {5, "query path"},
    {6, "set path"},
    {7, "query file"},
    {8, "set file"},
    {9, "control file system"},
    {10, "control"},
    {11, "notify first"},
    {12, "notify next"},
    {13, "create directory"},
    {14, "session setup"},
    {16, "get referral"},
    {17, "report inconsistency"},
};
static_assert(sorted_by_code(kTransactions2));

constexpr Named kPipeFunctions[] = {
    {0x0001, "set pipe state"}, {0x0011, "raw read pipe"}, {0x0021, "query pipe state"},
    {0x0022, "query pipe"},     {0x0023, "peek at pipe"},  {0x0026, "pipe transceive"},
    {0x0031, "raw write pipe"}, {0x0036, "read pipe"},     {0x0037, "write pipe"},
    {0x0053, "wait for pipe"},  {0x0054, "call pipe"},
};
static_assert(sorted_by_code(kPipeFunctions));

constexpr Named kNtFunctions[] = {
    {1, "create"}, {2, "control"},        {3, "set security"}, {4, "notify change"},
    {5, "rename"}, {6, "query security"}, {7, "query quota"},  {8, "set quota"},
};
static_assert(sorted_by_code(kNtFunctions));

}  // namespace

const Command1* find_command(std::uint8_t code) {
  const auto* const found = std::ranges::find(kCommands, code, &Command1::code);
  return found == std::end(kCommands) ? nullptr : found;
}

std::string_view transaction2_name(std::uint16_t code) {
  return name_of(kTransactions2, code);
}

std::string_view pipe_function_name(std::uint16_t code) {
  return name_of(kPipeFunctions, code);
}

std::string_view nt_function_name(std::uint16_t code) {
  return name_of(kNtFunctions, code);
}

}  // namespace dissect::smb
