#pragma once

#include "dissect/protocol.h"

namespace dissect::syslog {

// Syslog over UDP, and over TCP with lengths before messages or lines: facility and severity, who
// logged, of what; also the names that senders give themselves. The texts are details only.
// Source: RFC 5424 (and 3164 for what was before), 5426, 6587.
extern const Protocol kProtocol;

}  // namespace dissect::syslog
