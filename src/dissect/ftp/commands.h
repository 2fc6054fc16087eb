#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dissect/message.h"

namespace dissect::ftp {

struct Command {
  std::string_view name;
  Access access = Access::None;
  std::string_view object;  // what its argument is: "file", "folder"; empty: nothing
  bool secret = false;
};
// In the order of their codes, which are stable. Upper and lower case do not matter.
std::optional<std::uint32_t> command_of(std::string_view name);
const Command& command(std::uint32_t code);

// What a reply's code says; empty: nothing special.
std::string_view reply_name(std::uint32_t code);

// Where a data connection goes.
struct DataEnd {
  bool good = false;
  std::uint16_t port = 0;
  std::string_view address;  // as written; with commas in PORT and PASV; empty: the same host
};
// "h1,h2,h3,h4,p1,p2" anywhere in the text (PORT, and 227).
DataEnd data_end(std::string_view text);
// "|family|address|port|" with any delimiter (EPRT, and 229).
DataEnd extended_end(std::string_view text);

}  // namespace dissect::ftp
