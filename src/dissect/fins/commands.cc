#include "dissect/fins/commands.h"

#include <algorithm>
#include <iterator>

namespace dissect::fins {

namespace {

constexpr Command kCommands[] = {
    {"memory area read", 0x0101, Access::Read},
    {"memory area write", 0x0102, Access::Write},
    {"memory area fill", 0x0103, Access::Write},
    {"multiple memory area read", 0x0104, Access::Read},
    {"memory area transfer", 0x0105, Access::Write},
    {"parameter area read", 0x0201, Access::ConfigRead},
    {"parameter area write", 0x0202, Access::ConfigWrite},
    {"parameter area clear", 0x0203, Access::ConfigWrite},
    {"data link table read", 0x0220, Access::ConfigRead},
    {"data link table write", 0x0221, Access::ConfigWrite},
    {"program area protect", 0x0304, Access::ConfigWrite},
    {"program area protect clear", 0x0305, Access::ConfigWrite},
    {"program area read", 0x0306, Access::ProgramUpload},
    {"program area write", 0x0307, Access::ProgramDownload},
    {"program area clear", 0x0308, Access::ProgramDownload},
    {"run", 0x0401, Access::Start},
    {"stop", 0x0402, Access::Stop},
    {"reset", 0x0403, Access::Reset},
    {"controller data read", 0x0501, Access::Discovery},
    {"connection data read", 0x0502, Access::Discovery},
    {"controller status read", 0x0601, Access::Diagnostics},
    {"network status read", 0x0602, Access::Diagnostics},
    {"data link status read", 0x0603, Access::Diagnostics},
    {"cycle time read", 0x0620, Access::Diagnostics},
    {"clock read", 0x0701, Access::Read},
    {"clock write", 0x0702, Access::ConfigWrite},
    {"loop-back test", 0x0801, Access::Diagnostics},
    {"broadcast test results read", 0x0802, Access::Diagnostics},
    {"broadcast test data send", 0x0803, Access::Diagnostics},
    {"message read or clear", 0x0920, Access::Alarm},
    {"access right acquire", 0x0c01, Access::Session},
    {"access right forced acquire", 0x0c02, Access::Session},
    {"access right release", 0x0c03, Access::Session},
    {"error clear", 0x2101, Access::Alarm},
    {"error log read", 0x2102, Access::Diagnostics},
    {"error log clear", 0x2103, Access::Diagnostics},
    {"access log read", 0x2140, Access::Diagnostics},
    {"access log clear", 0x2141, Access::Diagnostics},
    {"file name read", 0x2201, Access::File},
    {"file read", 0x2202, Access::File},
    {"file write", 0x2203, Access::File},
    {"memory card format", 0x2204, Access::File},
    {"file delete", 0x2205, Access::File},
    {"file copy", 0x2207, Access::File},
    {"file name change", 0x2208, Access::File},
    {"file data check", 0x2209, Access::File},
    {"memory area file transfer", 0x220a, Access::File},
    {"parameter area file transfer", 0x220b, Access::File},
    {"program area file transfer", 0x220c, Access::File},
    {"file memory index read", 0x220f, Access::File},
    {"file memory read", 0x2210, Access::File},
    {"file memory write", 0x2211, Access::File},
    {"directory create or delete", 0x2215, Access::File},
    {"forced set or reset", 0x2301, Access::Write},
    {"forced set or reset cancel", 0x2302, Access::Write},
    {"multiple forced status read", 0x230a, Access::Diagnostics},
};

}  // namespace

Command command(std::uint16_t code) {
  const auto found = std::ranges::find(kCommands, code, &Command::code);
  return found == std::end(kCommands) ? Command{{}, code} : *found;
}

std::string_view area_name(std::uint8_t area) {
  switch (area) {
    case 0x00:
    case 0x30:
    case 0x80:
    case 0xb0:
      return "CIO";
    case 0x31:
    case 0xb1:
      return "W";
    case 0x32:
    case 0xb2:
      return "H";
    case 0x33:
    case 0xb3:
      return "A";
    case 0x01:
    case 0x09:
    case 0x81:
    case 0x89:
      return "TIM/CNT";
    case 0x02:
    case 0x82:
      return "DM";
    case 0x06:
    case 0x46:
      return "TK";
    case 0xbc:
      return "DR";
    case 0xdc:
      return "IR";
    case 0x98:
      return "EM";
    default:
      return (area >= 0xa0 && area <= 0xac) || (area >= 0x20 && area <= 0x2c) ? "EM"
                                                                              : std::string_view();
  }
}

std::string_view end_name(std::uint16_t code) {
  switch (code >> 8U & 0x7fU) {
    case 0x00:
      return code == 1 ? "service canceled" : "normal completion";
    case 0x01:
      return "local node error";
    case 0x02:
      return "destination node error";
    case 0x03:
      return "controller error";
    case 0x04:
      return "service unsupported";
    case 0x05:
      return "routing error";
    case 0x10:
      return "command format error";
    case 0x11:
      return "parameter error";
    case 0x20:
      return "read not possible";
    case 0x21:
      return "write not possible";
    case 0x22:
      return "not executable in current mode";
    case 0x23:
      return "no such device";
    case 0x24:
      return "cannot start or stop";
    case 0x25:
      return "unit error";
    case 0x26:
      return "command error";
    case 0x30:
      return "access right error";
    case 0x40:
      return "abort";
    default:
      return {};
  }
}

}  // namespace dissect::fins
