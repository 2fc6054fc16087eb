#pragma once

#include "dissect/modbus/decode.h"

namespace dissect::modbus {

// UMAS, by which Schneider Electric's engineering tools speak to Modicon controllers inside of
// function 90: identity, reservation, memory, start and stop, the program in both directions.
// The protocol is not published; facts are those of captures and of what others found in them:
// "The Unity (UMAS) protocol" (lirasenlared, 2017) and "The secrets of Schneider Electric's UMAS
// protocol" (Kaspersky ICS CERT, 2022). Its names take the controller's view: what is uploaded goes
// to the controller, which everybody else calls a download.
void read_umas_request(Reader& body, Decoding& to, Asked& asked);
void read_umas_response(Reader& body, Decoding& to, const Asked* asked);

}  // namespace dissect::modbus
