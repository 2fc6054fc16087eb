#pragma once

#include "dissect/protocol.h"

// OPC UA over TCP in its binary encoding: connection, secure channel, chunks and services.
//
// Services are read where the channel does not encrypt, which the opening of the channel says; in
// mid-stream what looks like a service is tried. What is encrypted is told as that. Source: OPC
// 10000-6 (mappings), OPC 10000-4 (services).
namespace dissect::opcua {

extern const Protocol kProtocol;

}  // namespace dissect::opcua
