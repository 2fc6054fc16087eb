#pragma once

#include "dissect/protocol.h"

namespace dissect::mqtt {

// MQTT 3.1, 3.1.1 and 5.0: sessions and who logs in, topics published to and asked for, what became
// of it, properties; Sparkplug B by its topics. What a broker passes on to a client is a read, as
// the client asked for it. Passwords are not shown.
// Source: OASIS MQTT 3.1.1 and 5.0; Eclipse Sparkplug 3.0, section 4.
extern const Protocol kProtocol;

}  // namespace dissect::mqtt
