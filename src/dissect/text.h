#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace dissect {

// Foreign text as UTF-8 that is safe to show: ends at the first zero byte, without blanks around
// it, what is neither UTF-8 nor printable as \xNN, at most `limit` bytes of input.
std::string printable(std::string_view text, std::size_t limit = 256);
std::string printable(base::ByteView text, std::size_t limit = 256);

// Whether printable() would give the text as it is: ASCII without control characters, and no blanks
// around it.
bool plain(std::string_view text);

// UTF-16 to printable UTF-8; an odd last byte is ignored.
std::string printable_utf16le(base::ByteView text, std::size_t limit = 512);
std::string printable_utf16be(base::ByteView text, std::size_t limit = 512);

// "0a1b2c".
std::string hex(base::ByteView bytes, std::size_t limit = 64);

}  // namespace dissect
