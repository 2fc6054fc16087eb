#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dissect/protocol.h"

namespace dissect::http {

// Longer heads are cut into what is read and what is not.
inline constexpr std::size_t kMaxHead = 32U << 10U;
inline constexpr std::size_t kMaxHeaders = 128;

struct Method {
  std::string_view name;
  Access access = Access::None;
};
// In the order of their codes, which are stable; none: not a method.
std::optional<std::uint32_t> method_of(std::string_view name);
const Method& method(std::uint32_t code);
// Whether the text could become a request's or answer's first line: strictly.
Match match_start(std::string_view text);

// What a head says. Views into it.
struct Head {
  bool request = false;
  std::optional<std::uint32_t> method;
  std::string_view target;   // of a request
  std::string_view version;  // "1.1"
  std::uint16_t code = 0;    // of an answer
  std::string_view phrase;
  std::string_view host;
  std::string_view agent;
  std::string_view server;
  std::string_view powered_by;
  std::string_view content_type;
  std::string_view soap_action;
  std::string_view authorization;
  std::string_view upgrade;
  // Of SSDP.
  std::string_view search_target;
  std::string_view notification;
  std::string_view unique_name;
  std::string_view location;
  std::optional<std::uint64_t> length;
  bool chunked = false;
  std::uint32_t headers = 0;
};

// Reads a whole head, telling details and what is wrong with it.
Head read_head(std::string_view text, Sink& sink);

// A target as it may be shown: no user's password in it, no values of parameters that are called
// like secrets; printable.
std::string shown_target(std::string_view target);
// Without what follows a question mark.
std::string_view path_of(std::string_view target);

// The name of status codes that are common; empty: none.
std::string_view reason_of(std::uint16_t code);

// The user's name of credentials (RFC 7617, RFC 7616), printable; empty: not said.
std::string user_of(std::string_view authorization);

}  // namespace dissect::http
