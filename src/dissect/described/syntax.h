#pragma once

#include <cstddef>
#include <string_view>

namespace dissect::described {

// How far a text is JSON (RFC 8259): where the first thing stands that cannot be there, or its
// size. What lies deeper than 64 levels cannot be there. Says where a text is broken of which the
// parser only says that it is.
std::size_t json_until(std::string_view text);

}  // namespace dissect::described
