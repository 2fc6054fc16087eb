#pragma once

#include <string>

#include "dissect/protocol.h"
#include "dissect/transaction.h"

// What records hold, in words. Threads: pure.
namespace sensor::engine {

// "tcp", "udp", "ip 47", "0x88b8".
std::string transport_text(const dissect::FlowInfo& flow);
// "holding registers 10-11", "DB 1 100", "tag Motor_1".
std::string object_text(const dissect::NamedObject& object);
// Its name, or its number where it has none.
std::string operation_text(const dissect::Operation& operation);

}  // namespace sensor::engine
