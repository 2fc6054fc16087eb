#pragma once

#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::knx {

// One message as it is being read.
struct Decoding {
  Message& message;
  Sink& sink;
  Objects& objects;
};

// A cEMI frame: which bus telegram or property is meant, and what is done to it. Becomes objects,
// access and sub-operation of the message.
void read_cemi(Reader& body, Decoding& to);

}  // namespace dissect::knx
