#pragma once

#include <iosfwd>
#include <string>

#include "schema/decode.h"

namespace cli {

// `vedette message validate FILE|-`: judges security messages without a hub.
//
// The input is one message, an array of messages, or one message a line; blank lines are skipped.
// Writes one JSON line for each to `out`: {"index":0,"valid":false,"errors":[{"pointer":...,
// "expected":...,"found":...}]}, and in Mode::Lenient also
// "leniencies":[{"name":...,"pointer":...}]. `path` "-" is `standard_input`. Text that is no JSON
// is one invalid message.
//
// Exit status: 0 every message is valid, 1 one is not, 2 the input cannot be read or is larger than
// kMaxInputBytes (told on `err`).
inline constexpr std::size_t kMaxInputBytes = 256U << 20;
int message_validate(const std::string& path, schema::Mode mode, std::istream& standard_input,
                     std::ostream& out, std::ostream& err);

}  // namespace cli
