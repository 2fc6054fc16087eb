#pragma once

#include "dissect/protocol.h"

namespace dissect::melsec {

// Mitsubishi's MELSEC communication protocol over TCP and UDP: SLMP frames 3E and 4E, binary and
// ASCII, and the frames of MELSOFT (GX Works) that carry the same commands and others of their own.
// The unit of a transaction is the number of the station (PC number). Frames 1E of the A series,
// which have nothing to know them by, are not read.
// Sources: Mitsubishi SH-080956ENG (SLMP reference); SH-080008 (MELSEC communication protocol).
// MELSOFT's frames are not published; what is read is what GX Works and controllers send.
extern const Protocol kProtocol;

}  // namespace dissect::melsec
