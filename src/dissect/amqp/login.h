#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/objects.h"
#include "dissect/sink.h"
#include "dissect/text.h"

namespace dissect::amqp {

// Requests of a connection that are answered once: beside them there are those of channels.
inline constexpr std::uint64_t kLoginKey = 1;
inline constexpr std::uint32_t kLoginCode = 0xfffe;

// The user in an initial response of SASL; empty: none, or not known how.
inline std::string_view user_of(std::string_view mechanism, std::string_view response) {
  if (mechanism == "PLAIN") {
    // Whom to act for, who it is, and the password, with zeros between (RFC 4616).
    const std::size_t first = response.find('\0');
    if (first == std::string_view::npos) return {};
    const std::string_view rest = response.substr(first + 1);
    return rest.substr(0, rest.find('\0'));
  }
  if (mechanism != "AMQPLAIN") return {};
  // A table: "LOGIN", 'S', a length of four bytes.
  constexpr std::string_view kLogin = "\x05LOGINS";
  const std::size_t at = response.find(kLogin);
  if (at == std::string_view::npos || response.size() < at + kLogin.size() + 4) return {};
  const std::string_view rest = response.substr(at + kLogin.size());
  return rest.substr(4, static_cast<unsigned char>(rest[3]));
}

// The request of a login, with who it is.
inline void ask_login(std::string_view mechanism, std::string_view response, Message& message,
                      Objects& objects, Sink& sink) {
  const std::string_view user = user_of(mechanism, response);
  sink.shown("mechanism", mechanism);
  sink.number("response_length", response.size());
  message.kind = Kind::Request;
  message.key = kLoginKey;
  message.access = Access::Authentication;
  objects.add(message, sink, {"mechanism", objects.shown(mechanism, 64), 0, 0});
  if (user.empty()) return;
  sink.shown("user", user);
  objects.add(message, sink, {"user", objects.shown(user, 64), 0, 0});
  sink.tell(Fact::User, printable(user), Confidence::Banner);
}

// What became of it.
inline void answer_login(const Status& status, Sink& sink) {
  Message message;
  message.kind = Kind::Response;
  message.key = kLoginKey;
  message.operation = {kLoginCode, "login"};
  message.access = Access::Authentication;
  message.status = status;
  sink.message(message);
}

}  // namespace dissect::amqp
