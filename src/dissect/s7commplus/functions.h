#pragma once

#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::s7commplus {

// One message as it is being read.
struct Decoding {
  Message& message;
  Sink& sink;
  Objects& objects;
};

// What a function asks for, behind session and flags: objects and what is done to them.
void read_request(std::uint16_t function, Reader& body, Decoding& to);
// What is answered, behind the flags: return value, values, who the controller is.
void read_response(std::uint16_t function, Reader& body, Decoding& to);
// What a subscription sends.
void read_notification(Reader& body, Decoding& to);

}  // namespace dissect::s7commplus
