#pragma once

#include <cstdint>

#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::amqp {

// Reads the body of a frame of AMQP 1.0: of the connection, or of SASL.
void read_performative(std::uint16_t channel, Reader& reader, Objects& objects, Sink& sink);
// Whether a body begins with one that exists.
bool is_performative(base::ByteView body);

}  // namespace dissect::amqp
