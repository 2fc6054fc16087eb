#pragma once

#include "dissect/protocol.h"

namespace dissect::amqp {

// AMQP 0-9-1 and 1.0: logins, what brokers and clients call themselves, exchanges, queues and links
// that are published to and consumed from. Messages are passed by. Passwords are not shown.
// Source: AMQP 0-9-1 specification and its XML; OASIS AMQP 1.0, parts 1, 2 and 5.
extern const Protocol kProtocol;

}  // namespace dissect::amqp
