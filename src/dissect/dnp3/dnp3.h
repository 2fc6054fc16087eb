#pragma once

#include "dissect/protocol.h"

// DNP3 over TCP and UDP, with its link, transport and application layers.
//
// Which end is the outstation is in each frame, so that it never matters who opened the connection.
// The unit of a message is the outstation's link address. Source: IEEE 1815-2012.
namespace dissect::dnp3 {

extern const Protocol kProtocol;

}  // namespace dissect::dnp3
