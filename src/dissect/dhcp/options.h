#pragma once

#include <cstdint>
#include <string_view>

namespace dissect::dhcp {

// How an option's value is written.
enum class Form : std::uint8_t { Bytes, Text, Ip, U8, U16, U32, Flag, Empty };

struct Option {
  std::uint8_t code = 0;
  Form form = Form::Bytes;
  std::string_view name;  // of the detail
};

// What is known of an option; a form of Bytes and no name: nothing is.
// Source: RFC 2132 and IANA's register of BOOTP and DHCP parameters.
Option option_of(std::uint8_t code);

}  // namespace dissect::dhcp
