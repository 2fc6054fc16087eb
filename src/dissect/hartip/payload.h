#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::hartip {

// Who a device says it is (the answer to commands 0, 11, 21, 73).
struct Identity {
  bool known = false;
  std::uint16_t type = 0;  // expanded device type; of HART 5, manufacturer and type
  std::uint16_t manufacturer = 0;
  std::uint32_t id = 0;
  std::uint8_t revision = 0;  // universal
  std::uint8_t device = 0;
  std::uint8_t software = 0;
  std::uint8_t hardware = 0;
};

// One message as it is being read.
struct Decoding {
  Objects& objects;
  Message& message;
  Sink& sink;
  // The device that answers the flow's first questions, not one behind it: its names are told.
  bool own = true;
};

// The data of a command: each value is a detail, what they are about becomes objects. What is
// shorter than it must be makes `data` not ok().
void read_request(std::uint16_t command, Reader& data, Decoding& to);
// The same of an answer, behind its two bytes of status.
Identity read_response(std::uint16_t command, Reader& data, Decoding& to);

}  // namespace dissect::hartip
