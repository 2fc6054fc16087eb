#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace shell {

// Most bytes that are decoded at once.
inline constexpr std::size_t kMaxDecoded = 64UL << 10U;

// All of the text, as decoders on Linux take it: white space is skipped, padding may be missing.
// nullopt: it is none, or too long. Threads: pure. Sources: RFC 4648.
std::optional<std::string> decode_base64(std::string_view text);
std::optional<std::string> decode_base32(std::string_view text);
// Pairs of hexadecimal digits; white space and \x before them are skipped.
std::optional<std::string> decode_hex(std::string_view text);

// Backslash escapes as `echo -e`, printf and $'...' take them: \n, \x2f, \057, \u002f, \\.
std::string unescape(std::string_view text);

// What tr makes of the text: `from` and `to` are its sets, ranges and classes as usual. nullopt: a
// set that is not understood.
std::optional<std::string> translate(std::string_view text, std::string_view from,
                                     std::string_view to);
// What tr -d leaves.
std::optional<std::string> without(std::string_view text, std::string_view set);

// Whether it can be read: printable ASCII, UTF-8 letters and white space, and not empty.
bool is_readable(std::string_view text);

// The next encoded text (base64 or hexadecimal, 16 characters at least) in a word at or after
// `from` that decodes to something readable; `from` moves behind it. nullopt: there is none.
std::optional<std::string> next_fragment(std::string_view word, std::size_t& from);

}  // namespace shell
