#pragma once

#include <cstdint>

#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::profinet {

// A DCP message behind its FrameID. Source: IEC 61158-6-10, 4.3.
void read_dcp(std::uint16_t frame_id, Reader& reader, Sink& sink);

}  // namespace dissect::profinet
