#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace dissect::dns {

enum class NameError : std::uint8_t {
  None,
  Truncated,  // ends within the message's end
  Malformed,  // a pointer that does not go back, a kind of label that is not used, too long
};

// Reads the name at `offset` of a message into `out` (cleared first): labels with dots between,
// "." for the root, what is not printable as \xNN; always UTF-8. `offset` is then behind the name.
// A pointer must go back before the name's own beginning, which ends every loop; a name is at most
// 255 bytes long (RFC 1035 section 2.3.4).
NameError read_name(base::ByteView message, std::size_t& offset, std::string& out);

// A NetBIOS name in its first label (RFC 1001 section 14.1): 32 letters A to P are 16 bytes, the
// last of them the kind of service. "PLC7<20>"; false when it is not one.
bool netbios_name(std::string_view label, std::string& out, std::uint8_t& suffix);

// Whether `text` is a service of DNS-SD, "_http._tcp.local" or an instance of one; its first part
// with an underscore, or empty.
std::string_view service_of(std::string_view name);

}  // namespace dissect::dns
