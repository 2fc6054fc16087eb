#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dissect/objects.h"
#include "dissect/protocol.h"

// What SIP and RTSP share: messages of lines with a body, that look like HTTP's.
namespace dissect::sip {

inline constexpr std::size_t kMaxHead = 16U << 10U;
inline constexpr std::size_t kMaxHeaders = 128;
// Of a body, more is passed by.
inline constexpr std::size_t kMaxBody = 16U << 10U;

struct Method {
  std::string_view name;
  Access access = Access::None;
};

// A request's or an answer's first line.
struct StartLine {
  bool request = false;
  std::string_view method;
  std::string_view target;
  std::string_view version;  // "SIP/2.0"
  std::uint16_t code = 0;
  std::string_view reason;
};
StartLine read_start(std::string_view line);

// Whether text begins such a message of that name ("SIP/"), with one of the methods: No, Unsure
// while it may, Yes.
Match match_start(std::string_view text, std::string_view name, std::span<const Method> methods);

// How long the message at the beginning is. `compact`: "l" is the length, too.
Frame frame_of(std::string_view text, bool compact);

// The place of a method in a table, by which it is coded.
std::optional<std::uint32_t> method_of(std::span<const Method> methods, std::string_view name);

// The quoted or bare value of a parameter in what stands behind a scheme: username="x"; empty: it
// is not there.
std::string_view parameter(std::string_view value, std::string_view name);

// user and host of an address: "x" <sip:user:password@host:port;a=b>;tag=c
struct Address {
  std::string_view user;
  std::string_view host;
};
Address read_address(std::string_view value);
// The same without a password in it.
std::string_view without_password(std::string_view uri, Objects& objects);

// What a session description (RFC 8866) says, told as details; its media become objects.
void read_description(std::string_view body, Message& message, Objects& objects, Sink& sink);

}  // namespace dissect::sip
