#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dissect/objects.h"
#include "dissect/sink.h"

namespace dissect::codesys {

// A component of the runtime, by the number of its service group; empty: not known.
std::string_view group_name(std::uint16_t group);

struct Service {
  std::string_view name = {};  // empty: not known
  Access access = Access::None;
};
Service service(std::uint16_t group, std::uint16_t number);

// One message as it is being read.
struct Decoding {
  Message& message;
  Sink& sink;
  Objects& objects;
};

// A message of the services layer, its header included. `whole`: nothing of it is missing.
void read_service(base::ByteView bytes, bool whole, Decoding& to);

// What the name service answers: who the controller is.
void read_identification(base::ByteView bytes, Sink& sink);

}  // namespace dissect::codesys
