#pragma once

#include "dissect/protocol.h"

namespace dissect::sv {

// Sampled values: measurements of currents and voltages, thousands of times a second. Told as a
// one-way operation on the streams in a packet, and their settings.
// Sources: IEC 61850-9-2:2011, 8.5; IEC 61850-9-2LE for the values of a data set that is 64 bytes.
extern const Protocol kProtocol;

}  // namespace dissect::sv
