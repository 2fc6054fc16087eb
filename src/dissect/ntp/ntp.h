#pragma once

#include "dissect/protocol.h"

namespace dissect::ntp {

// Who asks whom for the time. Answers carry the time that the request was sent.
// Source: RFC 5905; RFC 9327 and RFC 1305 appendix B for control messages.
extern const Protocol kProtocol;

}  // namespace dissect::ntp
