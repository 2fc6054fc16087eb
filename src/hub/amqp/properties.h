#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "hub/amqp/message.h"

// Device-to-cloud messages, from AMQP's sections to the property bag that MQTT has. Threads: pure.
namespace hub::amqp {

// The bag, encoded as the SDKs do it: $.mid, $.cid, $.uid, $.to, $.ct, $.ce, $.exp, $.ifid, $.sub,
// $.on, then the application's own. Names that start with "$." are the hub's and cannot be an
// application's; what a message claims about its sender is left out.
std::string property_bag(const Message& message);

// The messages in one transfer: itself, or, if that is a batch, those in it. A batch is a message
// of nothing but data sections each of which is a message. Views are of `bytes`.
// Errors: those of decode().
base::Result<std::vector<Message>> decode_events(base::ByteView bytes);

}  // namespace hub::amqp
