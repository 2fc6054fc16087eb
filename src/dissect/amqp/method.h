#pragma once

#include <cstdint>

#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::amqp {

// Reads a method of AMQP 0-9-1 (the payload of a frame of type 1).
void read_method(std::uint16_t channel, Reader& reader, Objects& objects, Sink& sink);
// Whether a payload begins one that exists.
bool is_method(base::ByteView payload);

}  // namespace dissect::amqp
