#pragma once

#include <optional>
#include <string_view>

#include "shell/arena.h"

namespace shell {

// An address with a scheme, taken apart. Views of the text.
struct Url {
  std::string_view text;    // up to where it ends
  std::string_view scheme;  // as written
  std::string_view host;    // as written, without brackets, user and port
  std::string_view path;    // with its slash, without query and fragment; may be empty
};
// The first one in `text`, nullopt when there is none. "http://" and the like; user and port may be
// there. Source: RFC 3986.
std::optional<Url> find_url(std::string_view text);
// A downloader's argument without a scheme: "example.com/x.sh". nullopt: it is none.
std::optional<Url> read_bare_url(std::string_view word);

// A host in the form that lists have: lower case, no final dot, punycode (RFC 3492), and IPv4
// addresses as four numbers however they were written (one number, hexadecimal, octal: as
// inet_aton() reads them). A view of `host` or into the arena.
std::string_view normal_host(std::string_view host, Arena& arena);

// public, private, loopback, linklocal, any, multicast; name for what is no IP address. `host` is
// normal. IPv4 within IPv6 is judged as what it is. Sources: RFC 1918, 4193, 4291, 6598, 6890.
// Blocks for documentation count as public.
std::string_view scope_of(std::string_view host);

bool is_ip(std::string_view text);
// Labels of letters, digits and hyphens, at least two, the last of letters.
bool looks_like_domain(std::string_view text);

// The next IPv4 address or bracketed IPv6 address at or after `from`, that is no part of a longer
// number or word; `from` moves behind it. Empty: none.
std::string_view next_ip(std::string_view text, std::size_t& from);

}  // namespace shell
