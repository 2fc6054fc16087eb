#pragma once

#include <cstdint>
#include <string_view>

namespace dissect::syslog {

// A message's parts, as views into it; what is not there, or "-", is empty.
struct Record {
  bool has_priority = false;
  std::uint8_t facility = 1;  // of what has no priority (RFC 3164 section 4.3.3)
  std::uint8_t severity = 5;
  bool structured = false;  // RFC 5424
  bool good = true;         // as far as its standard says
  std::string_view timestamp;
  std::string_view host;
  std::string_view application;
  std::string_view process;
  std::string_view message_id;
  std::string_view data;  // structured
  std::string_view text;
};
Record read_record(std::string_view text);

// Whether it looks like a priority (<0> to <191>) followed by a text; `certain`: and by a version
// or a time.
struct Look {
  bool priority = false;
  bool certain = false;
};
Look look_at(std::string_view text);

std::string_view facility_name(std::uint8_t facility);
std::string_view severity_name(std::uint8_t severity);

}  // namespace dissect::syslog
