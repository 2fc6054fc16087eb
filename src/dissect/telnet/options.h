#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::telnet {

enum Sign : std::uint8_t {
  kEndOfSub = 240,  // SE
  kSub = 250,       // SB
  kWill = 251,
  kWont = 252,
  kDo = 253,
  kDont = 254,
  kIac = 255,
};

// "DO"; empty: it is none.
std::string_view sign_name(std::uint8_t sign);
// "terminal type"; empty: not registered.
std::string_view option_name(std::uint8_t option);

// What a sub-negotiation tells.
struct Told {
  std::string_view user;      // of the new environment
  std::string_view terminal;  // its type
};
// `body`: what stands between the option and IAC SE, with IAC doubled where it is data.
Told read_sub(std::uint8_t option, base::ByteView body, Sink& sink);

}  // namespace dissect::telnet
