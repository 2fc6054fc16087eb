#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

// Text in lines with named values, as HTTP has it and what was made after it: SSDP, SIP, RTSP.
// Views into the input, no memory of its own. Threads: pure. Source: RFC 9112 section 2 and 5.
namespace dissect::headers {

// Where the blank line that ends a head is over; none: it has not come yet. Lines end with CR LF,
// or with LF alone (RFC 9112 section 2.2).
std::optional<std::size_t> end_of(std::string_view text);

// The lines of a text, without their ends. A last line without an end counts.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool next();
  std::string_view here() const { return here_; }

 private:
  std::string_view rest_;
  std::string_view here_;
};

struct Header {
  std::string_view name;
  std::string_view value;  // without blanks around it
  bool folded = false;     // goes on with the line before it, which is obsolete: all of it is value
  bool good = false;       // a name and a colon, and no control characters
};
Header header_of(std::string_view line);

// Whether the names are the same: upper and lower case do not matter.
bool is(std::string_view name, std::string_view wanted);

// A decimal number that is the whole text; none, also when it is more than 18 digits long.
std::optional<std::uint64_t> number(std::string_view text);

// A product's name and version at the beginning of a text, and what it says of the system.
struct System {
  std::string_view name;     // a literal; empty: not known
  std::string_view version;  // a view into the text; empty: not said
};
// What a browser's or tool's description of itself says of the system it runs on.
System system_of(std::string_view agent);

}  // namespace dissect::headers
