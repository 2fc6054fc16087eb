#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "hub/egress/settings.h"

namespace hub::egress {

// Lines on their way out. The same lines have the same id whenever they are tried.
struct Delivery {
  std::string_view forward;  // its name
  std::string id;            // NAME:FIRST-LAST, offsets of the first and the last line
  std::string_view body;     // lines of JSON
  std::size_t lines = 0;
};

// What became of a delivery.
struct Verdict {
  // Taken: theirs now. Later: try the same again. Refused: it will never be taken as it is; a
  // smaller one might.
  enum class Kind : std::uint8_t { Taken, Later, Refused };
  Kind kind = Kind::Taken;
  std::string why = {};                           // when it was not taken
  std::optional<std::chrono::seconds> wait = {};  // they asked for that
};

// Where lines go. Calls may wait, until they are told to stop. Threads: one.
class Target {
 public:
  virtual ~Target() = default;
  virtual Verdict deliver(const Delivery& delivery, const std::stop_token& stop) = 0;
};

// Errors: what the settings name is not there or not usable; the detail says what.
base::Result<std::unique_ptr<Target>> make_webhook(const ForwardSettings& settings);
base::Result<std::unique_ptr<Target>> make_file(const ForwardSettings& settings);

// "t=UNIX,v1=HEX": HMAC-SHA256 with the secret over "UNIX.BODY". Threads: pure.
std::string sign(std::string_view secret, std::int64_t unix_time, std::string_view body);

}  // namespace hub::egress
