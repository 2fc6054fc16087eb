#pragma once

#include "dissect/message.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::zigbee {

// Whether the payload of a data frame is a ZigBee network frame.
bool is_network(base::ByteView payload);

// Reads a ZigBee network frame and what it carries, as far as it is not encrypted, into the
// message.
void read_network(Reader& reader, Message& message, Objects& objects, Sink& sink);

}  // namespace dissect::zigbee
