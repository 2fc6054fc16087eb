#pragma once

#include "dissect/protocol.h"

namespace dissect::ssh {

// Who speaks on both ends, and what they can: versions, and the algorithms that each offers until
// keys are agreed. What follows is encrypted and passes by. A request is the client's version, and
// is answered when the server goes over to the new keys.
// Source: RFC 4253 sections 4, 6 and 7; HASSH as its authors published it.
extern const Protocol kProtocol;

}  // namespace dissect::ssh
